"""Secrets in definitions: clear for who may edit the container, eight stars for everybody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.domain.secrecy import MASK
from containers.errors import InvalidRequest
from containers.models import Container, Grant
from containers.services import containers, disclosure, sight, transfer
from tests.support import rows

pytestmark = pytest.mark.django_db

ENV = {"DB_PASSWORD": "hunter22", "APP_KEY": "abc", "PORT": "80"}
HIDDEN = {"DB_PASSWORD": MASK, "APP_KEY": MASK, "PORT": "80"}


@pytest.fixture
def web() -> Container:
    rows.container("web", env=ENV, cmd="/bin/web --with hunter22")
    return Container.objects.select_related("host").with_definition().get()


def env(row: Container) -> Any:
    return disclosure.definition_of(row)["env"]


def test_root_itself_sees_everything(web: Container) -> None:
    assert env(web) == ENV


def test_who_may_edit_sees_everything(web: Container, operator: User) -> None:
    with sight.looking_as(lambda: operator):
        assert env(web) == ENV
        assert "lxc.environment = DB_PASSWORD=hunter22\n" in disclosure.config_of(web)


def test_who_may_view_sees_stars(web: Container, viewer: User) -> None:
    revision = web.revisions.get()
    with sight.looking_as(lambda: viewer):
        assert disclosure.data_of(web)["definition"] | {"layers": []} == {
            "layers": [],
            "env": HIDDEN,
            "cmd": f"/bin/web --with {MASK}",
        }
        assert disclosure.revision_of(revision)["definition"]["env"] == HIDDEN
        config = disclosure.config_of(web)
        assert {f"lxc.environment = {key}={value}" for key, value in HIDDEN.items()} < set(config.split("\n"))
        assert transfer.export()["containers"]["web"]["env"] == HIDDEN


def test_who_may_edit_another_sees_stars_here(web: Container) -> None:
    rows.container("shop-web", env=ENV)
    limited = rows.limited("limited", "shop-*", "edit")
    Grant.objects.create(user=limited, right="view", pattern="*")
    with sight.looking_as(lambda: limited):
        assert {name: item["env"] for name, item in transfer.export()["containers"].items()} == {"web": HIDDEN, "shop-web": ENV}
        # A container can be made of it.
        assert disclosure.defaults({"env": ENV}) == {"env": ENV}


def test_defaults_of_an_image_are_for_who_can_use_them(viewer: User) -> None:
    with sight.looking_as(lambda: viewer):
        assert disclosure.defaults({"env": ENV}) == {"env": HIDDEN}


def test_stars_are_no_value(web: Container, operator: User) -> None:
    with pytest.raises(InvalidRequest) as caught:
        containers.update_container(rows.actor(operator), web, {"definition": {"layers": ["base"], "env": {"DB_PASSWORD": MASK}}})
    assert [error.field for error in caught.value.errors] == ["definition.env.DB_PASSWORD"]
    with pytest.raises(InvalidRequest) as caught:
        transfer.import_containers(rows.actor(operator), {"containers": {"new": {"layers": ["base"], "env": HIDDEN}}})
    assert [error.field for error in caught.value.errors] == ["containers.new.env.DB_PASSWORD", "containers.new.env.APP_KEY"]

"""What an installation would be: judged against all that is there beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import MountKind
from containers.errors import InvalidRequest
from containers.models import Host, Installation, InstallationPort, Layer, Volume
from containers.services import installations, vault
from tests.support.apps import write


@pytest.fixture
def host(db: None) -> Host:
    return Host.objects.get_or_create(name=settings.HOST)[0]


@pytest.fixture
def app(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    Layer.objects.create(host=host, name="base", is_available=True)
    write(tmp_path)
    return apps.find("note")


def errors(app: App, name: str = "blog", given: Any = None, adopt: Any = None) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        installations.preview(app, name, given or {}, adopt)
    return {error.field: error.message for error in caught.value.errors}


def test_a_preview_shows_definitions_and_what_is_done(app: App) -> None:
    found = installations.preview(app, "blog", {"text": "hi", "port": 18081})
    assert [spec.name for spec in found.specs] == ["blog-db", "blog-web"]
    assert found.specs[1].definition.layers == ("base", "app-note-web-1.0")
    assert [(step.container, step.action.value) for step in found.plan.steps] == [
        ("", "build"),
        ("blog-db", "create"),
        ("blog-web", "create"),
        ("", "write"),
        ("", "write"),
        ("blog-db", "start"),
        ("blog-web", "start"),
        ("blog-db", "execute"),
        ("blog-web", "publish"),
    ]


def test_a_name_a_port_and_a_volume_that_are_taken(app: App, host: Host) -> None:
    other = Installation.objects.create(host=host, name="wiki", app="note", version="1.0", title="Note")
    InstallationPort.objects.create(installation=other, host=host, port=18080, container="wiki-web", container_port=80)
    Volume.objects.create(host=host, name="blog-data", kind=MountKind.DIRECTORY)
    assert errors(app, "wiki") == {"name": "there is an installation wiki already"}
    assert errors(app) == {
        "name": "there is a volume blog-data already: adopt it, or choose another name",
        "answers.port": "port 18080 leads to wiki already",
    }
    assert installations.preview(app, "blog", {"port": 18081}, {"data": "blog-data"})
    assert errors(app, "news", {"port": 18081}, {"data": "gone"}) == {"adopt.data": "there is no volume gone on the host"}
    assert errors(app, "news", {"port": 18081}, {"x": "gone"}) == {"adopt.x": "Note has no volume x"}


def test_the_panels_own_port_is_not_given_away(app: App) -> None:
    port = int(settings.BIND.rpartition(":")[2])
    assert errors(app, given={"port": port}) == {"answers.port": f"port {port} is the panel's own"}


@pytest.mark.parametrize("name", ["", "Blog", "a" * 41, "-x", "a\nb", "localhost", "../x"])
def test_names_that_are_none(app: App, name: str) -> None:
    assert errors(app, name).keys() == {"name"}


def test_secrets_are_sealed_and_come_back(app: App, host: Host) -> None:
    made = installations.draft(app, "blog", {"password": "hush-hush"})
    row = Installation.objects.create(
        host=host, name="blog", app="note", title="", answers=made.answers.plain, secrets=installations.sealed(made.answers)
    )
    assert "hush-hush" not in str(Installation.objects.filter(pk=row.pk).values().get())
    assert vault.open(row.secrets)
    assert installations.answers_of(row) == {"text": "hello", "port": 18080, "password": "hush-hush"}


def test_a_missing_base_is_said(app: App) -> None:
    Layer.objects.all().delete()
    assert errors(app) == {"images.web": "line 1: there is no image and no layer base"}


def test_what_comes_with_spocweb_makes_its_base_itself(host: Host) -> None:
    found = installations.preview(apps.find("static-site"), "site", {})
    assert [step.reason for step in found.plan.steps[:2]] == ["base system debian-13", "image app-static-site-web:1.26.1"]

"""The page of components: for administrators, made of the pages' own fragments, and without a row of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Command, Job, Line, Step
from containers.views import states
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

TEMPLATES = Path(__file__).parent.parent.parent / "templates"


@pytest.fixture
def admin_client(admin: User) -> Client:
    return signed_in(admin)


def test_it_shows_every_state(admin_client: Client) -> None:
    main = parse(admin_client.get("/styleguide/")).one("main")
    shown = {badge.text for badge in main.all("span", "sw-state")}
    badges = [*states.CONTAINER_BADGES, *states.JOB_BADGES.values(), *states.STEP_BADGES.values()]
    assert {str(badge.word) for badge in badges} <= shown
    assert "Enter a whole number." in main.text


def test_it_writes_no_row(admin_client: Client) -> None:
    admin_client.get("/styleguide/")
    assert [model.objects.count() for model in (Job, Step, Command, Line)] == [0, 0, 0, 0]


def test_no_sample_is_followed_or_asks_for_work(admin_client: Client) -> None:
    main = parse(admin_client.get("/styleguide/")).one("main")
    assert main.all("section", data_live=True) == []
    assert {form["action"] for form in main.all("form")} == {"/notifications/read/"}


def test_ids_are_its_own(admin_client: Client) -> None:
    ids = re.findall(r'\bid="([^"]+)"', admin_client.get("/styleguide/").content.decode())
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("who", ["client", "viewer_client", "stranger_client"])
def test_it_is_for_administrators(request: pytest.FixtureRequest, who: str) -> None:
    client = request.getfixturevalue(who)
    assert client.get("/styleguide/").status_code == 403
    if who != "stranger_client":
        assert "/styleguide/" not in [link["href"] for link in parse(client.get("/jobs/")).all("a")]


def test_its_fragments_are_those_of_the_pages() -> None:
    text = (TEMPLATES / "styleguide.html").read_text()
    used = set(re.findall(r'{% include "([^"]+)"', text))
    others = "".join(path.read_text() for path in TEMPLATES.rglob("*.html") if path.name != "styleguide.html")
    python = "".join(path.read_text() for path in (TEMPLATES.parent / "containers/views").glob("*.py"))
    assert used
    assert [name for name in used if f'"{name}"' not in others + python] == []

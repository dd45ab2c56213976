"""Revisions: who saved what, which fields differ, and back to one of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Container, EnvironmentVariable, Revision
from containers.services import containers, specs
from tests.support import rows
from tests.support.html import Element, parse

pytestmark = pytest.mark.django_db


@pytest.fixture
def web(operator: User) -> Container:
    """Three revisions."""
    row = rows.container("web", env={"ARGS": "-c size=128MB"})
    for changes in (
        {"definition": {"layers": ["base"], "env": {"ARGS": "-c size=256MB"}}, "timeouts": {"stop": 90}},
        {"limits": {"memory_bytes": 2**30}, "autostart": True},
    ):
        row = Container.objects.with_definition().get(name="web")
        row = containers.update_container(rows.actor(operator), row, changes)
    return row


def get(client: Client, query: str = "") -> Element:
    response = client.get(f"/containers/web/history/{query}")
    assert response.status_code == 200
    return parse(response)


def changes(tree: Element) -> dict[str, tuple[str, str]]:
    lines = tree.one("table", "sw-diff").one("tbody").all("tr")
    return {line.one("code").text: (line.one("del").text, line.one("ins").text) for line in lines}


def test_the_newest_revision_is_shown_with_what_it_changed(client: Client, web: Container) -> None:
    tree = get(client)
    assert [link.one("b").text for link in tree.all("a", "sw-pick")] == ["Revision 3", "Revision 2", "Revision 1"]
    assert tree.one("a", "sw-pick", aria_current="true").one("b").text == "Revision 3"
    assert changes(tree) == {"limits.memory_bytes": ("–", "1 GiB"), "autostart": ("no default", "yes")}
    assert "operator, API" in tree.text


def test_only_the_words_that_differ_are_marked(client: Client, web: Container) -> None:
    tree = get(client, "?revision=2")
    assert changes(tree) == {"env.ARGS": ("-c size=128MB", "-c size=256MB"), "timeouts.stop": ("30 s default", "90 s")}
    assert [mark.text for mark in tree.one("table").all("mark")] == ["128MB", "256MB", "30", "90"]


def test_the_first_revision_has_nothing_before_it(client: Client, web: Container) -> None:
    tree = get(client, "?revision=1")
    assert tree.one("table").all("del") == []
    assert "layers" in tree.one("table").text


@pytest.mark.parametrize("number", ["0", "4", "-1", "x", "99999999999999999999", "²"])
def test_a_revision_that_there_is_not_is_not_found(client: Client, web: Container, number: str) -> None:
    assert client.get(f"/containers/web/history/?revision={number}").status_code == 404


def test_an_earlier_revision_is_restored_as_a_new_one(client: Client, web: Container) -> None:
    before = Revision.objects.get(number=1).data
    response = client.post("/containers/web/history/1/restore/", follow=True)
    assert "Revision 1 is restored, as revision 4." in parse(response).one(id="notices").text
    assert Revision.objects.get(number=4).data == before
    assert Container.objects.get().revision == 4
    client.post("/containers/web/history/1/restore/")
    assert Container.objects.get().revision == 4


def test_a_revision_that_is_not_valid_any_more_is_not_restored(client: Client, web: Container) -> None:
    Revision.objects.filter(number=1).update(data={"definition": {"layers": ["gone"]}})
    response = client.post("/containers/web/history/1/restore/", follow=True)
    assert "there is no layer gone" in parse(response).one(id="notices").text
    assert Container.objects.get().revision == 3
    assert client.post("/containers/web/history/9/restore/").status_code == 404


def test_the_viewer_reads_history_and_cannot_restore(viewer_client: Client, web: Container) -> None:
    tree = get(viewer_client, "?revision=1")
    assert tree.one("main").all("form") == []


def test_more_revisions_need_no_more_queries(client: Client, web: Container, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(25) as few:
        get(client)
    for number in range(10):
        row = Container.objects.with_definition().get(name="web")
        containers.update_container(rows.ROOT, row, {"description": f"number {number}"})
    with django_assert_max_num_queries(len(few)):
        get(client)


def test_a_broken_row_does_not_hide_its_history(client: Client, web: Container) -> None:
    EnvironmentVariable.objects.update(value="1\n2")
    assert specs.data_of(web)
    assert get(client).all("table", "sw-diff") != []

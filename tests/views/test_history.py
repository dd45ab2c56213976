"""Revisions: who saved what, which fields differ, and back to one of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.choices import StepState
from containers.models import Container, EnvironmentVariable, Job, JobContainer, Revision, Step
from containers.services import containers, specs
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

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
    assert "Who operator When" in tree.text
    assert "From API, 127.0.0.1" in tree.text


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
    notice = parse(response).one(id="notices").one("div", "sw-note")
    assert notice.text == "Revision 1 is restored, as revision 4."
    assert "sw-ok" in notice.classes
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
    assert client.get("/containers/web/history/9/restore/").status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_a_restore_changes_is_shown_before_it_is_done(client: Client, web: Container, headers: dict[str, str]) -> None:
    tree = parse(client.get("/containers/web/history/1/restore/", headers=headers))
    assert changes(tree) == {
        "env.ARGS": ("-c size=256MB", "-c size=128MB"),
        "limits.memory_bytes": ("1 GiB", "–"),
        "timeouts.stop": ("90 s", "30 s default"),
        "autostart": ("yes", "no default"),
    }
    assert tree.one("form", "sw-dialog-foot").one("button", "btn-primary").text == "Restore 1"
    assert Container.objects.get().revision == 3
    same = parse(client.get("/containers/web/history/3/restore/"))
    assert "No field differs" in same.text
    assert same.one("form", "sw-dialog-foot").all("button", "btn-primary") == []


def test_any_two_revisions_are_compared_in_either_order(client: Client, web: Container) -> None:
    tree = get(client, "?from=1&to=3")
    assert set(changes(tree)) == {"env.ARGS", "limits.memory_bytes", "timeouts.stop", "autostart"}
    assert "Revision 1 → 3" in tree.text
    assert changes(get(client, "?from=3&to=2")) == {"limits.memory_bytes": ("1 GiB", "–"), "autostart": ("yes", "no default")}
    assert "No field differs" in get(client, "?from=2&to=2").text
    assert set(changes(get(client, "?from=2"))) == {"limits.memory_bytes", "autostart"}


@pytest.mark.parametrize("query", ["from=1&to=9", "from=x", "from=&to=2", "to=0"])
def test_a_comparison_with_what_there_is_not_is_not_found(client: Client, web: Container, query: str) -> None:
    assert client.get(f"/containers/web/history/?{query}").status_code == 404


def started(number: int, state: StepState, **inputs: Any) -> Job:
    values: dict[str, Any] = {"state": "succeeded", "via": "cli", "inputs": inputs, "revisions": {"web": number}}
    job = Job.objects.create(host=rows.host(), operation="start", targets=["web"], **values)
    JobContainer.objects.create(job=job, name="web")
    Step.objects.create(job=job, number=1, container="web", action="start", state=state)
    return job


def test_what_changed_since_the_last_good_start_is_one_click_away(client: Client, web: Container) -> None:
    assert "last good start" not in get(client).text
    good = started(1, StepState.SUCCEEDED)
    started(2, StepState.FAILED)
    # Another command for one run says nothing of the definition.
    started(3, StepState.SUCCEEDED, command=["sleep", "1"])
    link = get(client).one("form", "sw-tools").one("a", "sw-chip")
    assert link.text == f"Changed since the last good start, job {good.pk}"
    assert "env.ARGS" in changes(get(client, link["href"]))
    last = started(3, StepState.SUCCEEDED)
    assert f"Nothing was saved since the last good start, job {last.pk}" in get(client).text


def test_who_from_where_and_what_it_led_to(client: Client, web: Container) -> None:
    job = started(2, StepState.FAILED)
    tree = get(client, "?revision=2").one("main")
    assert "127.0.0.1" in tree.text
    assert "container.update" in tree.text
    assert f"Job {job.pk}: Start web" in tree.text
    assert "Replaced by a later one" in tree.text
    first = get(client, "?revision=1").one("main")
    assert "container.create" in first.text
    assert "No job has used it" in first.text


def test_a_container_named_like_a_lookup_finds_its_jobs(client: Client) -> None:
    rows.container("contains")
    job = Job.objects.create(host=rows.host(), operation="start", targets=["contains"], via="cli", revisions={"contains": 1})
    JobContainer.objects.create(job=job, name="contains")
    tree = parse(client.get("/containers/contains/history/"))
    assert job.get_absolute_url() in [link["href"] for link in tree.one("main").all("a")]


def test_the_list_says_how_much_each_changed_and_what_waits_for_a_restart(client: Client, web: Container) -> None:
    Container.objects.update(state="RUNNING", applied_revision=1, applied_digest="x")
    tree = get(client, "?from=1&to=3")
    assert [link.one("span", "sw-reason").text.rpartition(" · ")[2] for link in tree.all("a", "sw-pick")] == [
        "2 fields",
        "2 fields",
        "created",
    ]
    assert "2 of 4 wait for a restart" in tree.text
    assert "Not in effect yet: web still runs with 1" in tree.text


def test_the_viewer_reads_history_and_cannot_restore(viewer_client: Client, web: Container) -> None:
    tree = get(viewer_client, "?revision=1")
    assert tree.one("main").all("form", method="post") == []
    assert "Restore" not in tree.one("main").text


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


def test_secrets_are_hidden_and_that_they_changed_is_told(client: Client) -> None:
    row = rows.container("web", env={"DB_PASSWORD": "first-secret", "URL": "pg://u:in-url@db/x"}, cmd="/bin/web --token in-cmd")
    definition = {
        "layers": ["base"],
        "env": {"DB_PASSWORD": "second-secret", "URL": "pg://u:other-url@db/x"},
        "cmd": "/bin/web --token other-cmd",
    }
    containers.update_container(rows.ROOT, row, {"definition": definition})
    for address in ("history/", "history/?from=1&to=2", "history/1/restore/", "history/?revision=1"):
        response = client.get(f"/containers/web/{address}")
        assert response.status_code == 200
        text = response.content.decode()
        assert "DB_PASSWORD" in text
        for secret in ("first-secret", "second-secret", "in-url", "other-url", "in-cmd", "other-cmd"):
            assert secret not in text, (address, secret)

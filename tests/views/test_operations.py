"""The plan before the click, the click, and what it leads to: with script and without."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.choices import ContainerState, Operation
from containers.models import Container, Event, Job
from containers.services import containers
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

RUNNING = ContainerState.RUNNING


def steps(tree: Element) -> list[tuple[str, str]]:
    """Container and reason of each step of the plan that a page shows."""
    items = tree.one("ol", "sw-plan").all("li")
    return [(item.one("b").text, item.one("span", "sw-reason").text) for item in items]


def lead(tree: Element) -> str:
    return tree.one("div", "sw-dialog-head").one("p").text


def last_job() -> Job:
    return Job.objects.latest("id")


def test_the_plan_of_a_start_is_shown_before_anything_happens(client: Client) -> None:
    rows.chain()
    rows.container("cache", state=RUNNING)
    rows.container("shop", depends=["web", "cache"])
    jobs = Job.objects.count()
    tree = parse(client.get("/containers/shop/start/"))
    assert lead(tree) == "Starts db, then app, then web, then shop. cache already runs. Nothing has been changed yet."
    assert steps(tree) == [
        ("cache", "Already running and ready"),
        ("db", "Needed by app"),
        ("app", "Needed by web"),
        ("web", "Needed by shop"),
        ("shop", "What you asked for"),
    ]
    assert tree.one("form", id="confirm").one("button").text == "Start 4 containers"
    assert Job.objects.count() == jobs


def test_the_plan_of_a_stop_says_who_goes_first_and_what_is_interrupted(client: Client) -> None:
    rows.chain(state=RUNNING, mounts={"data": "srv"}, autostart=True)
    tree = parse(client.get("/containers/db/stop/"))
    assert lead(tree) == "Stops web, then app, then db. Nothing has been changed yet."
    assert [name for name, _reason in steps(tree)] == ["web", "app", "db"]
    assert steps(tree)[0][1].startswith("Goes first: it needs app. SIGINT, then up to 30 s")
    text = tree.one("ul", "sw-check").text
    assert "Ephemeral layers of web, app and db emptied" in text
    assert "Volume data kept" in text
    assert "start again at the next boot" in tree.text
    button = tree.one("form", id="confirm").one("button")
    assert button.text == "Stop 3 containers"
    assert "btn-danger" in button.classes


def test_the_plan_of_a_restart_says_what_comes_into_effect(client: Client, operator: User) -> None:
    row = rows.container("web", env={"PORT": "81", "API_TOKEN": "secret-before"})
    Container.objects.update(state=RUNNING, applied_digest=row.digest, applied_revision=row.revision)
    row = Container.objects.with_definition().get()
    definition = {"layers": ["base"], "env": {"PORT": "80", "API_TOKEN": "secret-after"}}
    containers.update_container(rows.actor(operator), row, {"definition": definition})
    tree = parse(client.get("/containers/web/restart/"))
    assert lead(tree) == "Stops and starts web. Nothing has been changed yet."
    assert [item.text for item in tree.all("ul", "sw-check")[0].all("li")] == [
        "env.PORT web, revision 2 81 → 80",
        "env.API_TOKEN web, revision 2 ******** → ********",
    ]


def test_the_plan_of_a_restart_names_what_is_stopped_and_what_is_started_again(client: Client) -> None:
    rows.chain(state=RUNNING)
    Container.objects.filter(name="web").update(state=ContainerState.STOPPED)
    tree = parse(client.get("/containers/db/restart/"))
    assert lead(tree) == "Stops and starts db and app. Nothing has been changed yet."


def test_confirming_queues_one_job_and_shows_it(client: Client, operator: User) -> None:
    rows.chain()
    response = client.post("/containers/web/start/")
    job = last_job()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets, job.user, job.via, job.inputs) == ("start", ["web"], operator, "web", {})
    assert job.remote_address == "127.0.0.1"
    assert sorted(job.containers.values_list("name", flat=True)) == ["app", "db", "web"]
    assert Event.objects.latest("id").kind == "job.queue"


def test_with_script_the_page_stays_and_says_which_job_it_is(client: Client) -> None:
    rows.container("web")
    response = client.post("/containers/web/start/", headers=HTMX)
    assert response.status_code == 200
    assert response.headers["HX-Trigger-After-Swap"] == '{"spocweb:queued": {}}'
    assert f"Job {last_job().pk} is queued: Start web" in parse(response).text


def test_with_script_the_plan_is_a_fragment_for_the_dialog(client: Client) -> None:
    rows.container("web")
    response = client.get("/containers/web/start/", headers=HTMX)
    assert response.headers["HX-Retarget"] == "#dialog"
    tree = parse(response)
    assert tree.all("html") == []
    assert tree.one("h1", id="dialog-title").text == "Start web"
    assert len(tree.all("button", data_close=True)) == 2


def test_a_second_click_is_a_second_job_that_finds_nothing_to_do(client: Client) -> None:
    rows.container("web")
    for _ in range(2):
        assert client.post("/containers/web/start/").status_code == 302
    assert Job.objects.filter(operation="start").count() == 2


def test_where_nothing_is_to_be_done_there_is_nothing_to_confirm(client: Client) -> None:
    rows.container("web", state=RUNNING)
    tree = parse(client.get("/containers/web/start/"))
    assert lead(tree) == "There is nothing to do. Nothing has been changed yet."
    assert tree.one("form", id="confirm").all("button") == []


def test_what_the_state_forbids_is_said_instead_of_a_plan(client: Client) -> None:
    rows.container("web", state=RUNNING)
    for method in ("get", "post"):
        response = getattr(client, method)("/containers/web/mount/")
        assert response.status_code == 409
        assert "running" in parse(response).one("div", "sw-bad").text
    assert Job.objects.filter(operation="mount").count() == 0


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        (Operation.STOP, RUNNING),
        (Operation.RESTART, RUNNING),
        (Operation.KILL, RUNNING),
        (Operation.FREEZE, RUNNING),
        (Operation.UNFREEZE, ContainerState.FROZEN),
        (Operation.MOUNT, ContainerState.STOPPED),
        (Operation.UNMOUNT, ContainerState.STOPPED),
    ],
)
def test_every_operation_has_its_plan_and_its_job(client: Client, operation: Operation, state: ContainerState) -> None:
    rows.container("web", state=state)
    Container.objects.update(is_mounted=operation == Operation.UNMOUNT)
    tree = parse(client.get(f"/containers/web/{operation}/"))
    assert tree.one("h1", id="dialog-title").text == f"{operation.label} web"
    assert client.post(f"/containers/web/{operation}/").status_code == 302
    assert last_job().operation == operation


def test_a_start_may_run_another_command_once(client: Client) -> None:
    rows.container("web")
    client.post("/containers/web/start/", {"command": "/bin/sh -c 'echo hello'"})
    assert last_job().inputs == {"command": ["/bin/sh", "-c", "echo hello"]}


@pytest.mark.parametrize("command", ["'unbalanced", "nul\0", "line\nbreak 'x\n'", "x" * 40_000])
def test_a_command_that_makes_no_sense_queues_nothing(client: Client, command: str) -> None:
    rows.container("web")
    response = client.post("/containers/web/start/", {"command": command})
    assert response.status_code == 422
    assert Job.objects.filter(operation="start").count() == 0


def test_bulk_makes_one_plan_over_all_and_one_job(client: Client) -> None:
    rows.chain(state=RUNNING)
    rows.container("other")
    sent = {"operation": "stop", "container": ["db", "other", "db"]}
    tree = parse(client.post("/bulk/", sent))
    assert [name for name, _reason in steps(tree)] == ["web", "app", "db", "other"]
    form = tree.one("form", id="confirm")
    assert form["action"] == "/bulk/"
    assert form.all("button")[-1].text == "Stop 3 containers"
    assert [field["value"] for field in form.all("input", name="container")] == ["db", "other"]
    assert Job.objects.filter(operation="stop").count() == 0
    response = client.post("/bulk/", {**sent, "confirm": "1"})
    assert response["Location"] == f"/jobs/{last_job().pk}/"
    assert last_job().targets == ["db", "other"]


def test_bulk_takes_more_names_than_an_address_could_hold(client: Client) -> None:
    names = [rows.container(f"container-with-a-long-name-{number}").name for number in range(120)]
    response = client.post("/bulk/", {"operation": "start", "container": names, "confirm": "1"})
    assert response.status_code == 302
    assert last_job().targets == names


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"operation": "stop"},
        {"container": ["web"]},
        {"operation": "destroy", "container": ["web"], "confirm": "1"},
        {"operation": "execute", "container": ["web"], "confirm": "1"},
        {"operation": "explode", "container": ["web"], "confirm": "1"},
    ],
)
def test_bulk_without_containers_or_with_a_wrong_operation_does_nothing(client: Client, sent: dict[str, Any]) -> None:
    rows.container("web")
    jobs = Job.objects.count()
    assert client.post("/bulk/", sent)["Location"] == "/containers/"
    assert "Select containers first" in parse(client.get("/containers/")).text
    assert Job.objects.count() == jobs


@pytest.mark.parametrize("name", ["gone", "../etc", "NUL\0", "x" * 10_000])
def test_bulk_on_what_does_not_exist_is_refused_as_a_whole(client: Client, name: str) -> None:
    rows.container("web")
    jobs = Job.objects.count()
    response = client.post("/bulk/", {"operation": "start", "container": ["web", name], "confirm": "1"})
    assert response.status_code in (404, 422)
    assert Job.objects.count() == jobs


def test_a_command_is_run_inside_as_somebody(client: Client) -> None:
    rows.container("web", state=RUNNING)
    response = client.post("/containers/web/execute/", {"command": "psql -c 'select 1'", "uid": "postgres", "gid": ""})
    job = last_job()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.inputs) == ("execute", {"command": ["psql", "-c", "select 1"], "uid": "postgres"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("command", ""),
        ("command", "   "),
        ("command", "'"),
        ("command", "x" * 40_000),
        ("uid", "-1"),
        ("uid", "70000"),
        ("uid", "a b"),
        ("gid", "-rf"),
        ("gid", "é"),
    ],
)
def test_a_command_or_a_user_that_makes_no_sense_is_refused_at_its_field(client: Client, field: str, value: str) -> None:
    rows.container("web")
    response = client.post("/containers/web/execute/", {"command": "id", "uid": "0", "gid": "0", field: value})
    assert response.status_code == 422
    tree = parse(response)
    assert tree.one("input", name=field)["aria-invalid"] == "true"
    assert tree.one("input", name=field)["value"] == value
    assert Job.objects.filter(operation="execute").count() == 0


def test_deleting_lists_what_goes_and_what_stays(client: Client) -> None:
    rows.container("web", mounts={"own": "srv", "shared": "lib"}, state=RUNNING)
    rows.container("other", mounts={"shared": "lib"})
    tree = parse(client.get("/containers/web/delete/"))
    assert [name for name, _reason in steps(tree)] == ["web", "web"]
    assert [box["value"] for box in tree.all("input", name="volumes")] == ["own"]
    assert [box for box in tree.all("input", name="volumes") if "checked" in box.attrs] == []
    text = tree.all("ul", "sw-check")[-1].text
    assert "also used by other kept" in text


def test_deleting_takes_the_name_typed_and_keeps_volumes_that_are_not_ticked(client: Client) -> None:
    rows.container("web", mounts={"own": "srv", "two": "lib"})
    response = client.post("/containers/web/delete/", {"confirm": "web", "volumes": ["own"]})
    job = last_job()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets, job.inputs) == ("destroy", ["web"], {"volumes": ["own"]})
    assert Container.objects.filter(name="web").exists()


def test_deleting_in_a_dialog_leads_to_the_page_of_the_job(client: Client) -> None:
    rows.container("web")
    response = client.post("/containers/web/delete/", {"confirm": "web"}, headers=HTMX)
    # A redirect would be followed, and the job's whole page put into the dialog.
    assert (response.status_code, response["HX-Redirect"]) == (200, f"/jobs/{last_job().pk}/")


@pytest.mark.parametrize(
    "sent", [{}, {"confirm": ""}, {"confirm": "Web"}, {"confirm": "web "}, {"confirm": "web", "volumes": ["gone"]}]
)
def test_deleting_without_the_name_or_with_a_foreign_volume_does_nothing(client: Client, sent: dict[str, Any]) -> None:
    rows.container("web", mounts={"own": "srv"})
    response = client.post("/containers/web/delete/", sent)
    assert response.status_code == 422
    assert parse(response).all("div", "sw-bad") != []
    assert Job.objects.filter(operation="destroy").count() == 0


def test_what_others_need_cannot_be_deleted(client: Client) -> None:
    rows.chain()
    for response in (client.get("/containers/db/delete/"), client.post("/containers/db/delete/", {"confirm": "db"})):
        assert "db is needed by app" in parse(response).one("div", "sw-note").text
    assert Job.objects.filter(operation="destroy").count() == 0


def test_what_is_protected_cannot_be_deleted(client: Client) -> None:
    rows.container("web", protected=True)
    assert "web is protected" in parse(client.get("/containers/web/delete/")).text
    response = client.post("/containers/web/delete/", {"confirm": "web"})
    assert response.status_code == 409
    assert Job.objects.filter(operation="destroy").count() == 0


def test_one_click_makes_the_demo(client: Client) -> None:
    response = client.post("/demo/")
    assert response["Location"] == f"/jobs/{last_job().pk}/"
    assert last_job().operation == "demo"
    assert sorted(Container.objects.values_list("name", flat=True)) == ["demo-app", "demo-db", "demo-web"]
    client.post("/demo/")
    assert Container.objects.count() == 3


def test_the_plan_of_many_needs_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    rows.chain(state=RUNNING)
    with django_assert_max_num_queries(20) as few:
        client.get("/containers/db/stop/")
    for number in range(10):
        rows.container(f"c{number}", depends=["db"], state=RUNNING, mounts={f"v{number}": "srv"})
    with django_assert_max_num_queries(len(few)):
        client.get("/containers/db/stop/")

"""The first page: counts, what needs a hand, what was done, the host; its fragments, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.choices import ContainerState, JobState
from containers.domain import drift
from containers.domain.drift import Aspect, Entry
from containers.domain.usage import MachineUsage, Usage
from containers.models import Container, Host, Job
from containers.services import containers, hosts, metrics
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

RUNNING = ContainerState.RUNNING
GIB = 2**30


def get(client: Client, query: str = "", **more: Any) -> Element:
    response = client.get(f"/{query}", **more)
    assert response.status_code == 200
    return parse(response)


def change(name: str, **values: Any) -> None:
    Container.objects.filter(name=name).update(**values)


def sample(*, cpu: float = 1.0, disk: float = 0.5, minutes: int = 0, **used: Usage) -> None:
    machine = MachineUsage(cpu, 4, 5 * GIB, 16 * GIB, disk * 100 * GIB, 100 * GIB)
    keys = dict(Container.objects.values_list("name", "pk"))
    at = timezone.now() - timedelta(minutes=minutes)
    metrics.record(hosts.current(), at, machine, {keys[name]: one for name, one in used.items()})


def items(tree: Element) -> list[str]:
    return [item.text for item in tree.one(id="attention").all("li")]


def test_an_empty_panel_offers_the_demo(client: Client, viewer_client: Client) -> None:
    tree = get(client)
    assert "None yet" in tree.one(id="counts").text
    assert [form["action"] for form in tree.one(id="counts").all("form")] == ["/demo/"]
    assert "every container is as it should be" in tree.one(id="attention").text
    assert "Nothing has been done yet" in tree.one(id="recent").text
    assert "Nothing has been sampled" in tree.one(id="host").text
    assert get(viewer_client).one(id="counts").all("form") == []


def test_every_state_is_counted_and_leads_to_its_containers(client: Client) -> None:
    for name, values in {"a": {}, "b": {"state": RUNNING}, "c": {"state": RUNNING}, "d": {"failure": "x"}}.items():
        rows.container(name)
        change(name, **values)
    card = get(client).one(id="counts")
    chips = {chip.text: chip["href"] for chip in card.all("a", "sw-chip")}
    assert chips == {
        "Running 2": "/containers/?state=running",
        "Failed 1": "/containers/?state=failed",
        "Stopped 1": "/containers/?state=stopped",
    }
    bars = [(float(bar["x"]), float(bar["width"])) for bar in card.all("rect")]
    assert bars == [(0, 199), (200, 99.5), (300.5, 99.5)]


def test_what_is_wrong_stands_first_with_its_reason_and_what_to_do(client: Client) -> None:
    for name in ("web", "db", "git", "mail", "fine"):
        rows.container(name)
    change("web", state=RUNNING, is_ready=False, failure="curl: (7) Failed to connect")
    change("db", failure="overlayfs: failed to resolve <x>")
    change("git", state=RUNNING, applied_digest="other")
    change("mail", state=ContainerState.UNKNOWN)
    tree = get(client)
    job = Container.objects.get(name="db").last_job_id
    assert items(tree) == [
        f"db did not start overlayfs: failed to resolve <x> Job {job} now Definition",
        f"mail does not answer Job {Container.objects.get(name='mail').last_job_id} now",
        f"web runs but is not ready curl: (7) Failed to connect Job {Container.objects.get(name='web').last_job_id} now Log",
        "git has changes that wait for a restart Plan restart…",
    ]
    links = [(link["href"], "data-dialog" in link.attrs) for link in tree.one(id="attention").all("a", "btn")]
    assert links == [
        ("/containers/db/definition/", False),
        ("/containers/web/log/", False),
        ("/containers/git/restart/", True),
    ]


def test_drift_is_told_with_what_differs_and_without_secrets(client: Client) -> None:
    for name in ("git", "web"):
        rows.container(name)
    entries = [
        Entry(Aspect.CONFIG, "lxc.environment", "DB_PASSWORD=wanted", "DB_PASSWORD=other", ""),
        Entry(Aspect.LIMITS, "limits.pids", "20", "20", "31"),
    ]
    change("git", drift=[entry.export() for entry in entries], drift_digest=drift.digest(entries))
    change("web", drift=[entries[1].export()], drift_digest="x", drift_ignored="x")
    tree = get(client)
    assert items(tree) == [
        "git differs from its definition lxc.environment is DB_PASSWORD=********, wanted DB_PASSWORD=********, and 1 more Compare"
    ]
    assert [link["href"] for link in tree.one(id="attention").all("a", "btn")] == ["/containers/git/drift/"]


def test_what_waits_for_a_restart_is_told_without_secrets(client: Client, operator: Any) -> None:
    container = rows.container("git", cmd="/bin/a", limits={"pids": 20}, env={"DB_PASSWORD": "wanted"})
    change("git", state=RUNNING, applied_digest="other", applied_revision=1)
    definition = {"layers": ["base"], "cmd": "/bin/a", "env": {"DB_PASSWORD": "other"}}
    containers.update_container(rows.actor(operator), container, {"definition": definition, "description": "at once"})
    assert items(get(client)) == ["git has changes that wait for a restart env.DB_PASSWORD ******** → ******** Plan restart…"]
    container.refresh_from_db()
    changed = {"definition": {"layers": ["base"], "cmd": "/bin/b"}, "limits": {"pids": 30}}
    containers.update_container(rows.actor(operator), container, changed)
    (told,) = items(get(client))
    assert told.endswith("and 2 more Plan restart…")


def test_the_viewer_is_not_offered_what_he_may_not(viewer_client: Client) -> None:
    rows.container("git")
    change("git", state=RUNNING, applied_digest="other")
    assert get(viewer_client).one(id="attention").all("a", "btn") == []


def test_of_many_the_worst_are_shown_and_the_rest_is_counted(client: Client) -> None:
    for number in range(12):
        rows.container(f"c{number:02}")
        change(f"c{number:02}", **({"failure": "x"} if number > 9 else {"state": RUNNING, "applied_digest": "other"}))
    tree = get(client)
    assert len(items(tree)) == 8
    assert [text.split()[0] for text in items(tree)][:3] == ["c10", "c11", "c00"]
    assert "4 more in the list" in tree.one(id="attention").text


@pytest.mark.parametrize(("share", "is_told"), [(0.79, False), (0.8, True), (0.97, True)])
def test_a_disk_that_is_nearly_full_is_told(client: Client, share: float, is_told: bool) -> None:
    sample(disk=share)
    tree = get(client)
    assert [f"is {100 * share:.0f} % full, {100 - 100 * share:.0f} GiB are free" in text for text in items(tree)] == [
        True
    ] * is_told
    assert ("Nearly full" in tree.one(id="host").text) is is_told


def test_a_monitor_that_is_silent_is_told(client: Client) -> None:
    hosts.current()
    Host.objects.update(monitor_seen_at=timezone.now() - timedelta(minutes=2))
    assert items(get(client)) == []
    Host.objects.update(monitor_seen_at=timezone.now() - timedelta(minutes=4))
    assert "The monitor has not looked at the containers" in items(get(client))[0]


def test_jobs_of_today_are_counted(client: Client) -> None:
    rows.container("web")
    now = timezone.now()
    ended = {"ended_at": now}
    Job.objects.update(state=JobState.SUCCEEDED, ended_at=now - timedelta(days=2))
    for state, values in [
        (JobState.RUNNING, {}),
        (JobState.QUEUED, {}),
        (JobState.WAITING, {}),
        (JobState.FAILED, ended),
        (JobState.LOST, ended),
        (JobState.FAILED, {"ended_at": now - timedelta(days=1)}),
        (JobState.SUCCEEDED, ended),
        (JobState.CANCELLED, ended),
    ]:
        Job.objects.create(host=hosts.current(), operation="start", targets=["web"], via="web", state=state, **values)
    figures = {link.text: link["href"] for link in get(client).one(id="figures").all("a") if "sw-figure" in str(link.children)}
    today = timezone.localdate().isoformat()
    assert figures == {
        "1 In progress": "/jobs/?state=running",
        "2 Waiting": "/jobs/?state=waiting",
        "2 Failed": f"/jobs/?state=failed&since={today}",
        "1 Succeeded": f"/jobs/?state=succeeded&since={today}",
    }


def test_recent_are_jobs_and_saved_changes_together(client: Client, operator: Any) -> None:
    container = rows.container("web")
    containers.update_container(rows.actor(operator), container, {"description": "Changed"})
    table = get(client).one(id="recent").one("tbody")
    assert [row.text.split(maxsplit=1)[1] for row in table.all("tr")] == [
        "operator · API Change web Saved – r2",
        f"root · command line Create web Succeeded – {Job.objects.get().pk}",
    ]
    assert [link["href"] for link in table.all("a")] == ["/containers/web/history/?revision=2", f"/jobs/{Job.objects.get().pk}/"]


def test_the_host_now_and_over_an_hour(client: Client) -> None:
    rows.container("web")
    rows.container("db")
    change("web", state=RUNNING)
    for minutes in (50, 40, 30, 2):
        sample(cpu=4.0 if minutes == 30 else 2.0, minutes=minutes)
    sample(web=Usage(cpu=0.5, memory_bytes=GIB), db=Usage(cpu=1.25, memory_bytes=2 * GIB))
    host = get(client).one(id="host")
    values = {value["data-host-use"]: value.text for value in host.all("b", data_host_use=True)}
    assert values == {"cpu": "25 %", "memory": "5 GiB", "disk": "50 %"}
    labels = [chart["aria-label"] for chart in host.all("svg", "sw-chart")]
    assert labels[0] == "CPU, Last hour: now 25 %, at most 100 %"
    assert len(host.all("path", "line")[0]["d"].split(" M")) >= 1
    busiest = [row.text for row in host.all("tr", data_use_of=True)]
    assert busiest == ["db 125 % 2 GiB", "web 50 % 1 GiB"]
    assert len(host.one(id="host-table").one("tbody").all("tr")) == 12
    assert "100 % 5 GiB 50 %" in host.one(id="host-table").text


def test_a_day_is_a_click_away(client: Client) -> None:
    sample()
    assert get(client).one(id="host").all("a")[0]["href"] == "/?span=day"
    host = get(client, "?span=day").one(id="host")
    assert host["data-live-url"] == "/?part=host&span=day"
    assert len(host.one(id="host-table").one("tbody").all("tr")) == 24
    assert get(client, "?span=year").one(id="host")["data-live-url"] == "/?part=host&span=hour"


@pytest.mark.parametrize(
    ("part", "ids"), [("containers", ["counts", "attention"]), ("jobs", ["figures", "recent"]), ("host", ["host"])]
)
def test_a_live_page_asks_for_the_part_that_changed(client: Client, part: str, ids: list[str]) -> None:
    tree = get(client, f"?part={part}", headers=HTMX)
    assert [child["id"] for child in tree.children if isinstance(child, Element)] == ids


@pytest.mark.parametrize("part", ["page", "../containers/list", "", "%00"])
def test_a_part_that_there_is_not_is_the_whole_page(client: Client, part: str) -> None:
    assert get(client, f"?part={part}").one("h1").text == "Dashboard"


def test_more_of_everything_needs_no_more_queries(client: Client, operator: Any, django_assert_max_num_queries: Any) -> None:
    def fill(*names: str) -> None:
        for name in names:
            container = rows.container(name, autostart=True)
            change(name, state=RUNNING, applied_digest="other", failure="x", is_ready=False)
            containers.update_container(rows.actor(operator), container, {"description": name})
        sample(**{name: Usage(cpu=1.0) for name in names})

    fill("a")
    client.get("/")
    # The user and both kinds of rights, containers, graph, active steps, the sample, the monitor, jobs of today, the two
    # of what is recent, history, what waits for a restart, the shell's two.
    with django_assert_max_num_queries(17) as few:
        client.get("/")
    fill("b", "c", "d", "e", "f")
    with django_assert_max_num_queries(len(few)):
        client.get("/")

"""The list: what a row says, search, chips, sort, pages, fragments, and what it costs."""

from __future__ import annotations

import gzip
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from containers.choices import ContainerState, JobState, Operation, StepState
from containers.domain.usage import MachineUsage, Usage
from containers.models import Container, Job, Step
from containers.services import hosts, metrics, operations
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

RUNNING, STOPPED = ContainerState.RUNNING, ContainerState.STOPPED


def get(client: Client, query: str = "", **more: Any) -> Element:
    response = client.get(f"/containers/{query}", **more)
    assert response.status_code == 200
    return parse(response)


def names(tree: Element) -> list[str]:
    return [row["id"].removeprefix("row-") for row in tree.all("tr", id=True)]


def names_of(page: bytes) -> list[bytes]:
    return re.findall(rb'id="row-([^"]+)"', page)


def row(tree: Element, name: str) -> Element:
    return tree.one("tr", id=f"row-{name}")


def change(name: str, **values: Any) -> None:
    Container.objects.filter(name=name).update(**values)


def test_an_empty_panel_offers_the_demo(client: Client) -> None:
    tree = get(client)
    assert "No containers yet" in tree.text
    assert [form["action"] for form in tree.one("section").all("form")] == ["/demo/"]


def test_a_row_says_all_that_is_known(client: Client) -> None:
    rows.container("web", description="A shop", autostart=True, limits={"memory_bytes": 512 * 2**20, "cpus": 1.5})
    since = timezone.now() - timedelta(days=2, hours=4)
    change("web", state=RUNNING, state_since=since, pid=7)
    tree = row(get(client), "web")
    assert tree.one("a", "sw-name")["href"] == "/containers/web/"
    for text in ("A shop", "Running", "Up 2 d 4 h", str(Container.objects.get().address), "– 512 MiB", "Boot, tier 1"):
        assert text in tree.text
    assert [link["href"] for link in tree.all("a", data_dialog=True)] == ["/containers/web/restart/", "/containers/web/stop/"]


def sample(**used: Usage) -> None:
    """Record what these containers use now."""
    keys = dict(Container.objects.values_list("name", "pk"))
    metrics.record(
        hosts.current(), timezone.now(), MachineUsage(1, 4, 1, 2, 1, 2), {keys[name]: one for name, one in used.items()}
    )


def test_a_row_says_what_is_in_use_now(client: Client) -> None:
    rows.chain()
    sample(
        web=Usage(cpu=0.62, memory_bytes=211 * 2**20, memory_limit_bytes=512 * 2**20),
        app=Usage(cpu=1.5, memory_bytes=250 * 2**20, memory_limit_bytes=256 * 2**20),
    )
    tree = get(client)
    assert "211 MiB 512 MiB 62 %" in row(tree, "web").text
    assert row(tree, "web").all("i", "sw-warn") == []
    assert "250 MiB 256 MiB 150 %" in row(tree, "app").text
    assert len(row(tree, "app").all("i", "sw-warn")) == 1
    assert [cell.text for cell in row(tree, "db").all(data_use=True)] == ["–", "–"]
    assert names(get(client, "?sort=cpu")) == ["app", "web", "db"]
    assert names(get(client, "?sort=memory")) == ["app", "web", "db"]


def test_what_runs_shows_the_share_of_its_limit_as_a_bar(client: Client) -> None:
    limits = {"memory_bytes": 256 * 2**20}
    rows.container("web", limits=limits, state=RUNNING)
    rows.container("fresh", limits=limits, state=RUNNING)
    rows.container("free", state=RUNNING)
    rows.container("off", limits=limits)
    sample(web=Usage(memory_bytes=250 * 2**20, memory_limit_bytes=256 * 2**20), free=Usage(memory_bytes=2**20))
    tree = get(client)
    (meter,) = row(tree, "web").all("meter")
    assert {name: meter[name] for name in ("aria-label", "min", "max", "high", "value")} == {
        "aria-label": "Share of its limit",
        "min": "0",
        "max": str(256 * 2**20),
        "high": str(round(0.9 * 256 * 2**20)),
        "value": str(250 * 2**20),
    }
    # One that nothing was measured of yet: the next sample fills it.
    assert [meter["value"] for meter in row(tree, "fresh").all("meter")] == ["0"]
    assert row(tree, "free").all("meter") == row(tree, "off").all("meter") == []


def test_rows_are_grouped_by_tier_and_counted(client: Client) -> None:
    rows.chain()
    rows.container("cache")
    change("cache", state=RUNNING)
    tree = get(client, "?group=tier&sort=name")
    assert names(tree) == ["group-1", "cache", "db", "group-2", "app", "group-3", "web"]
    head = tree.one("tr", id="group-1")
    assert head.text == "Tier 1 · 2 · 1 running, 1 stopped"
    columns = len(tree.one("thead").all("th")) + len(tree.one("thead").all("td"))
    assert int(head.one("th")["colspan"]) == columns
    assert tree.one("input", name="group")["value"] == "tier"
    # What changed comes with the heads, which count.
    assert names(get(client, "?group=tier&row=cache", headers=HTMX)) == ["group-1", "cache", "group-2", "group-3"]
    assert names(get(client, "?group=nothing")) == ["app", "cache", "db", "web"]


def test_a_stopped_container_can_be_started_from_its_row(client: Client) -> None:
    rows.container("web")
    tree = row(get(client), "web")
    assert [link["href"] for link in tree.all("a", data_dialog=True)] == ["/containers/web/start/"]
    assert "By hand" in tree.text


def test_the_viewer_gets_no_buttons(viewer_client: Client) -> None:
    rows.container("web")
    tree = get(viewer_client)
    assert tree.all("a", data_dialog=True) == []
    assert tree.all("input", name="container") == []
    assert tree.all("form", id="bulk") == []


def test_what_people_typed_is_escaped(client: Client) -> None:
    rows.container("web", description="<script>alert(1)</script> {name} & 'more'")
    change("web", failure="<b>{0}</b> %s")
    text = row(get(client), "web").text
    assert "<script>alert(1)</script> {name} & 'more'" in text
    assert "<b>{0}</b> %s" in text


def test_a_failure_stands_below_the_state_in_the_tools_own_words(client: Client) -> None:
    rows.container("web")
    change("web", failure="overlayfs: failed to resolve 'x'")
    tree = row(get(client), "web")
    assert "Failed" in tree.text
    assert tree.one("span", "sw-words").text == "overlayfs: failed to resolve 'x'"


def test_a_change_that_waits_for_a_restart_is_marked(client: Client) -> None:
    rows.container("web")
    change("web", state=RUNNING, applied_digest="other")
    assert "Change waits for restart" in row(get(client), "web").text
    assert names(get(client, "?pending=1")) == ["web"]
    change("web", applied_digest=Container.objects.get().digest)
    assert names(get(client, "?pending=1")) == []


def start(operator: Any, name: str, **steps: str) -> Job:
    """A running job with a step in some state for each container."""
    job = operations.request(rows.actor(operator), Operation.START, [name])
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, started_at=timezone.now())
    for number, (container, state) in enumerate(steps.items(), start=1):
        Step.objects.create(job=job, number=number, container=container, action="start", state=state, note=f"note of {container}")
    return job


def test_all_that_a_job_is_going_to_start_shows_what_it_waits_for(client: Client, operator: Any) -> None:
    rows.chain(ready="true")
    job = start(operator, "web", db=StepState.RUNNING, app=StepState.PENDING, web=StepState.PENDING)
    tree = get(client)
    assert "Starting" in row(tree, "db").text
    assert row(tree, "db").one("span", "sw-words").text == "note of db"
    assert "Waiting" in row(tree, "app").text
    assert "Waits for db" in row(tree, "app").text
    assert "Waits for app" in row(tree, "web").text
    for name in ("db", "app", "web"):
        assert [link.text for link in row(tree, name).all("a", href=f"/jobs/{job.pk}/")] == [f"In progress: {job.pk}"]


def test_a_job_in_line_says_why_it_waits(client: Client, operator: Any) -> None:
    rows.container("web")
    job = operations.request(rows.actor(operator), Operation.START, ["web"])
    assert "In line to start" in row(get(client), "web").text
    Job.objects.filter(pk=job.pk).update(state=JobState.WAITING, reason="job 3 is changing web")
    assert "job 3 is changing web" in row(get(client), "web").text


def test_search_looks_at_name_address_and_description(client: Client) -> None:
    rows.container("web", description="the Shop")
    rows.container("db")
    address = Container.objects.get(name="db").address
    assert names(get(client, "?search=shop")) == ["web"]
    assert names(get(client, "?search=WE")) == ["web"]
    assert names(get(client, f"?search={address}")) == ["db"]
    assert "No container is like that" in get(client, "?search=zzz").text


def test_chips_count_states_and_leave_only_one(client: Client) -> None:
    rows.container("web")
    rows.container("db", state=RUNNING)
    chips = {chip.text: chip["href"] for chip in get(client).one(id="chips").all("a")}
    assert chips == {"All 2": "?", "Running 1": "?state=running", "Stopped 1": "?state=stopped"}
    tree = get(client, "?state=stopped&search=e")
    assert names(tree) == ["web"]
    assert tree.one(id="chips").one("a", aria_current="true").text == "Stopped 1"
    assert tree.one(id="chips").all("a")[0]["href"] == "?search=e"


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["app", "db", "web", "x"]),
        ("order", ["db", "x", "app", "web"]),
        ("state", ["x", "app", "db", "web"]),
        ("address", ["db", "app", "web", "x"]),
        ("job", ["x", "web", "app", "db"]),
        ("nonsense", ["app", "db", "web", "x"]),
    ],
)
def test_rows_can_be_sorted(client: Client, sort: str, expected: list[str]) -> None:
    rows.chain()
    rows.container("x")
    change("x", failure="broken")
    assert names(get(client, f"?sort={sort}")) == expected


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=9", "?page=x", "?state=%00", "?search=%00", "?state=exploded", "?sort=", "?pending=2"]
)
def test_a_link_that_makes_no_sense_still_shows_the_list(client: Client, query: str) -> None:
    rows.container("web")
    assert names(get(client, query)) == ["web"]


@pytest.fixture
def two_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("forms.queries", "views.containers"):
        monkeypatch.setattr(f"containers.{module}.ROWS", (2, 4))


def links_of(tree: Element) -> dict[str, str]:
    return {link.text: link["href"] for link in tree.all("a")}


@pytest.mark.usefixtures("two_a_page")
def test_rows_come_in_pages_or_all_at_once(client: Client) -> None:
    for name in ("a", "b", "c"):
        rows.container(name)
    tree = get(client, "?rows=2")
    assert names(tree) == ["a", "b"]
    assert links_of(tree)["Up to 4 on one page"] == "?rows=4"
    tree = get(client, "?rows=2&page=2&sort=name")
    assert names(tree) == ["c"]
    assert tree.one("a", rel="prev")["href"] == "?rows=2&sort=name&page=1"
    tree = get(client, "?rows=4")
    assert names(tree) == ["a", "b", "c"]
    assert links_of(tree)["2 on a page"] == "?"


@pytest.mark.usefixtures("two_a_page")
def test_a_group_stays_together_over_pages_and_counts_all_of_it(client: Client) -> None:
    rows.chain()
    rows.container("cache")
    rows.container("aside")
    assert names(get(client, "?rows=2&group=tier")) == ["group-1", "aside", "cache"]
    tree = get(client, "?rows=2&group=tier&page=2")
    assert names(tree) == ["group-1", "db", "group-2", "app"]
    assert tree.one("tr", id="group-1").text == "Tier 1 · 3 · 3 stopped"


@pytest.mark.usefixtures("two_a_page")
def test_what_is_reached_on_other_pages_is_known(client: Client) -> None:
    rows.chain()
    change("web", state=RUNNING)
    assert json.loads(get(client, "?rows=2").one("form", id="bulk")["data-elsewhere"]) == {"web": ["app"]}
    change("web", state=STOPPED)
    assert get(client, "?rows=2").one("form", id="bulk")["data-elsewhere"] == "{}"


def test_a_fragment_is_the_list_alone(client: Client) -> None:
    rows.container("web")
    tree = get(client, "?search=w", headers=HTMX)
    assert tree.all("html") == []
    assert names(tree) == ["web"]
    assert "search=w" in tree.one(id="sort").all("a")[0]["href"]


def test_a_live_page_asks_for_the_rows_that_changed(client: Client) -> None:
    for name in ("a", "b", "c"):
        rows.container(name)
    tree = get(client, "?row=a&row=c&row=gone", headers=HTMX)
    assert names(tree) == ["a", "c"]
    assert tree.all("form") == []
    assert tree.one(id="chips").all("a")[0].text == "All 3"
    assert "row=" not in tree.one(id="chips").all("a")[0]["href"]
    assert names(get(client, "?row=*", headers=HTMX)) == ["a", "b", "c"]


def test_a_page_that_has_just_been_made_asks_for_what_changed_since(client: Client) -> None:
    rows.container("a")
    rows.container("b")
    Job.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    at = get(client).one(id="containers")["data-live-at"]
    assert names(get(client, f"?{urlencode({'row': f'@{at}'})}", headers=HTMX)) == []
    change("b", state=RUNNING, state_since=timezone.now())
    assert names(get(client, f"?{urlencode({'row': f'@{at}'})}", headers=HTMX)) == ["b"]


@pytest.mark.parametrize("row", ["@", "@yesterday", "@2026-01-01", "@2026-01-01T00:00:00", "@2026-99-01T00:00:00Z", "%00"])
def test_a_time_that_makes_no_sense_asks_for_nothing(client: Client, row: str) -> None:
    rows.container("a")
    assert names(get(client, f"?row={row}", headers=HTMX)) == []


def test_a_row_that_a_filter_leaves_out_is_not_sent(client: Client) -> None:
    rows.container("a")
    assert names(get(client, "?state=running&row=a", headers=HTMX)) == []


def test_the_menu_of_a_row_offers_what_its_state_allows(client: Client, viewer_client: Client) -> None:
    rows.container("web")

    def links(client: Client) -> list[str]:
        return [link["href"].removeprefix("/containers/web/") for link in parse(client.get("/containers/web/menu/")).all("a")]

    assert {"start/", "mount/", "execute/", "delete/", "clone/"} <= set(links(client))
    change("web", state=RUNNING)
    assert {"stop/", "restart/", "kill/", "freeze/"} <= set(links(client))
    change("web", state=ContainerState.FROZEN)
    assert "unfreeze/" in links(client)
    assert set(links(viewer_client)) == {"definition/", "log/", "jobs/"}


def test_more_rows_need_no_more_queries(client: Client, operator: Any, django_assert_max_num_queries: Any) -> None:
    def fill(*names: str) -> None:
        for name in names:
            rows.container(name, autostart=True, mounts={f"v-{name}": "srv"}, env={"A": "1"})
            rows.container(f"{name}-two", depends=[name])
            change(name, state=RUNNING, state_since=timezone.now(), failure="x")

    fill("a")
    start(operator, "a-two", a=StepState.RUNNING)
    client.get("/containers/")
    # The session, the user and both kinds of rights, containers, graph (2), active steps, what is in use, the shell's two.
    with django_assert_max_num_queries(11) as few:
        client.get("/containers/")
    fill("b", "c", "d", "e")
    start(operator, "d-two", d=StepState.RUNNING, **{"d-two": StepState.PENDING})
    with django_assert_max_num_queries(len(few)):
        client.get("/containers/")


def test_pages_are_compressed_for_who_takes_it(client: Client) -> None:
    rows.container("web")
    plain = client.get("/containers/")
    compressed = client.get("/containers/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in compressed.headers["Vary"]
    assert b'id="row-web"' in gzip.decompress(compressed.content)


def test_a_thousand_rows_are_no_heavy_page(client: Client) -> None:
    rows.container("web", description="A shop", autostart=True, limits={"memory_bytes": 2**28, "cpus": 1.5}, ready="true")
    model = Container.objects.get()
    values = {field.attname: getattr(model, field.attname) for field in Container._meta.concrete_fields if field.name != "id"}
    now = timezone.now()
    Container.objects.bulk_create(
        Container(
            **values
            | {
                "name": f"service-{n:03}",
                "address": f"10.123.{n // 250}.{n % 250}",
                "description": f"Service number {n} of this host",
                "state": RUNNING if n % 2 else STOPPED,
                "state_since": now - timedelta(seconds=n * n),
            }
        )
        for n in range(999)
    )
    response = client.get("/containers/?rows=1000", headers={"Accept-Encoding": "gzip"})
    assert len(names_of(gzip.decompress(response.content))) == 1_000
    # Beside 50 kB of style sheets and scripts it has to stay below 150 kB.
    assert len(response.content) < 100_000

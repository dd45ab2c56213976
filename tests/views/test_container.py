"""One container's page: head, overview, configuration, jobs, export, clone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.choices import ContainerState, JobState, Operation
from containers.domain.usage import MachineUsage, Usage
from containers.models import Container, EnvironmentVariable, Job
from containers.services import containers, hosts, metrics, operations
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db


def page(client: Client, path: str = "", **more: Any) -> Element:
    response = client.get(f"/containers/web/{path}", **more)
    assert response.status_code == 200
    return parse(response)


def facts(tree: Element) -> dict[str, str]:
    terms = [term for names in tree.one(id="overview").all("dl") for term in names.all("dt")]
    values = [value for names in tree.one(id="overview").all("dl") for value in names.all("dd")]
    return {term.text: value.text for term, value in zip(terms, values, strict=True)}


def test_the_overview_says_what_the_container_is(client: Client) -> None:
    rows.container("db")
    rows.container(
        "web",
        depends=["db"],
        mounts={"data": "srv", "conf": "etc/web.toml:file"},
        env={"A": "1", "B": "2"},
        cmd="/bin/web",
        uid="70",
        ready="true",
        halt="SIGTERM",
        limits={"memory_bytes": 2**30, "pids": 9},
        timeouts={"stop": 90, "ready": 5},
    )
    rows.container("proxy", depends=["web"])
    tree = page(client)
    assert facts(tree) == {
        "State": "STOPPED",
        "Init": "as 70:0 /bin/web",
        "Ready": "true not asked since it started, up to 5 s",
        "Stops": "SIGTERM, up to 90 s, then kill",
        "Limits": "1 GiB memory 9 processes",
        "Layers": "base lowest first, an ephemeral one on top",
        "Mounts": "data at /srv conf at /etc/web.toml",
        "Needs": "Stopped: db",
        "Needed by": "Stopped: proxy",
        "Environment": "2 variables",
        "Revision": "1 saved",
    }


def test_what_waits_for_a_restart_is_told_field_by_field(client: Client, operator: Any) -> None:
    row = rows.container("web", env={"A": "1"}, ready="true")
    Container.objects.update(state=ContainerState.RUNNING, applied_revision=1, applied_digest=row.digest)
    row.refresh_from_db()
    row = containers.update_container(
        rows.actor(operator),
        row,
        {"definition": {"layers": ["base"], "env": {"A": "2"}, "ready": "false"}, "limits": {"memory_bytes": 2**30}},
    )
    tree = page(client).one(id="pending")
    cells = [[cell.text for cell in line.all("td")][:2] for line in tree.one("tbody").all("tr")]
    assert [line.one("th").text for line in tree.one("tbody").all("tr")] == ["env.A", "limits.memory_bytes"]
    assert cells == [["1", "2"], ["–", "1 GiB"]]
    assert "operator" in tree.text


def test_the_head_names_the_job_that_holds_the_container(client: Client, operator: Any) -> None:
    rows.container("web")
    rows.container("app", depends=["web"])
    job = operations.request(rows.actor(operator), Operation.START, ["app"])
    assert "Held by" not in page(client).text
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, started_at=timezone.now())
    tree = page(client)
    assert f"Held by job {job.pk}. Start app is in progress." in tree.text
    assert tree.one("div", "sw-note").one("a")["href"] == f"/jobs/{job.pk}/"


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (ContainerState.STOPPED, ["start", "mount"]),
        (ContainerState.RUNNING, ["stop", "kill", "restart", "freeze"]),
        (ContainerState.FROZEN, ["stop", "kill", "unfreeze"]),
    ],
)
def test_the_head_offers_what_the_state_allows(client: Client, state: ContainerState, actions: list[str]) -> None:
    rows.container("web", state=state)
    links = [link["href"].split("/")[-2] for link in page(client).one(id="head").all("a", data_dialog=True)]
    assert links == [*actions, "delete"]


def test_a_failed_start_is_quoted(client: Client) -> None:
    rows.container("web")
    Container.objects.update(failure="exec format error")
    assert page(client).one("blockquote").text == "exec format error"


def test_a_live_page_asks_for_head_and_overview_alone(client: Client) -> None:
    rows.container("web")
    tree = page(client, "?row=", headers=HTMX)
    assert [element["id"] for element in tree.children if isinstance(element, Element)] == ["head", "overview-top", "overview"]


def test_the_configuration_is_shown_as_the_next_start_writes_it(client: Client) -> None:
    row = rows.container("web", env={"A": "<1>"})
    lines = [
        line.text
        for line in page(client, "config/").one("pre").all("span")
        if "k" not in line.classes and "s" not in line.classes
    ]
    assert "lxc.uts.name = web" in lines
    assert "lxc.environment = A=<1>" in lines
    assert any(row.address in line for line in lines)


def test_rows_changed_behind_the_forms_back_are_named_and_not_rendered(client: Client) -> None:
    row = rows.container("web")
    EnvironmentVariable.objects.create(container=row, key="A", value="1\nlxc.evil = 1", position=0)
    response = client.get("/containers/web/config/")
    assert response.status_code == 422
    assert parse(response).all("pre") == []
    assert "U+000A" in response.content.decode()
    for path in ("", "definition/", "log/", "jobs/", "history/"):
        assert client.get(f"/containers/web/{path}").status_code == 200


def test_the_jobs_of_the_container_include_those_on_its_way(client: Client, operator: Any) -> None:
    rows.container("web")
    rows.container("app", depends=["web"])
    rows.container("other")
    job = operations.request(rows.actor(operator), Operation.START, ["app"])
    tree = page(client, "jobs/")
    assert tree.one(id=f"job-{job.pk}").one("th").one("a").text == "Start app"
    assert "Create other" not in tree.one("table").text


def test_more_jobs_need_no_more_queries(client: Client, operator: Any, django_assert_max_num_queries: Any) -> None:
    rows.container("web")
    for _ in range(3):
        operations.request(rows.actor(operator), Operation.START, ["web"])
    with django_assert_max_num_queries(20) as few:
        page(client, "jobs/")
    for _ in range(10):
        operations.request(rows.actor(operator), Operation.START, ["web"])
    with django_assert_max_num_queries(len(few)):
        page(client, "jobs/")


def test_one_container_is_exported_as_the_import_takes_it(client: Client) -> None:
    rows.container("web", env={"A": "1"}, description="A shop")
    response = client.get("/containers/web/export/")
    assert response["Content-Disposition"] == 'attachment; filename="web.json"'
    assert json.loads(response.content) == {
        "containers": {"web": {"layers": ["base"], "env": {"A": "1"}}},
        "settings": {"web": {"description": "A shop"}},
    }


def test_a_clone_has_the_definition_and_an_address_of_its_own(client: Client) -> None:
    row = rows.container("web", env={"A": "1"}, mounts={"data": "srv"}, description="A shop")
    response = client.post("/containers/web/clone/", {"name": "web-two"})
    assert response["Location"] == "/containers/web-two/"
    clone = Container.objects.get(name="web-two")
    assert clone.definition == row.definition
    assert clone.description == "A shop"
    assert clone.address != row.address
    assert "web-two is a copy of web" in page(client).text


@pytest.mark.parametrize("name", ["", "Web", "web", "a b", "x" * 64, "web\n", "-x", "wéb"])
def test_a_clone_needs_a_name_that_is_free_and_right(client: Client, name: str) -> None:
    rows.container("web")
    response = client.post("/containers/web/clone/", {"name": name})
    assert response.status_code == 422
    tree = parse(response)
    assert tree.one("input", name="name")["aria-invalid"] == "true"
    assert tree.one(id="id_name-hint").all("div", "sw-bad") != []
    assert Container.objects.count() == 1


def sample(name: str, **used: float) -> None:
    machine = MachineUsage(1, 4, 1, 2, 1, 2)
    key = Container.objects.get(name=name).pk
    for minutes in (30, 0):
        metrics.record(hosts.current(), timezone.now() - timedelta(minutes=minutes), machine, {key: Usage(**used)})


def test_the_overview_shows_what_is_in_use_beside_its_limits(client: Client) -> None:
    rows.container("web", limits={"memory_bytes": 512 * 2**20, "cpus": 1.5})
    sample("web", cpu=0.62, memory_bytes=211 * 2**20, memory_limit_bytes=256 * 2**20, processes=3, received_bytes_s=2048)
    use = parse(client.get("/containers/web/")).one(id="use")
    cells = {body.one("h3").text: body.one("span", "sw-num").text for body in use.all("section")[1].all("div", "card-body")}
    assert cells == {
        "Memory": "211 MiB of 256 MiB",
        "CPU": "62 % of 150 %",
        "Processes": "3",
        "Received": "2 KiB/s",
        "Sent": "–",
    }
    meters = {meter["data-meter"]: (float(meter["value"]), float(meter["max"])) for meter in use.all("meter")}
    assert meters == {"memory_bytes": (211 * 2**20, 256 * 2**20), "cpu": (pytest.approx(0.62), 1.5)}


def test_the_overview_draws_and_tells_an_hour_or_a_day(client: Client) -> None:
    rows.container("web")
    sample("web", cpu=0.62, memory_bytes=211 * 2**20)
    use = parse(client.get("/containers/web/")).one(id="use")
    charts = use.one("section", data_charts=True)
    assert (charts["data-charts"], charts["data-seconds"]) == ("/api/v1/containers/web/metrics/", "3600")
    drawn = " ".join(figure["data-plot"] for figure in charts.all("figure"))
    assert drawn == "cpu memory_bytes received_bytes_s sent_bytes_s processes"
    assert set(drawn.split()) <= set(client.get(charts["data-charts"]).json())
    table = [row.text for row in charts.one("tbody").all("tr")]
    assert len(table) == 12
    assert [text for text in table if "62 % 211 MiB" in text] in ([table[0], table[5]], [table[0], table[6]])
    assert use.one("a", href="?span=day").text == "Last day"
    day = parse(client.get("/containers/web/?span=day")).one(id="use").one("section", data_charts=True)
    assert (day["data-seconds"], len(day.one("tbody").all("tr"))) == ("86400", 24)


def test_the_table_is_asked_for_alone(client: Client) -> None:
    rows.container("web")
    tree = parse(client.get("/containers/web/?part=table&span=day", headers=HTMX))
    assert [child["id"] for child in tree.children if isinstance(child, Element)] == ["use-table"]

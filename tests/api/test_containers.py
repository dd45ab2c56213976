"""/containers/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from containers.choices import ContainerState
from containers.models import Container, Job, Revision
from containers.services import containers
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

DEFINITION = {
    "depends": ["db"],
    "layers": ["base"],
    "mounts": {"data": "srv/data", "conf": "etc/x.conf:file"},
    "env": {"B": "1", "A": "é"},
    "uid": "5",
    "cmd": "/bin/app",
    "ready": "true",
    "halt": "SIGTERM",
}


def shown(name: str, **more: Any) -> dict[str, Any]:
    row = Container.objects.get(name=name)
    return {
        "name": name,
        "definition": {"layers": ["base"]},
        "description": "",
        "autostart": False,
        "protected": False,
        "limits": {"memory_bytes": None, "cpus": None, "pids": None},
        "timeouts": {"start": 30, "ready": 30, "stop": 30},
        "state": "STOPPED",
        "pid": None,
        "address": row.address,
        "pending": False,
        "revision": 1,
        "job": row.last_job_id,
        **more,
    }


def test_a_container_is_created(api: Api, operator: User) -> None:
    rows.container("db")
    response = api.post(
        "/containers/",
        {
            "name": "web",
            "definition": DEFINITION,
            "description": "The shop",
            "autostart": True,
            "protected": True,
            "limits": {"memory_bytes": 64 * 2**20, "cpus": 1.5},
            "timeouts": {"stop": 5},
        },
    )
    assert response.status_code == 201
    assert response["Location"] == "/api/v1/containers/web/"
    job = Job.objects.latest("id")
    expected = shown(
        "web",
        definition=DEFINITION,
        description="The shop",
        autostart=True,
        protected=True,
        limits={"memory_bytes": 64 * 2**20, "cpus": 1.5, "pids": None},
        timeouts={"start": 30, "ready": 30, "stop": 5},
        job=job.pk,
    )
    assert response.json() == expected
    assert api.get("/containers/web/").json() == expected
    assert list(response.json()) == list(expected)
    assert (job.operation, job.targets, job.user) == ("create", ["web"], operator)


def test_all_errors_of_a_body_are_named(api: Api) -> None:
    response = api.post("/containers/", {"name": "Web", "definition": {"layers": [], "colour": 1}, "limits": {"cpus": 0}, "x": 1})
    assert response.status_code == 422
    body = response.json()
    assert (body["code"], body["field"]) == ("invalid", "name")
    assert [error["field"] for error in body["errors"]] == ["name", "definition.layers", "definition.colour", "limits.cpus", "x"]
    assert not Container.objects.exists()


@pytest.mark.parametrize("body", [None, [], "x", 1, True, {}, {"name": "a"}, {"definition": {"layers": ["base"]}}])
def test_incomplete_bodies_are_refused(api: Api, body: Any) -> None:
    response = api.post("/containers/", data=json.dumps(body))
    assert response.status_code == 422
    assert response.json()["code"] == "invalid"


@pytest.mark.parametrize("data", ["", "{", "{'a': 1}", "NaN", '{"a": 1, "a": 1}', "[" * 50_000, b"\xff\xfe"])
def test_what_is_not_json_is_refused(api: Api, data: Any) -> None:
    response = api.post("/containers/", data=data)
    assert response.status_code in ((400, 422) if data == "" else (400,))
    assert response.json()["code"] == ("invalid" if data == "" else "malformed")


def test_a_body_beyond_the_limit_is_refused(api: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = api.post("/containers/", {"name": "x" * 2000})
    assert (response.status_code, response.json()["code"]) == (413, "too-large")


def test_a_thousand_errors_are_answered_with_a_hundred(api: Api) -> None:
    response = api.post("/containers/", {f"k{number}": 1 for number in range(1000)})
    assert len(response.json()["errors"]) == 100
    assert len(response.json()["message"]) <= 2000


def test_a_taken_name_and_a_full_subnet_are_conflicts(api: Api, settings: Any) -> None:
    rows.container("a")
    body = {"name": "a", "definition": {"layers": ["base"]}}
    taken = api.post("/containers/", body)
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    settings.SUBNET = type(settings.SUBNET)(f"{settings.SUBNET.network_address}/30")
    full = api.post("/containers/", {**body, "name": "b"})
    assert (full.status_code, full.json()["code"]) == (409, "addresses-exhausted")


def test_a_cycle_is_refused_by_name(api: Api) -> None:
    rows.chain()
    response = api.patch("/containers/db/", {"definition": {"layers": ["base"], "depends": ["web"]}})
    assert response.status_code == 422
    assert response.json()["field"] == "definition.depends"
    assert "app → db → web → app" in response.json()["message"]


def test_a_container_is_changed_in_part(api: Api) -> None:
    rows.container("a", description="old", env={"A": "1"}, limits={"pids": 3})
    response = api.patch("/containers/a/", {"name": "a", "autostart": True, "limits": {"cpus": 2}, "timeouts": {"stop": 1}})
    assert response.status_code == 200
    assert response.json() == shown(
        "a",
        definition={"layers": ["base"], "env": {"A": "1"}},
        description="old",
        autostart=True,
        limits={"memory_bytes": None, "cpus": 2.0, "pids": 3},
        timeouts={"start": 30, "ready": 30, "stop": 1},
        revision=2,
    )
    assert api.get("/containers/a/").json() == response.json()


def test_a_definition_is_replaced_as_a_whole_and_pending_while_it_runs(api: Api) -> None:
    row = rows.container("a", env={"A": "1"}, state=ContainerState.RUNNING)
    Container.objects.update(applied_digest=row.digest)
    response = api.patch("/containers/a/", {"definition": {"layers": ["base"], "cwd": "/srv"}})
    assert response.json()["definition"] == {"layers": ["base"], "cwd": "/srv"}
    assert (response.json()["pending"], response.json()["state"]) == (True, "RUNNING")
    assert Job.objects.count() == 1


def test_a_change_on_an_old_revision_is_a_conflict(api: Api) -> None:
    rows.container("a")
    assert api.patch("/containers/a/", {"description": "x", "revision": 1}).status_code == 200
    response = api.patch("/containers/a/", {"autostart": True, "revision": 1})
    assert response.status_code == 409
    assert response.json()["message"].startswith("operator changed description of a meanwhile")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "b"}, "name"),
        ({"state": "RUNNING"}, "state"),
        ({"address": "10.0.0.1"}, "address"),
        ({"revision": "1"}, "revision"),
        ({"revision": True}, "revision"),
        ({"revision": 0}, "revision"),
        ({"revision": 10**30}, "revision"),
        ({"revision": -(10**30)}, "revision"),
        ({"definition": {}}, "definition.layers"),
        ({"definition": None}, "definition"),
        ({"autostart": "yes"}, "autostart"),
        ({"description": "a\u2028b"}, "description"),
        ({"limits": []}, "limits"),
        ({"limits": {"disk": 1}}, "limits.disk"),
        ({"timeouts": {"stop": 10**400}}, "timeouts.stop"),
    ],
)
def test_bad_changes_are_refused_by_field(api: Api, body: Any, field: str) -> None:
    rows.container("a")
    response = api.patch("/containers/a/", body)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert Container.objects.get().revision == 1


@pytest.mark.parametrize("body", [[], "x", 1])
def test_a_change_is_an_object(api: Api, body: Any) -> None:
    rows.container("a")
    assert api.patch("/containers/a/", body).status_code == 422


def test_containers_are_listed_by_name(api: Api) -> None:
    rows.container("b", description="The shop")
    rows.container("a", state=ContainerState.RUNNING)
    assert api.get("/containers/").json() == {
        "count": 2,
        "next": None,
        "results": [shown("a", state="RUNNING"), shown("b", description="The shop")],
    }
    assert api.get("/containers/?state=RUNNING").json()["results"] == [shown("a", state="RUNNING")]
    for text in ("SHOP", "b", rows.address(2)):
        assert [row["name"] for row in api.get(f"/containers/?search={text}").json()["results"]] == ["b"]
    assert api.get("/containers/?search=%25").json() == {"count": 0, "next": None, "results": []}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=running", "state"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=99999999999999999999", "page"),
        ("search=%00", "search"),
        ("search=" + "x" * 1000, "search"),
    ],
)
def test_bad_queries_are_refused_by_field(api: Api, query: str, field: str) -> None:
    response = api.get(f"/containers/?{query}")
    assert (response.status_code, response.json()["field"]) == (422, field)


def test_lists_come_in_pages_of_a_hundred(api: Api) -> None:
    many(205)
    first = api.get("/containers/?search=a")
    assert (first.json()["count"], len(first.json()["results"])) == (205, 100)
    assert first.json()["next"] == "http://testserver/api/v1/containers/?search=a&page=2"
    names = [row["name"] for row in first.json()["results"]]
    page = first.json()
    while page["next"]:
        page = api.client.get(page["next"], headers=api.headers).json()
        names += [row["name"] for row in page["results"]]
    assert names == sorted(Container.objects.values_list("name", flat=True))
    beyond = api.get("/containers/?page=4")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "not-found")


def many(count: int) -> None:
    """Containers that depend on the first, on two layers, with mounts and environment."""
    host, layer = rows.host(), rows.layer()
    made = Container.objects.bulk_create(
        Container(host=host, name=f"a{number:04}", address=f"10.250.{number // 250}.{number % 250}", digest="0")
        for number in range(count)
    )
    for relation, values in (
        ("layer_uses", {"layer": layer}),
        ("mounts", {"volume": "v", "mountpoint": "m"}),
        ("environment", {"key": "A", "value": "1"}),
        ("dependencies", {"needs": made[0]}),
    ):
        model: Any = Container._meta.get_field(relation).related_model
        model.objects.bulk_create(model(container=row, position=0, **values) for row in made if row is not values.get("needs"))


def test_a_list_of_a_thousand_takes_nine_queries(api: Api, django_assert_num_queries: Any) -> None:
    many(1000)
    api.get("/containers/")
    with django_assert_num_queries(9):
        response = api.get("/containers/?page=3")
    assert response.json()["results"][0]["definition"] == {
        "depends": ["a0000"],
        "layers": ["base"],
        "mounts": {"v": "m"},
        "env": {"A": "1"},
    }


@pytest.mark.parametrize("path", ["/containers/", "/jobs/", "/layers/", "/containers/a0/revisions/", "/export/"])
def test_no_list_takes_more_queries_for_more_rows(api: Api, django_assert_num_queries: Any, path: str) -> None:
    def grow(first: int) -> None:
        for number in range(first, first + 10):
            rows.layer(f"layer{number}")
            needs = ["a0"] if number else []
            rows.container(f"a{number}", depends=needs, layers=("base", f"layer{number}"), env={"A": "1"}, mounts={"v": "v"})
        for number in range(10):
            row = Container.objects.get(name="a0")
            containers.update_container(rows.ROOT, row, {"description": f"{first} {number}"})

    grow(0)
    api.get(path)
    with CaptureQueriesContext(connection) as before:
        api.get(path)
    grow(10)
    with django_assert_num_queries(len(before)):
        api.get(path)


def test_a_container_is_destroyed_by_a_job(api: Api) -> None:
    rows.container("a", mounts={"v": "v", "w": "w"})
    response = api.delete("/containers/a/")
    job = Job.objects.latest("id")
    assert (response.status_code, response.json(), response["Location"]) == (202, {"job": job.pk}, f"/api/v1/jobs/{job.pk}/")
    assert (job.operation, job.targets, job.inputs) == ("destroy", ["a"], {})
    assert api.delete("/containers/a/?volumes=true").status_code == 202
    assert Job.objects.latest("id").inputs == {"volumes": ["v", "w"]}
    assert Container.objects.exists()


def test_what_is_protected_needed_or_shared_is_not_destroyed(api: Api) -> None:
    rows.chain()
    rows.container("p", protected=True, mounts={"v": "v"})
    rows.container("q", mounts={"v": "v"})
    for path, word in (("p/", "protected"), ("db/", "app"), ("q/?volumes=true", "p")):
        response = api.delete(f"/containers/{path}")
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
        assert word in response.json()["message"]
    assert not Job.objects.filter(operation="destroy").exists()


@pytest.mark.parametrize("name", ["other", "A", "-", "%00", "%0a", "%ff", "..%2f..", "x" * 5000, "%ed%a0%80", "a%20b"])
@pytest.mark.parametrize("rest", ["", "config/", "log/", "revisions/", "plan/?operation=start"])
def test_what_does_not_exist_is_not_found(api: Api, name: str, rest: str) -> None:
    response = api.get(f"/containers/{name}/{rest}")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    if not rest:
        assert api.patch(f"/containers/{name}/", {}).status_code == 404
        assert api.delete(f"/containers/{name}/").status_code == 404


def test_a_slash_in_a_name_leads_nowhere(api: Api) -> None:
    response = api.get("/containers/../../etc/passwd/")
    assert response.status_code == 404


def test_the_configuration_is_what_the_next_start_writes(api: Api) -> None:
    rows.container("a", env={"A": "1"})
    response = api.get("/containers/a/config/")
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    lines = response.content.decode().splitlines()
    assert "lxc.uts.name = a" in lines
    assert "lxc.environment = A=1" in lines


def test_the_configuration_follows_the_hosts_control_groups(api: Api) -> None:
    rows.container("a", limits={"memory_bytes": 2**25})
    host = rows.host()
    for cgroup2, key in ((True, "lxc.cgroup2.memory.max"), (False, "lxc.cgroup.memory.limit_in_bytes")):
        host.cgroup2 = cgroup2
        host.save()
        assert f"{key} = {2**25}" in api.get("/containers/a/config/").content.decode()


def test_a_broken_row_is_shown_and_can_be_repaired_but_has_no_configuration(api: Api) -> None:
    row = rows.container("a")
    Container.objects.filter(pk=row.pk).update(cwd="/x\ny")
    assert api.get("/containers/").json()["results"][0]["definition"]["cwd"] == "/x\ny"
    config = api.get("/containers/a/config/")
    assert (config.status_code, config.json()["field"]) == (422, "definition.cwd")
    assert api.patch("/containers/a/", {"description": "x"}).status_code == 422
    assert api.patch("/containers/a/", {"definition": {"layers": ["base"]}}).status_code == 200


def test_the_log_is_plain_text(api: Api, settings: Any, tmp_path: Path) -> None:
    settings.LOG_DIR = tmp_path
    rows.container("a")
    assert api.get("/containers/a/log/").content == b""
    (tmp_path / "a.log").write_bytes(b"\x1b[1mhello\x1b[0m <b>\n")
    response = api.get("/containers/a/log/")
    assert (response.content, response["Content-Type"]) == (b"hello <b>\n", "text/plain; charset=utf-8")


def test_the_log_is_searched_and_cut(api: Api, settings: Any, tmp_path: Path) -> None:
    settings.LOG_DIR = tmp_path
    rows.container("a")
    (tmp_path / "a.log").write_text("Error 1\nfine\nerror 2\nend")
    assert api.get("/containers/a/log/?lines=1").content == b"error 2\nend"
    assert api.get("/containers/a/log/?search=ERROR").content == b"Error 1\nerror 2\n"
    assert api.get("/containers/a/log/?lines=0").status_code == 422
    assert api.get("/containers/a/log/?search=%00").status_code == 422


def test_revisions_are_listed_newest_first(api: Api, operator: User) -> None:
    rows.container("a")
    api.patch("/containers/a/", {"description": "x", "limits": {"pids": 2}})
    body = api.get("/containers/a/revisions/").json()
    times = [item.pop("created_at") for item in body["results"]]
    assert times[0] > times[1]
    assert body == {
        "count": 2,
        "next": None,
        "results": [
            {
                "number": 2,
                "user": "operator",
                "via": "api",
                "data": {"definition": {"layers": ["base"]}, "description": "x", "limits": {"pids": 2}},
            },
            {"number": 1, "user": "root", "via": "cli", "data": {"definition": {"layers": ["base"]}}},
        ],
    }
    assert Revision.objects.count() == 2


def test_only_the_methods_of_the_contract_are_answered(api: Api) -> None:
    rows.container("a")
    for method, path, allowed in (
        ("PUT", "/containers/a/", "DELETE, GET, PATCH"),
        ("DELETE", "/containers/", "GET, POST"),
        ("GET", "/containers/a/start/", "POST"),
        ("POST", "/containers/a/config/", "GET"),
    ):
        response = api(method, path)
        assert (response.status_code, response["Allow"], response.json()["code"]) == (405, allowed, "method-not-allowed")
    assert api("HEAD", "/containers/").status_code == 200
    assert api("HEAD", "/containers/").content == b""
    assert api("HEAD", "/events/").status_code == 405


def test_other_paths_are_not_found_and_a_missing_slash_is_added(api: Api, anonymous: Api) -> None:
    for one in (api, anonymous):
        response = one.get("/nothing/here/")
        assert (response.status_code, response.json()["code"]) == (404, "not-found")
        assert one.get("/containers/a/explode/").status_code == 404
        redirect = one.get("/containers")
        assert (redirect.status_code, redirect["Location"]) == (301, "/api/v1/containers/")

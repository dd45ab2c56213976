"""Containers as rows: what saving writes, refuses and leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from containers.choices import ContainerState, MountKind
from containers.domain import addresses
from containers.domain.spec import ContainerSpec
from containers.errors import AddressesExhausted, Conflict, FieldError, Forbidden, InvalidRequest, NotFound
from containers.models import Container, Event, Job, Revision
from containers.services import containers, hosts, specs, storing
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db

FULL: dict[str, Any] = {
    "name": "web",
    "definition": {
        "depends": ["db", "app"],
        "layers": ["base", "top"],
        "mounts": {"zdata": "srv/data", "conf": "etc/app.conf:file", "adata": "var/lib/a"},
        "env": {"PATH": "/bin", "A": "", "Z": "é"},
        "uid": "10",
        "gid": "20",
        "cmd": "/bin/app --x 'y z'",
        "cwd": "/srv",
        "ready": "test -e /x",
        "halt": "SIGTERM",
    },
    "description": "The shop",
    "autostart": True,
    "protected": True,
    "limits": {"memory_bytes": 64 * 2**20, "cpus": 0.5, "pids": 100},
    "timeouts": {"start": 5, "ready": 6, "stop": 7},
}


def loaded(name: str) -> Container:
    return hosts.get_container(name, hosts.containers().with_definition())


def full_spec() -> ContainerSpec:
    rows.container("app")
    rows.container("db")
    rows.layer("top")
    return ContainerSpec.parse(FULL)


def test_what_is_created_reads_back_as_it_was_given(operator: User) -> None:
    containers.create_container(rows.actor(operator), full_spec())
    assert specs.data_of(loaded("web")) == FULL
    assert specs.spec_of(loaded("web")).export() == FULL


def test_rows_keep_order_and_kinds(operator: User) -> None:
    row, _ = containers.create_container(rows.actor(operator), full_spec())
    assert [(use.position, use.layer.name) for use in row.layer_uses.all()] == [(0, "base"), (1, "top")]
    assert [(mount.volume, mount.mountpoint, mount.kind) for mount in row.mounts.all()] == [
        ("zdata", "srv/data", MountKind.DIRECTORY),
        ("conf", "etc/app.conf", MountKind.FILE),
        ("adata", "var/lib/a", MountKind.DIRECTORY),
    ]


def test_creating_writes_revision_job_and_audit(operator: User) -> None:
    rows.layer()
    row, job = containers.create_container(rows.actor(operator), rows.spec("one"))
    revision = Revision.objects.get()
    assert (revision.container, revision.number, revision.data) == (row, 1, {"definition": {"layers": ["base"]}})
    assert (revision.user, revision.user_name, revision.via) == (operator, "operator", "api")
    assert (job.operation, job.targets, job.inputs, job.state) == ("create", ["one"], {}, "queued")
    assert [link.name for link in job.containers.all()] == ["one"]
    assert Container.objects.get().last_job == job
    events = [(event.kind, event.subject, event.user_name, event.remote_address) for event in Event.objects.order_by("id")]
    assert events == [("container.create", "one", "operator", "127.0.0.1"), ("job.queue", "one", "operator", "127.0.0.1")]


def test_the_worker_is_rung_after_the_commit(
    operator: User, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr("containers.services.queue.ring", lambda job: rung.append(job.pk))
    rows.layer()
    with django_capture_on_commit_callbacks(execute=True):
        _, job = containers.create_container(rows.actor(operator), rows.spec("one"))
        assert rung == []
    assert rung == [job.pk]


def test_each_container_gets_the_next_free_address() -> None:
    made = [rows.container(name) for name in ("a", "b", "c")]
    assert [row.address for row in made] == [rows.address(2), rows.address(3), rows.address(4)]
    containers.forget(made[1])
    assert rows.container("d").address == rows.address(3)


def test_an_address_taken_in_the_same_moment_is_replaced_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.container("a")
    answers = [rows.address(2), rows.address(9)]
    monkeypatch.setattr(addresses, "next_address", lambda subnet, used: answers.pop(0))
    assert rows.container("b").address == rows.address(9)


def test_addresses_that_are_always_taken_end_in_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.container("a")
    monkeypatch.setattr(addresses, "next_address", lambda subnet, used: rows.address(2))
    with pytest.raises(Conflict, match="No address could be had for b"):
        rows.container("b")
    assert [row.name for row in hosts.containers()] == ["a"]


def test_a_full_subnet_is_refused_and_leaves_nothing(settings: Any) -> None:
    settings.SUBNET = type(settings.SUBNET)("10.250.0.0/30")
    rows.container("a")
    with pytest.raises(AddressesExhausted):
        rows.container("b")
    assert [row.name for row in hosts.containers()] == ["a"]
    assert Job.objects.count() == 1


def test_a_taken_name_is_refused() -> None:
    rows.container("a")
    with pytest.raises(Conflict, match="There is a container a already"):
        rows.container("a")


def test_missing_names_are_refused_all_at_once() -> None:
    rows.layer()
    rows.layer("half", available=False)
    with pytest.raises(InvalidRequest) as caught:
        containers.create_container(ROOT, rows.spec("a", depends=["x", "y"], layers=("base", "none", "half")))
    assert caught.value.errors == (
        FieldError("definition.depends", "there is no container x"),
        FieldError("definition.depends", "there is no container y"),
        FieldError("definition.layers", "there is no layer none"),
        FieldError("definition.layers", "the layer half is not ready for use yet"),
    )


def test_a_container_that_depends_on_itself_is_refused() -> None:
    rows.layer()
    with pytest.raises(InvalidRequest, match="a → a"):
        containers.create_container(ROOT, rows.spec("a", depends=["a"]))


def test_a_cycle_is_refused_by_name() -> None:
    db, _app, _web = rows.chain()
    with pytest.raises(InvalidRequest) as caught:
        containers.update_container(ROOT, loaded(db.name), {"definition": {"layers": ["base"], "depends": ["web"]}})
    assert caught.value.errors == (
        FieldError("definition.depends", "the dependencies go round in a circle: app → db → web → app"),
    )
    assert loaded("db").revision == 1


def test_a_change_makes_a_revision_and_is_audited(operator: User) -> None:
    row = rows.container("a", description="old", autostart=True)
    containers.update_container(rows.actor(operator), loaded("a"), {"description": "new", "limits": {"pids": 5}})
    row.refresh_from_db()
    assert (row.description, row.pids, row.autostart, row.revision) == ("new", 5, True, 2)
    assert row.revisions.get(number=2).data == {
        "definition": {"layers": ["base"]},
        "description": "new",
        "autostart": True,
        "limits": {"pids": 5},
    }
    event = Event.objects.get(kind="container.update")
    assert event.data == {
        "revision": 2,
        "before": {"description": "old"},
        "after": {"description": "new", "limits": {"pids": 5}},
    }


def test_a_definition_is_replaced_as_a_whole() -> None:
    full = full_spec()
    containers.create_container(ROOT, full)
    containers.update_container(ROOT, loaded("web"), {"definition": {"layers": ["top"]}})
    assert specs.data_of(loaded("web")) == {**FULL, "definition": {"layers": ["top"]}}


def test_limits_and_timeouts_are_merged_key_by_key() -> None:
    rows.container("a", limits={"pids": 5, "cpus": 1.5}, timeouts={"stop": 3})
    containers.update_container(ROOT, loaded("a"), {"limits": {"pids": None, "memory_bytes": 2**23}, "timeouts": {"ready": 9}})
    data = specs.data_of(loaded("a"))
    assert data["limits"] == {"cpus": 1.5, "memory_bytes": 2**23}
    assert data["timeouts"] == {"stop": 3, "ready": 9}


def test_the_same_again_writes_nothing() -> None:
    rows.container("a", description="x")
    before = Event.objects.count()
    containers.update_container(ROOT, loaded("a"), {"description": "x", "definition": {"layers": ["base"], "build": False}})
    assert loaded("a").revision == 1
    assert Event.objects.count() == before


@pytest.mark.parametrize("key", ["name", "address", "state", "revision", "layers"])
def test_other_keys_cannot_be_changed(key: str) -> None:
    rows.container("a")
    with pytest.raises(InvalidRequest) as caught:
        containers.update_container(ROOT, loaded("a"), {key: "x"})
    assert caught.value.errors[0].field == key


def test_a_change_on_an_old_revision_is_refused_naming_who_changed_what(operator: User) -> None:
    rows.container("a")
    seen = loaded("a")
    containers.update_container(rows.actor(operator), loaded("a"), {"description": "x"})
    containers.update_container(rows.actor(operator), loaded("a"), {"definition": {"layers": ["base"], "env": {"A": "1"}}})
    with pytest.raises(Conflict, match=r"^operator changed description, definition.env of a meanwhile"):
        containers.update_container(ROOT, seen, {"autostart": True})
    with pytest.raises(Conflict, match=r"^operator changed definition.env of a meanwhile"):
        containers.update_container(ROOT, loaded("a"), {"autostart": True}, expected_revision=2)
    assert loaded("a").autostart is False


def test_a_change_on_a_container_that_is_gone_is_refused() -> None:
    row = rows.container("a")
    seen = loaded("a")
    containers.forget(row)
    with pytest.raises(Conflict):
        containers.update_container(ROOT, seen, {"autostart": True})


def test_what_runs_is_pending_after_a_change_that_needs_a_restart() -> None:
    row = rows.container("a", state=ContainerState.RUNNING)
    Container.objects.filter(pk=row.pk).update(applied_digest=row.digest, applied_revision=1)
    containers.update_container(ROOT, loaded("a"), {"description": "only words"})
    assert loaded("a").is_pending is False
    containers.update_container(ROOT, loaded("a"), {"definition": {"layers": ["base"], "env": {"A": "1"}}})
    assert loaded("a").is_pending is True
    assert Job.objects.count() == 1


def test_the_returned_container_has_the_new_definition() -> None:
    rows.container("a")
    row = containers.update_container(ROOT, loaded("a"), {"definition": {"layers": ["base"], "env": {"A": "1"}}})
    assert specs.definition_of(row) == {"layers": ["base"], "env": {"A": "1"}}


def test_a_clone_is_the_same_under_another_name_and_address(operator: User) -> None:
    containers.create_container(ROOT, full_spec())
    clone, job = containers.clone_container(rows.actor(operator), loaded("web"), "web2")
    assert specs.data_of(loaded("web2")) == {**FULL, "name": "web2"}
    assert clone.address != loaded("web").address
    assert (job.operation, job.targets) == ("create", ["web2"])


def test_a_clone_under_a_bad_name_is_refused() -> None:
    rows.container("a")
    with pytest.raises(InvalidRequest) as caught:
        containers.clone_container(ROOT, loaded("a"), "../a")
    assert caught.value.errors[0].field == "name"


def test_a_revision_is_restored_as_a_new_one(operator: User) -> None:
    rows.container("a", description="x", limits={"pids": 5}, timeouts={"stop": 3})
    containers.update_container(
        ROOT, loaded("a"), {"description": "", "autostart": True, "limits": {"pids": 6, "cpus": 2.0}, "timeouts": {"stop": 30}}
    )
    containers.restore_revision(rows.actor(operator), loaded("a"), 1)
    row = loaded("a")
    assert row.revision == 3
    assert row.revisions.get(number=3).data == row.revisions.get(number=1).data
    with pytest.raises(NotFound):
        containers.restore_revision(ROOT, row, 2**40)


def test_forgetting_keeps_jobs_and_revisions_and_releases_the_address() -> None:
    row = rows.container("a", mounts={"data": "data"})
    containers.forget(row)
    containers.forget(row)
    assert not Container.objects.exists()
    revision = Revision.objects.get()
    assert (revision.container, revision.container_name) == (None, "a")
    assert [link.name for link in Job.objects.get().containers.all()] == ["a"]


def test_what_others_depend_on_is_not_forgotten() -> None:
    db, *_ = rows.chain()
    with pytest.raises(Conflict, match="app depends on db"):
        containers.forget(db)


def test_a_row_changed_behind_the_forms_back_is_refused_as_a_value_and_still_shown() -> None:
    row = rows.container("a", env={"A": "1"})
    row.environment.update(key="A\nlxc.hook.start")
    with pytest.raises(InvalidRequest):
        specs.spec_of(loaded("a"))
    assert specs.data_of(loaded("a"))["definition"]["env"] == {"A\nlxc.hook.start": "1"}


@pytest.mark.parametrize("rights", [(), ("view_container",)])
def test_the_stranger_may_not(rights: tuple[str, ...]) -> None:
    rows.container("a")
    somebody = rows.actor(rows.user("somebody", *rights))
    for use in (
        lambda: containers.create_container(somebody, rows.spec("b")),
        lambda: containers.update_container(somebody, loaded("a"), {"description": "x"}),
        lambda: containers.clone_container(somebody, loaded("a"), "b"),
        lambda: containers.restore_revision(somebody, loaded("a"), 1),
    ):
        with pytest.raises(Forbidden):
            use()
    assert [row.name for row in hosts.containers()] == ["a"]


def test_creating_needs_as_many_queries_for_many_containers_as_for_few(django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        rows.container(f"a{number}")
    with django_assert_max_num_queries(40) as few:
        rows.container("few", env={"A": "1"}, mounts={"v": "v"})
    for number in range(10):
        rows.container(f"b{number}", depends=["few"])
    with django_assert_max_num_queries(len(few)):
        rows.container("many", env={"A": "1", "B": "2"}, mounts={"v": "v", "w": "w"})


def test_definitions_of_all_containers_take_five_queries(django_assert_num_queries: Any) -> None:
    for number in range(5):
        rows.container(f"a{number}", depends=[f"a{number - 1}"] if number else [], mounts={"v": "v"}, env={"A": "1"})
    with django_assert_num_queries(5):
        assert len([specs.data_of(row) for row in hosts.containers().with_definition()]) == 5


def test_nothing_is_stored_in_a_transaction_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.layer()
    monkeypatch.setattr(storing, "write_revision", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        containers.create_container(ROOT, rows.spec("a"))
    assert not Container.objects.exists()
    assert not connection.needs_rollback

"""Host work asked for: what is queued, and what is refused before anything is."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.choices import ContainerState
from containers.domain.states import Operation
from containers.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound
from containers.models import Container, Event, Job
from containers.services import access, operations
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db


def jobs() -> int:
    return Job.objects.exclude(operation="create").count()


def test_one_job_is_written_with_all_that_it_touches(operator: User) -> None:
    rows.chain()
    job = operations.request(rows.actor(operator), Operation.START, ["web"], {"command": ["/bin/sh", "-c", "true"]})
    assert (job.operation, job.targets, job.inputs) == ("start", ["web"], {"command": ["/bin/sh", "-c", "true"]})
    assert (job.user, job.user_name, job.via, job.remote_address) == (operator, "operator", "api", "127.0.0.1")
    assert [link.name for link in job.containers.all()] == ["app", "db", "web"]
    assert list(Container.objects.filter(last_job=job).values_list("name", flat=True)) == ["web"]
    event = Event.objects.get(job=job)
    assert (event.kind, event.subject) == ("job.queue", "web")
    assert event.data == {"operation": "start", "targets": ["web"], "inputs": job.inputs}


def test_stopping_touches_the_dependents() -> None:
    rows.chain(state=ContainerState.RUNNING)
    job = operations.request(ROOT, Operation.STOP, ["db"])
    assert [link.name for link in job.containers.all()] == ["app", "db", "web"]


def test_several_targets_make_one_job_in_the_order_given_without_repeats() -> None:
    rows.chain()
    job = operations.request(ROOT, Operation.KILL, ["web", "db", "web"])
    assert job.targets == ["web", "db"]
    assert [link.name for link in job.containers.all()] == ["db", "web"]


def test_what_is_done_already_is_queued_and_skipped_later() -> None:
    rows.container("a", state=ContainerState.RUNNING)
    assert operations.request(ROOT, Operation.START, ["a"]).state == "queued"


def test_missing_targets_are_named() -> None:
    rows.container("a")
    with pytest.raises(NotFound, match="There is no container b, c"):
        operations.request(ROOT, Operation.START, ["c", "a", "b"])
    assert jobs() == 0


@pytest.mark.parametrize("name", ["", "../a", "a\x00", "a\ud800", "A", "-a", "a" * 5000])
def test_what_cannot_be_a_name_does_not_exist(name: str) -> None:
    with pytest.raises(NotFound):
        operations.request(ROOT, Operation.START, [name])


def test_no_target_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at least one"):
        operations.request(ROOT, Operation.START, [])


@pytest.mark.parametrize("operation", sorted(set(Operation) - set(operations.REQUESTED)))
def test_other_operations_are_refused(operation: Operation) -> None:
    rows.container("a")
    with pytest.raises(InvalidRequest) as caught:
        operations.request(ROOT, operation, ["a"])
    assert caught.value.errors[0].field == "operation"


def test_what_the_state_forbids_is_refused_at_once() -> None:
    rows.container("a")
    with pytest.raises(Conflict):
        operations.request(ROOT, Operation.FREEZE, ["a"])
    assert jobs() == 0


def test_a_protected_container_is_not_destroyed() -> None:
    rows.container("a", protected=True)
    with pytest.raises(Conflict, match="^a: protected"):
        operations.request(ROOT, Operation.DESTROY, ["a"])


def test_what_others_depend_on_is_not_destroyed() -> None:
    rows.chain()
    with pytest.raises(Conflict, match="app"):
        operations.request(ROOT, Operation.DESTROY, ["db"])
    assert operations.request(ROOT, Operation.DESTROY, ["db", "app", "web"]).targets == ["db", "app", "web"]


def test_volumes_are_destroyed_only_by_name_and_only_if_nobody_else_has_them() -> None:
    rows.container("a", mounts={"own": "own", "shared": "shared"})
    rows.container("b", mounts={"shared": "shared"})
    assert operations.request(ROOT, Operation.DESTROY, ["a"], {"volumes": ["own"]}).inputs == {"volumes": ["own"]}
    with pytest.raises(Conflict, match="shared is also used by b"):
        operations.request(ROOT, Operation.DESTROY, ["a"], {"volumes": ["own", "shared"]})
    assert operations.request(ROOT, Operation.DESTROY, ["a", "b"], {"volumes": ["shared"]}).state == "queued"
    with pytest.raises(InvalidRequest) as caught:
        operations.request(ROOT, Operation.DESTROY, ["a"], {"volumes": ["other"]})
    assert caught.value.errors == (FieldError("volumes.0", "other is not a volume of a"),)


def test_the_volumes_of_a_container_are_found() -> None:
    rows.container("a", mounts={"two": "x", "one": "y"})
    assert operations.volumes_of("a") == ["two", "one"]


def test_a_command_is_for_one_container() -> None:
    rows.chain()
    with pytest.raises(InvalidRequest, match="one container"):
        operations.request(ROOT, Operation.EXECUTE, ["db", "web"], {"command": ["id"]})


def test_ids_outside_the_map_are_refused(settings: Any) -> None:
    rows.container("a")
    settings.IDMAP_SIZE = 1000
    with pytest.raises(InvalidRequest) as caught:
        operations.request(ROOT, Operation.EXECUTE, ["a"], {"command": ["id"], "uid": "1000", "gid": 2000})
    assert [error.field for error in caught.value.errors] == ["uid", "gid"]
    job = operations.request(ROOT, Operation.EXECUTE, ["a"], {"command": ["id"], "uid": 999, "gid": "www-data"})
    assert job.inputs == {"command": ["id"], "uid": "999", "gid": "www-data"}


def test_autostart_and_shutdown_find_their_targets() -> None:
    rows.chain()
    Container.objects.filter(name="web").update(autostart=True)
    Container.objects.filter(name="db").update(state=ContainerState.RUNNING)
    start = operations.request(ROOT, Operation.AUTOSTART)
    assert (start.targets, [link.name for link in start.containers.all()]) == (["web"], ["app", "db", "web"])
    stop = operations.request(ROOT, Operation.SHUTDOWN)
    assert (stop.targets, [link.name for link in stop.containers.all()]) == (["db"], ["app", "db", "web"])


def test_autostart_of_nothing_is_a_job_without_containers() -> None:
    rows.container("a")
    job = operations.request(ROOT, Operation.AUTOSTART)
    assert (job.targets, job.containers.count()) == ([], 0)


@pytest.mark.parametrize("rights", [(), ("view_container",)])
def test_the_stranger_may_not(rights: tuple[str, ...]) -> None:
    rows.container("a")
    with pytest.raises(Forbidden):
        operations.request(rows.actor(rows.user("somebody", *rights)), Operation.START, ["a"])
    assert jobs() == 0


def test_a_click_costs_eight_queries_whatever_the_number_of_containers(
    operator: User, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graph, facts, host, job, its containers, their last job, audit event (and savepoint and release, in this test)."""
    rows.chain()
    for number in range(20):
        rows.container(f"a{number}", depends=["web"])
    actor = rows.actor(operator)
    access.holdings(operator)
    with django_assert_num_queries(8 + 2):
        operations.request(actor, Operation.START, ["db"])
    with django_assert_num_queries(8 + 2):
        operations.request(actor, Operation.STOP, ["db"])

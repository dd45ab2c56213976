"""What the host said of a container, written by monitor and worker: an older word never replaces a newer one."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from containers.choices import ContainerState
from containers.models import Container, Host
from containers.services import events

# The column's length; a failure's first line is for lists, the whole stands in the job.
MAX_FAILURE = 300
# No look at all containers takes longer.
LONGEST_LOOK = datetime.timedelta(minutes=2)


def record_look(host: Host, name: str, state: str, pid: int | None, at: datetime.datetime) -> bool:
    """Write that `name` was seen in `state` at `at`; False when a newer look is there already or the container is gone.

    A run that ended, or another run than the last seen, is not known to be ready any more. Two queries.
    """
    row = Container.objects.filter(host=host, name=name).first()
    return row is not None and _record(row, state, pid, at)


def record_looks(host: Host, looks: Mapping[str, tuple[str, int | None]], at: datetime.datetime) -> int:
    """Write a look at many containers, {name: (state, pid)}, that began at `at`; return how many had changed.

    Two queries, and one for each that has changed.
    """
    same: list[int] = []
    changed = 0
    for row in Container.objects.filter(host=host, name__in=looks):
        state, pid = looks[row.name]
        if (row.state, row.pid) == (state, pid):
            same.append(row.pk)
        else:
            changed += _record(row, state, pid, at)
    Container.objects.filter(_is_older(at), pk__in=same).update(state_at=at)
    return changed


def mark_started(host: Host, name: str, revision: int, digest: str) -> None:
    """Write with which saved state the container runs now; its last failure is over."""
    _mark(host, name, applied_revision=revision, applied_digest=digest, failure="")


def mark_ready(host: Host, name: str, *, ready: bool) -> None:
    """Write what the readiness check said; a container that does not run is neither ready nor unready."""
    _mark(host, name, Q(state=ContainerState.RUNNING), is_ready=ready)


def mark_failure(host: Host, name: str, text: str) -> None:
    """Write why the container is not as it should be, in one line; an empty text takes it back."""
    _mark(host, name, failure=text.strip().partition("\n")[0][:MAX_FAILURE])


def _record(row: Container, state: str, pid: int | None, at: datetime.datetime) -> bool:
    values: dict[str, Any] = {"state": state, "pid": pid, "state_at": at}
    has_changed = (row.state, row.pid) != (state, pid)
    if row.state != state or row.state_since is None:
        values["state_since"] = at
    if state != ContainerState.RUNNING or row.pid != pid:
        values["is_ready"] = None
    # `row` may be out of date by now: then the one who was faster has the newer look, or its equal.
    if Container.objects.filter(_is_older(at), pk=row.pk).update(**values) != 1:
        return False
    if has_changed:
        _tell(row, values)
    return True


def _is_older(at: datetime.datetime) -> Q:
    # What is so much newer was written before the clock was set back: nothing would be believed until it had caught up.
    return Q(state_at__isnull=True) | Q(state_at__lt=at) | Q(state_at__gt=at + LONGEST_LOOK)


def _mark(host: Host, name: str, condition: Q | None = None, **values: Any) -> None:
    row = Container.objects.filter(condition or Q(), host=host, name=name).first()
    if row is not None and any(getattr(row, key) != value for key, value in values.items()):
        Container.objects.filter(pk=row.pk).update(**values)
        _tell(row, values)


def _tell(row: Container, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        setattr(row, key, value)
    events.publish_container(row)

"""A job's record as text: all of it for who may see it, and as a support file, without secrets, for who helps."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby
from typing import Final

import django
from django.conf import settings
from django.db import connection
from django.utils import timezone

from containers.choices import EventKind
from containers.domain.secrecy import Masker, values_of
from containers.domain.text import shown
from containers.models import Command, Container, EnvironmentVariable, Host, Job, Line, Revision, Step
from containers.services import audit
from containers.services.actor import Actor
from containers.services.typed import Typed

CHUNK: Final = 2_000
_NEVER: Final = "-"


def lines(job: Job) -> Iterator[str]:
    """Return the record of `job` line by line, each ended; however long its output is, little of it is in memory at a time."""
    typed = Typed.of(job)
    return chain(
        _ended(_head(job, typed)), _ended(_steps(job, typed)), _ended(["", *job.error.splitlines()] if job.error else [])
    )


def take(actor: Actor, job: Job) -> None:
    """Record that a support file leaves the panel."""
    audit.record(actor, EventKind.JOB_EXPORT, f"job {job.pk}", {}, job)


def support(job: Job) -> Iterator[str]:
    """Return the record with what else is needed to understand it: versions, facts of the host, states. Secrets are masked.

    Hidden are the values of variables whose names tell that they are secret, in all revisions of the job's containers, and
    what `domain.secrecy` finds by its form. Who asked, and from where, is left out.
    """
    typed, masker = Typed.of(job), Masker(_secrets(job))
    head = [_about(job), _host(job.host), _containers(job), ["", "Record"], _head(job, typed, with_person=False)]
    return _ended(masker.mask(line) for line in chain(*head, _steps(job, typed), ["", *job.error.splitlines()]))


def _ended(texts: Iterable[str]) -> Iterator[str]:
    return (f"{text}\n" for text in texts)


def _secrets(job: Job) -> set[str]:
    names = list(job.containers.values_list("name", flat=True))
    rows = EnvironmentVariable.objects.filter(container__host=job.host_id, container__name__in=names)
    found = {value for key, value in rows.values_list("key", "value") if values_of({key: value})}
    for data in Revision.objects.filter(container_name__in=names).values_list("data", flat=True).iterator(CHUNK):
        definition = data.get("definition") if isinstance(data, dict) else None
        env = definition.get("env") if isinstance(definition, dict) else None
        found |= values_of(env) if isinstance(env, dict) else set()
    return found


def _about(job: Job) -> Iterator[str]:
    yield f"spocweb support file of job {job.pk}, made {_time(timezone.now())}"
    yield "What is known or looks like a secret is masked. Read it before you pass it on."
    yield ""
    yield "Versions"
    yield f"spocweb: {settings.VERSION}"
    yield f"Python: {platform.python_version()}, Django: {django.get_version()}"
    yield f"kernel: {platform.release()}, {platform.machine()}"
    yield f"database: {connection.vendor} {'.'.join(map(str, connection.get_database_version()))}"


def _host(host: Host) -> Iterator[str]:
    yield ""
    yield "Host"
    yield f"system: {host.system or _NEVER}, LXC {host.lxc_version or _NEVER}"
    yield f"control groups: {'2' if host.cgroup2 else '1'}, AppArmor: {'yes' if host.apparmor else 'no'}"
    yield f"monitor seen: {_time(host.monitor_seen_at)}"
    yield f"id map: {settings.IDMAP_BASE}, {settings.IDMAP_SIZE} ids; network: {settings.BRIDGE}, {settings.SUBNET}"
    yield f"containers started side by side: {settings.JOB_CONCURRENCY}, workers: {settings.JOB_WORKERS}"


def _containers(job: Job) -> Iterator[str]:
    yield ""
    yield "Containers of the job, as they are now"
    names = job.containers.values_list("name", flat=True)
    for row in Container.objects.filter(host=job.host_id, name__in=list(names)).order_by("name"):
        ready = {True: "ready", False: "not ready", None: "readiness not known"}[row.is_ready]
        failure = f"; last start: {row.failure}" if row.failure else ""
        yield f"{row.name}: {row.state}, {ready}, revision {row.revision}, in effect {row.applied_revision or _NEVER}{failure}"


def _head(job: Job, typed: Typed, *, with_person: bool = True) -> Iterator[str]:
    yield f"job {job.pk}: {job.operation} {' '.join(map(str, job.targets))}".rstrip()
    yield f"state: {job.state}{f', {job.reason}' if job.reason else ''}"
    who = f" by {job.user_name or _NEVER} ({job.via}{f', {job.remote_address}' if job.remote_address else ''})"
    yield f"asked: {_time(job.created_at)}{who if with_person else f' ({job.via})'}"
    yield f"started: {_time(job.started_at)}"
    yield f"ended: {_time(job.ended_at)}"
    if typed.inputs:
        yield f"inputs: {', '.join(f'{key}: {_value(value)}' for key, value in typed.inputs.items() if key != 'sealed')}"
    if job.revisions:
        yield f"revisions: {', '.join(f'{name} {number}' for name, number in job.revisions.items())}"


def _steps(job: Job, typed: Typed) -> Iterator[str]:
    commands = Command.objects.filter(step__job=job).order_by("step", "number")
    known = {step: list(rows) for step, rows in groupby(commands, key=lambda command: command.step_id)}
    for step in job.steps.all():
        yield ""
        yield _step(step)
        for command in known.get(step.pk, []):
            yield f"# {shlex.join(map(str, typed.argv(command, step.container)))}"
            output = Line.objects.filter(command=command).order_by("number").values_list("text", flat=True)
            yield from output.iterator(CHUNK)
            yield _outcome(command)


def _step(step: Step) -> str:
    reason = f" ({step.reason})" if step.reason else ""
    note = f": {step.note}" if step.note else ""
    return f"step {step.number}: {step.action} {step.container}".rstrip() + f": {step.state}{reason}{note}"


def _outcome(command: Command) -> str:
    code = _NEVER if command.exit_code is None else command.exit_code
    took = _NEVER if command.duration_ms is None else command.duration_ms
    return f"-> exit {code}, {took} ms{f', {command.tries} tries' if command.tries > 1 else ''}"


def _value(value: object) -> str:
    return shlex.join(map(str, value)) if isinstance(value, list) else shown(str(value), max_length=1_000)


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") if moment else _NEVER

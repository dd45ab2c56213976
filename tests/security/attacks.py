"""What somebody with all rights of the web process, full rights to database and Redis included, can try against root.

Each attack is played by what root runs, and returns whether it worked. `off` takes away the guard that stops it: a guard
whose attack fails without it guards nothing. SECURITY.md names every one of them.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import redis
import rq
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from rq.job import Job as StockJob
from rq.serializers import DefaultSerializer, JSONSerializer

from containers.catalog import folders
from containers.choices import JobState, Via
from containers.domain import checkpoint, layout, lxc_config
from containers.domain.definition import Definition
from containers.domain.layout import Layout
from containers.domain.origin import Origin
from containers.domain.spec import ContainerSpec
from containers.errors import Forbidden, SpocError, Untrusted
from containers.host import imports
from containers.host.locks import Locks
from containers.jobs import gate, queue, reaper, runner
from containers.jobs.auditing import Keeper
from containers.jobs.handlers import base
from containers.models import EnvironmentVariable, Event, EventGap, Job, Line, Ticket
from containers.services import specs, stream, tickets
from containers.services.audit_jobs import JobCheck
from containers.services.audit_verify import TRIGGERS, Walk
from containers.sessions import session
from tests.support import exports, rows
from tests.support.audit import compute_anew, tamper, write

Off = Callable[[Any], None]
HOOK = "lxc.hook.pre-start"


@dataclass
class World:
    """Where an attack takes place. `ran` is what got as far as to be run by root."""

    server: redis.Redis
    path: Path
    keeper: Keeper
    operator: User
    stranger: User
    checks_signed: bool = True
    checks_output: bool = True
    ran: list[Any] = field(default_factory=list)

    def probe(self) -> type[base.Handler]:
        """A handler that does nothing but say that it was run, and with what."""
        ran = self.ran

        class Probe(base.Handler):
            def scope(self) -> frozenset[str]:
                return frozenset()

            def run(self) -> None:
                self.check_right(())
                ran.append(self.inputs)

        return Probe

    def job(self, operation: str = "network", **more: Any) -> Job:
        """A row, as whoever can write to the database can make it."""
        return Job.objects.create(host=rows.host(), **{"operation": operation, "via": Via.WEB, "user": self.operator, **more})

    def does(self, job: Job) -> bool:
        """Have root take the job up; whether it was run."""
        before = len(self.ran)
        runner.run_job(job.pk)
        return len(self.ran) > before

    def push(self, fields: dict[str, Any]) -> None:
        """Forge a queue entry and have root work on the queue."""
        self.server.flushdb()
        self.server.hset("rq:job:forged", mapping={"origin": settings.QUEUE, **fields})
        self.server.rpush(f"rq:queue:{settings.QUEUE}", "forged")
        gate.Worker([queue.queue(settings.QUEUE)], connection=self.server).work(burst=True, logging_level="CRITICAL")

    def layout(self) -> Layout:
        return Layout(data_dir=self.path, log_dir=self.path, run_dir=self.path)


@dataclass(frozen=True)
class Attack:
    """`kind` is that of the event which the refusal leaves; empty where nothing happens that could be recorded."""

    name: str
    run: Callable[[World], bool]
    off: Callable[[World, Any], None]
    kind: str = ""


class StockWorker(rq.SimpleWorker):
    """rq's worker as it comes, with JSON."""

    serializer: Any = JSONSerializer

    def __init__(self, queues: Any, *, connection: redis.Redis) -> None:
        serializer = type(self).serializer
        plain = [rq.Queue(each.name, connection=connection, serializer=serializer, job_class=StockJob) for each in queues]
        super().__init__(plain, connection=connection, serializer=serializer, job_class=StockJob, default_result_ttl=0)


class PickleWorker(StockWorker):
    """rq's worker as it comes."""

    serializer = DefaultSerializer


class Touch:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


CALLED: list[str] = []


def called_back(*args: object) -> None:
    """What a forged entry wants to be called."""
    CALLED.append("called")


def _entry(function: str, *arguments: object) -> bytes:
    return json.dumps([function, None, list(arguments), {}]).encode()


# The queue


def forged_function(world: World) -> bool:
    target = world.path / "touched"
    world.push({"data": _entry("pathlib.Path.touch", str(target))})
    return _made(target)


def pickled_entry(world: World) -> bool:
    target = world.path / "unpickled"
    world.push({"data": pickle.dumps(Touch(target))})
    return _made(target)


def forged_callback(world: World) -> bool:
    CALLED.clear()
    entry = {"data": _entry(gate.FUNCTION, 999_999), "success_callback_name": f"{__name__}.called_back"}
    world.push(entry)
    return CALLED == ["called"]


def _made(target: Path) -> bool:
    made = target.exists()
    target.unlink(missing_ok=True)
    return made


def _stock_worker(world: World, patch: Any) -> None:
    patch.setattr(gate, "Worker", StockWorker)


def _pickle_worker(world: World, patch: Any) -> None:
    patch.setattr(gate, "Worker", PickleWorker)
    patch.setattr(DefaultSerializer, "loads", staticmethod(pickle.loads))
    patch.setattr(DefaultSerializer, "dumps", staticmethod(pickle.dumps))


# Rows of jobs


def job_of_a_stranger(world: World) -> bool:
    return world.does(world.job(user=world.stranger))


def job_without_the_right(world: World) -> bool:
    viewer = User.objects.filter(username="viewer").first() or rows.user("viewer", "view_container")
    return world.does(world.job(user=viewer))


def job_of_a_removed_account(world: World) -> bool:
    return world.does(world.job(user=None, user_name="gone"))


def unknown_operation(world: World) -> bool:
    return world.does(world.job("shell"))


def hostile_inputs(world: World) -> bool:
    return world.does(world.job("destroy", inputs={"volumes": ["../../etc"]}))


def job_run_twice(world: World) -> bool:
    job = world.job()
    with Locks(settings.RUN_DIR).hold_job(job.pk):
        return world.does(job)


def forged_loss(world: World) -> bool:
    """A job that goes on is called running by somebody else, to have it taken for lost while it works."""
    job = world.job(state=JobState.RUNNING)
    with Locks(settings.RUN_DIR).hold_job(job.pk):
        reaper.reap(job.host)
    job.refresh_from_db()
    lost = job.state == JobState.LOST
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
    return lost


def _no_authorisation(world: World, patch: Any) -> None:
    patch.setattr(runner, "_authorise", lambda job: None)


def _no_right_of_a_job(world: World, patch: Any) -> None:
    patch.setattr(base.access, "require_job", lambda *args: None)


def _no_authorisation_at_all(world: World, patch: Any) -> None:
    _no_authorisation(world, patch)
    _no_right_of_a_job(world, patch)


def _any_operation(world: World, patch: Any) -> None:
    probe = world.probe()
    patch.setattr(runner, "HANDLERS", {**runner.HANDLERS, "shell": probe})
    patch.setattr(base, "Operation", lambda text: text)
    patch.setattr(base.inputs, "parse", _unjudged)
    _no_right_of_a_job(world, patch)


def _unjudged_inputs(world: World, patch: Any) -> None:
    patch.setattr(base.inputs, "parse", _unjudged)


def _unjudged(operation: object, given: Any, **more: object) -> Any:
    return SimpleNamespace(export=lambda: given)


def _no_job_lock(world: World, patch: Any) -> None:
    patch.setattr(runner.Locks, "hold_job", lambda self, job_id: nullcontext())


def _nobody_lives(world: World, patch: Any) -> None:
    patch.setattr(reaper.Locks, "is_job_alive", lambda self, job_id: False)


# Definitions and paths


def injected_configuration(world: World) -> bool:
    """A variable's value ends its line and begins one of LXC's own: what follows runs as root on the host."""
    row = rows.Container.objects.filter(name="victim").first() or rows.container("victim", env={"A": "1"})
    EnvironmentVariable.objects.filter(container=row).update(value=f"1\r{HOOK} = /bin/id")
    row = rows.Container.objects.with_definition().get(pk=row.pk)
    context = lxc_config.ConfigContext(
        world.layout(), settings.BRIDGE, settings.SUBNET, settings.IDMAP_BASE, settings.IDMAP_SIZE, cgroup2=True, apparmor=False
    )
    try:
        text = lxc_config.render(specs.spec_of(row), row.address, context)
    except SpocError:
        return False
    return any(line.startswith(f"{HOOK} = /bin/id") for line in text.replace("\r", "\n").split("\n"))


def _unchecked_configuration(world: World, patch: Any) -> None:
    def unjudged(data: Any, **more: object) -> ContainerSpec:
        definition = Definition.model_construct(**{**Definition(layers=("base",)).__dict__, **data["definition"]})
        known = ContainerSpec.parse({"name": "victim", "definition": {"layers": ["base"]}})
        return ContainerSpec.model_construct(**{**known.__dict__, "definition": definition})

    patch.setattr(specs, "ContainerSpec", SimpleNamespace(parse=unjudged))
    patch.setattr(lxc_config, "ContainerSpec", SimpleNamespace(parse=lambda data, **more: unjudged(data)))
    patch.setattr(lxc_config, "_checked", lambda value: value)
    patch.setattr(lxc_config, "parse", lambda text: _Anything())


class _Anything:
    def __ne__(self, other: object) -> bool:
        return False


def import_through_a_link(world: World) -> bool:
    allowed = _place(world, "imports")
    link = allowed / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(_secret(world))
    return _reads_secret(lambda: imports.open_source(link, [allowed]))


def import_from_anywhere(world: World) -> bool:
    allowed = _place(world, "imports")
    return _reads_secret(lambda: imports.open_source(allowed / ".." / _secret(world).name, [allowed]))


def upload_with_another_name(world: World) -> bool:
    uploads = _place(world, "uploads")
    (uploads / "hard").unlink(missing_ok=True)
    os.link(_secret(world), uploads / "hard")
    return _reads_secret(lambda: imports.open_upload(world.layout(), "hard"))


def layer_outside(world: World) -> bool:
    with suppress(ValueError):
        return not world.layout().layer("../../etc").resolve().is_relative_to(world.path)
    return False


def app_outside(world: World) -> bool:
    """An app of a repository that is called so that its folder lies elsewhere: root would write there, or remove it."""
    with suppress(ValueError):
        return not world.layout().fetched("../..", "etc").resolve().is_relative_to(world.path)
    return False


def app_of_another_publisher(world: World) -> bool:
    """The row of a repository gets the forger's key: signed by it, another content would take the place of an app."""
    about = {"repository": "team", "location": "/srv/team", "serial": 7, "sha256": "a" * 64}
    moments = {"created": "2026-01-01T00:00:00Z", "fetched": "2026-01-01T00:00:00Z"}
    here = Origin.model_validate({**about, **moments, "public_key": exports.PUBLIC})
    try:
        here.check_successor(exports.app_entry(), public_key="f" * 64, serial=8)
    except Untrusted:
        return False
    return True


def app_through_a_link(world: World) -> bool:
    """A recipe that is a link to a file that root can read: an image would have it."""
    folder = _place(world, "note")
    (folder / "app.toml").write_text("manifest = 1")
    (folder / "web.recipe").unlink(missing_ok=True)
    (folder / "web.recipe").symlink_to(_secret(world))
    try:
        return b"root's alone" in folders.read(folder, trusted=False).values()
    except SpocError:
        return False


def _any_publisher(world: World, patch: Any) -> None:
    patch.setattr(Origin, "check_successor", lambda *args, **more: None)


def _linked_recipes(world: World, patch: Any) -> None:
    patch.setattr(folders, "_FILE", os.O_RDONLY)


def _place(world: World, name: str) -> Path:
    place = world.path / name
    place.mkdir(exist_ok=True)
    return place


def _secret(world: World) -> Path:
    secret = world.path / "secret"
    if not secret.exists():
        secret.write_text("root's alone")
    return secret


def _reads_secret(open_it: Callable[[], imports.Source]) -> bool:
    try:
        source = open_it()
    except SpocError:
        return False
    with source:
        return os.read(source.file, 100) == b"root's alone"


def _links_followed(world: World, patch: Any) -> None:
    patch.setattr(imports, "_open", _open_plainly)


def _open_plainly(path: Path, below: Path) -> imports.Source:
    return imports.Source(path, os.open(path, os.O_RDONLY), is_directory=False)


def _all_paths(world: World, patch: Any) -> None:
    patch.setattr(imports, "open_source", lambda path, allowed: _open_plainly(path, path.parent))


def _any_upload(world: World, patch: Any) -> None:
    patch.setattr(imports, "open_upload", lambda place, name: imports._open(place.uploads / name, place.uploads))


def _any_name(world: World, patch: Any) -> None:
    patch.setattr(layout.names, "layer_name", lambda name: name)


# Tickets of sessions


def _ticket(world: World) -> str:
    if not rows.Container.objects.filter(name="shop").exists():
        rows.container("shop")
    return tickets.issue(rows.actor(world.operator), "terminal", "shop", {"terminal": 1})


def _opens(world: World, text: str, **more: Any) -> bool:
    greeting = {"ticket": text, "user": world.operator.pk, "kind": "terminal", "subject": "shop", **more}
    try:
        session._redeem(greeting)
    except Forbidden:
        return False
    return True


def reused_ticket(world: World) -> bool:
    text = _ticket(world)
    return _opens(world, text) and _opens(world, text)


def stolen_ticket(world: World) -> bool:
    return _opens(world, _ticket(world), user=world.stranger.pk)


def ticket_from_the_database(world: World) -> bool:
    _ticket(world)
    return _opens(world, Ticket.objects.latest("pk").digest)


def ticket_without_the_right(world: World) -> bool:
    text = _ticket(world)
    Ticket.objects.filter(pk=Ticket.objects.latest("pk").pk).update(user=world.stranger)
    return _opens(world, text, user=world.stranger.pk)


def _never_used_up(world: World, patch: Any) -> None:
    patch.setattr(tickets, "_use_up", lambda ticket: True)


def _for_anything(world: World, patch: Any) -> None:
    patch.setattr(tickets, "_is_for", lambda *args: True)


def _plain_tickets(world: World, patch: Any) -> None:
    patch.setattr(tickets, "_digest", lambda text: text[:64])


def _no_right_needed(world: World, patch: Any) -> None:
    patch.setattr(tickets.access, "require_somewhere", lambda *args: None)
    patch.setattr(tickets, "_require", lambda *args: None)


# Live events


def forged_live_event(world: World) -> bool:
    """A kind that would begin a line of the event stream's own."""
    found = stream._read(json.dumps({"kind": "job\ndata: forged", "data": {}}).encode())
    return found is not None


class _Willing(str):
    """A text that passes for a name."""

    __slots__ = ()

    def isidentifier(self) -> bool:
        return True


def _any_kind(world: World, patch: Any) -> None:
    patch.setattr(stream, "json", SimpleNamespace(loads=lambda raw: {"kind": _Willing("job\ndata: forged"), "data": {}}))


# The audit trail


def changed_event(world: World) -> bool:
    write(1)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE containers_event SET user_name = 'somebody else' WHERE id = 1")
    except DatabaseError:
        return False
    return True


def chain_computed_anew(world: World) -> bool:
    write(3)
    world.keeper.sign()
    tamper("UPDATE containers_event SET user_name = 'somebody else' WHERE id = 1")
    compute_anew()
    return not _trail_findings(world)


def forged_retention(world: World) -> bool:
    write(4)
    last = Event.objects.latest("id").pk
    run = list(Event.objects.filter(pk__in=[last - 2, last - 1]).order_by("pk"))
    gap = {"first": run[0].pk, "last": run[1].pk, "count": 2, "until": run[1].at, "previous": run[0].previous}
    EventGap.objects.create(**gap, digest=run[1].digest, signature="{}")
    Event.objects.filter(pk__in=[event.pk for event in run]).delete()
    return not _trail_findings(world)


def forged_output(world: World) -> bool:
    job = world.job(state=JobState.RUNNING)
    step = job.steps.create(number=1, action="start")
    command = step.commands.create(number=1, argv=["true"], started_at=timezone.now())
    Line.objects.create(job=job, command=command, number=1, at=timezone.now(), text="what it said")
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
    reaper.break_off(job, JobState.LOST, "its process vanished")
    Line.objects.filter(job=job).update(text="what somebody made of it")
    return not list(JobCheck(with_output=world.checks_output).findings())


def _trail_findings(world: World) -> list[Any]:
    walk = Walk(world.keeper.public_key)
    walk.expect(world.keeper.signed() if world.checks_signed else [])
    return list(walk.findings())


def _no_triggers(world: World, patch: Any) -> None:
    with connection.cursor() as cursor:
        for name in TRIGGERS["sqlite"]:
            cursor.execute(f"DROP TRIGGER {name}")


def _nothing_signed(world: World, patch: Any) -> None:
    world.checks_signed = False


def _any_gap(world: World, patch: Any) -> None:
    patch.setattr(checkpoint.Gap, "verify", lambda self, key, signed: None)


def _no_output_checked(world: World, patch: Any) -> None:
    world.checks_output = False


ATTACKS = (
    Attack("forged-function", forged_function, _stock_worker, "queue.refuse"),
    Attack("pickled-entry", pickled_entry, _pickle_worker, "queue.refuse"),
    Attack("forged-callback", forged_callback, _stock_worker),
    Attack("job-of-a-stranger", job_of_a_stranger, _no_authorisation_at_all, "job.end"),
    Attack("job-without-the-right", job_without_the_right, _no_right_of_a_job, "job.end"),
    Attack("job-of-a-removed-account", job_of_a_removed_account, _no_authorisation_at_all, "job.end"),
    Attack("unknown-operation", unknown_operation, _any_operation, "job.end"),
    Attack("hostile-inputs", hostile_inputs, _unjudged_inputs, "job.end"),
    Attack("job-run-twice", job_run_twice, _no_job_lock),
    Attack("forged-loss", forged_loss, _nobody_lives),
    Attack("injected-configuration", injected_configuration, _unchecked_configuration),
    Attack("import-through-a-link", import_through_a_link, _links_followed),
    Attack("import-from-anywhere", import_from_anywhere, _all_paths),
    Attack("upload-with-another-name", upload_with_another_name, _any_upload),
    Attack("layer-outside", layer_outside, _any_name),
    Attack("app-outside", app_outside, _any_name),
    Attack("app-of-another-publisher", app_of_another_publisher, _any_publisher),
    Attack("app-through-a-link", app_through_a_link, _linked_recipes),
    Attack("reused-ticket", reused_ticket, _never_used_up, "ticket.refuse"),
    Attack("stolen-ticket", stolen_ticket, _for_anything, "ticket.refuse"),
    Attack("ticket-from-the-database", ticket_from_the_database, _plain_tickets, "ticket.refuse"),
    Attack("ticket-without-the-right", ticket_without_the_right, _no_right_needed, "ticket.refuse"),
    Attack("forged-live-event", forged_live_event, _any_kind),
    Attack("changed-event", changed_event, _no_triggers),
    Attack("chain-computed-anew", chain_computed_anew, _nothing_signed),
    Attack("forged-retention", forged_retention, _any_gap),
    Attack("forged-output", forged_output, _no_output_checked),
)

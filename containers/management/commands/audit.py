"""Checks, signs and exports the audit trail."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.http import QueryDict

from containers.domain.checkpoint import Checkpoint
from containers.domain.layout import Layout
from containers.errors import Conflict, Untrusted
from containers.forms.queries import AuditQuery
from containers.host import checkpoints
from containers.host.locks import Held, Locks
from containers.jobs.auditing import LOCK, Keeper
from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.models import Event
from containers.services import audit_export, audit_verify
from containers.services.audit_jobs import JobCheck
from containers.services.audit_verify import Finding, Walk

# A trail that somebody has written anew has as many findings as events.
MOST = 1_000
FILTERS = ("who", "kind", "subject", "via", "job", "since", "until")


class Command(UncheckedCommand):
    help = "Checks whether the audit trail is what was written, signs where it ends, exports it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="say what was changed, removed or inserted; exit code 1 if anything was")
        verify.add_argument("--checkpoints", metavar="FILE", type=Path, action="append", default=[], help="kept elsewhere")
        verify.add_argument("--no-output", action="store_true", help="leave the output of jobs out")
        sign = actions.add_parser("checkpoint", help="check what was added, and sign where the trail ends into a file")
        sign.add_argument("file", metavar="FILE", type=Path, help="a line is added to it; - is the standard output")
        sign.add_argument("--anyway", action="store_true", help="sign what is there, whatever has become of it")
        export = actions.add_parser("export", help="write the events")
        export.add_argument("--format", choices=sorted(audit_export.FORMATS), default="jsonl")
        for name in FILTERS:
            export.add_argument(f"--{name}", default="", help="as on the page")

    def handle(self, *args: object, action: str, **options: object) -> None:
        layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
        getattr(self, action)(layout, options)

    def verify(self, layout: Layout, options: dict[str, object]) -> None:
        keeper = Keeper(layout)
        walk, jobs = Walk(keeper.public_key), JobCheck(with_output=not options["no_output"])
        with self._alone():
            count = self._tell(self._findings(keeper, walk, jobs, options["checkpoints"]))  # type: ignore[arg-type]
        covered = f"{jobs.covered} finished jobs" + (
            f", {jobs.uncovered} more are older than the trail" if jobs.uncovered else ""
        )
        self.stdout.write(f"{walk.count} events, the last is {walk.number} {walk.digest}; {covered}")
        if walk.went_back:
            self.stdout.write(f"the clock went back {walk.went_back} times: the order is that of the numbers")
        if count:
            raise CommandError(f"the audit trail is not what was written: {count} findings")

    def _findings(self, keeper: Keeper, walk: Walk, jobs: JobCheck, more: list[Path]) -> Iterator[Finding]:
        for name in audit_verify.missing_triggers():
            yield Finding(f"the database does not keep the trail: its trigger {name} is gone")
        signed: list[Checkpoint] = []
        for path in (keeper.path, *more):
            yield from _read(path, keeper.public_key, signed)
        walk.expect(signed)
        yield from walk.findings()
        yield from jobs.findings()

    def _tell(self, findings: Iterator[Finding]) -> int:
        count = 0
        for count, finding in enumerate(findings, start=1):
            if count <= MOST:
                self.stdout.write(self.style.ERROR(finding.text))
        return count

    def checkpoint(self, layout: Layout, options: dict[str, object]) -> None:
        keeper = Keeper(layout)
        with self._alone():
            findings, made = keeper.sign(anyway=bool(options["anyway"]))
        self._tell(iter(findings))
        if made is None:
            raise CommandError("nothing is signed: the audit trail " + ("is not what was written" if findings else "is empty"))
        line = keeper.line_of(made)
        if options["file"] == Path("-"):
            self.stdout.write(line.decode(), ending="")
        else:
            checkpoints.append(Path(str(options["file"])).absolute(), line)
            self.stdout.write(f"event {made.event} {made.digest} signed with key {keeper.public_key}")

    def export(self, layout: Layout, options: dict[str, object]) -> None:
        data = QueryDict(mutable=True)
        data.update({name: str(options[name]) for name in FILTERS if options[name]})
        query = AuditQuery.of(data)
        write, _content_type = audit_export.FORMATS[str(options["format"])]
        last = audit_export.taken(root_actor(), str(options["format"]), dict(data.items()))
        for line in write(query.apply(Event.objects.filter(pk__lt=last).order_by("id"))):
            sys.stdout.write(line)

    def _alone(self) -> Held:
        try:
            return Locks(settings.RUN_DIR).try_acquire([LOCK], "manage.py audit")
        except Conflict as error:
            raise CommandError(f"{error}: try again in a moment") from error


def _read(path: Path, key: str, into: list[Checkpoint]) -> Iterator[Finding]:
    for number, line in enumerate(checkpoints.lines(path), start=1):
        try:
            into.append(Checkpoint.read(line, key))
        except Untrusted as error:
            yield Finding(f"{path}, line {number}: {error.brief}")

"""Apps: backed up while nothing writes, and restored, on this host or another, from a file that is read as hostile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import InstallationState
from containers.domain.backup import FORMAT, BackupHeader
from containers.domain.manifest import Phase
from containers.domain.plan import Action, PlanStep
from containers.domain.questions import QuestionType
from containers.domain.states import Operation
from containers.errors import InvalidRequest, NotFound
from containers.host import app_backups, imports, keys, volumes
from containers.host.app_backups import Contents
from containers.host.command import Runner
from containers.host.imports import Source
from containers.host.overlay import IdMap
from containers.jobs.executor import Outcome
from containers.jobs.handlers import apps as handlers
from containers.jobs.handlers.app_work import Work
from containers.jobs.handlers.apps import AppHandler
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder, VolumeMade
from containers.jobs.parts import Doing
from containers.models import Backup, Installation
from containers.services import access, app_publishers, app_requests, app_rows, audit, backup_schedules, inputs, installations
from containers.services.actor import of_job

IDMAP = IdMap(settings.IDMAP_BASE, settings.IDMAP_SIZE)


class AppBackupHandler(AppHandler):
    """Writes one file with all volumes and answers; the containers are stopped meanwhile, or frozen."""

    def carry_out(self) -> None:
        """Bring to a standstill, write, let go on."""
        row = self.find()
        freezes = bool(self.inputs.get("freeze", False))
        file_name = f"{row.name}-{timezone.now():%Y%m%d-%H%M%S}-{self.job.pk}.tar"
        was_up = self.work.up(row) if freezes else handlers.running_beside(self.work, row)
        app_rows.set_state(row, InstallationState.BACKING_UP, job=self.job, was_up=was_up)
        try:
            self.work.do(Operation.FREEZE if freezes else Operation.STOP, was_up)
            self._write(row, file_name)
        finally:
            let_go_on(self.work.uninterrupted(), row)
        self._keep(row, file_name)

    def _write(self, row: Installation, file_name: str) -> None:
        names = dict(row.volumes.order_by("key").values_list("key", "name"))
        there = {key: name for key, name in names.items() if name in volumes.listing(self.layout)}
        header = BackupHeader(
            backup=FORMAT,
            app=row.app,
            version=row.version,
            installation=row.name,
            created_at=timezone.now().isoformat(timespec="seconds"),
            answers=row.answers,
            secrets=installations.opened({}, row.secrets),
            source=app_publishers.source_of(row),
        )
        self.work.parts.actions([Doing("", Action.BACK_UP, f"file {file_name}", partial(self._pack, header, there, file_name))])

    def _pack(self, header: BackupHeader, names: dict[str, str], file_name: str, runner: Runner, recorder: StepRecorder) -> None:
        with app_backups.new(self.layout.backups, file_name) as stream:
            app_backups.write_header(stream, header.export())
            for key, name in names.items():
                recorder.note(f"volume {name}")
                app_backups.write_volume(self.layout, runner, stream, key, name, IDMAP)
            app_backups.finish(stream, runner, keys.ensure_signing_key(self.layout))

    def _keep(self, row: Installation, file_name: str) -> None:
        size = (self.layout.backups / file_name).stat().st_size
        about = {"installation": row.name, "app": row.app, "version": row.version, "size_bytes": size}
        Backup.objects.update_or_create(
            host=row.host, file_name=file_name, defaults={**about, "is_scheduled": bool(self.inputs.get("scheduled", False))}
        )
        old = surplus(row)
        doings = [Doing("", Action.REMOVE, f"backup {item.file_name}", partial(self._remove, item.file_name)) for item in old]
        self.work.parts.actions(doings)
        for item in old:
            with transaction.atomic():
                item.delete()
                audit.record(of_job(self.job), "backup.remove", row.name, {"file": item.file_name, "kept": row.schedule.kept})

    def _remove(self, file_name: str, runner: Runner, recorder: StepRecorder) -> None:
        app_backups.remove(self.layout.backups, file_name)


def surplus(row: Installation) -> list[Backup]:
    """Return the scheduled backups that are more than the schedule keeps; without one, all are kept."""
    schedule = backup_schedules.find(row)
    if schedule is None:
        return []
    rows = Backup.objects.filter(host=row.host_id, installation=row.name, is_scheduled=True).order_by("-created_at", "-pk")
    return list(rows[backup_schedules.value_of(schedule).kept :])


def let_go_on(work: Work, row: Installation) -> None:
    """End a backup: what it brought to a standstill goes on."""
    app_backups.remove_unfinished_of(work.layout.backups, row.name)
    running = set(work.up(row))
    try:
        work.do(Operation.UNFREEZE, [name for name in row.was_up if name in running])
        work.do(Operation.START, row.was_up)
    finally:
        app_rows.set_state(row, InstallationState.INSTALLED, was_up=[])


class AppRestoreHandler(AppHandler):
    """Installs an app with the volumes and answers of a backup. Any failure undoes what this job made."""

    def scope(self) -> frozenset[str]:
        """Lock the installation, and the backup where it is one of the host's own: nobody removes it meanwhile."""
        backup = self.inputs.get("backup")
        return super().scope() | ({f"backup:{backup}"} if backup else set())

    def carry_out(self) -> None:
        """Read, judge, and install with volumes that are there already."""
        with self._opened() as source:
            contents = app_backups.read(source.file)
            header = BackupHeader.validate_as(dict(contents.header), field="backup")
            self._authorise(header)
            app = self._app(header, contents.key)
            self._verify(source, contents, header)
            self._restore(source, contents, header, app)

    def _authorise(self, header: BackupHeader) -> None:
        """Raise Refused unless who asked may have this app under the name, and what lies on the host is theirs to take."""
        access.require_install(self.actor, header.app, self.name())
        if "backup" in self.inputs:
            access.require_install(self.actor, header.app, header.installation)
        elif "path" in self.inputs:
            access.require(self.actor, "install")

    def _app(self, header: BackupHeader, key: str) -> App:
        """Return the catalogue's app of that name. Raises NotFound, and InvalidRequest for one from elsewhere."""
        try:
            app = apps.find(header.app)
        except NotFound as error:
            origin = header.source.origin if header.source else None
            said = f"The backup says that it is from {origin}, with the key {origin.public_key}." if origin else ""
            raise NotFound(error.brief, resolution=said) from error
        app_publishers.require_same(header, key, app, self.inputs.get("source", ""))
        return app

    def _verify(self, source: Source, contents: Contents, header: BackupHeader) -> None:
        """Look whether all is as it was written, before anything is made of it. Raises Untrusted."""
        check = partial(self._check, source, contents)
        reason = f"the backup: {_made_by(contents)}{_is_from(header, contents)}"
        self.work.parts.actions([Doing("", Action.CHECK, reason, check)])

    def _check(self, source: Source, contents: Contents, runner: Runner, recorder: StepRecorder) -> None:
        app_backups.verify(runner, source.file, contents)

    def _restore(self, source: Source, contents: Contents, header: BackupHeader, app: App) -> None:
        is_same = app.manifest.version == header.version
        if unknown := sorted(set(contents.volumes) - set(app.manifest.volumes)):
            raise InvalidRequest(f"{app.manifest.title} {app.manifest.version} has no volume {', '.join(unknown)}")
        given = installations.opened(self.inputs.get("answers", {}), self.inputs.get("sealed", ""))
        answers: dict[str, Any] = {**header.answers, **header.secrets, **given}
        # A volume of the other host's.
        for question in app.manifest.questions:
            if question.type == QuestionType.VOLUME:
                answers.pop(question.name, None)
        adopt = dict(self.inputs.get("adopt", {}))
        made = installations.draft(app, self.name(), answers, adopt, lenient=True)
        installations.require_volumes(self.actor, made, adopt)
        with transaction.atomic():
            row = app_rows.announce(self.job.host, self.job, made, adopt)
        with handlers.put_right_on_failure(self.work, row, handlers.undo):
            new = [use.name for use in made.volumes if use.key not in adopt]
            self.work.check_host(app, made, new_volumes=new)
            app_rows.set_state(row, InstallationState.INSTALLING, removes=new)
            self.work.parts.actions(self._doings(source, contents, row), self.work.keep_volume)
            kept = self.work.keep_app(row, app)
            handlers.bring_up(self.work, row, app, made)
            if not is_same:
                self.work.steps(made, Phase.UPDATE)
            handlers.finish(self.work, row, made, kept=kept)

    def _doings(self, source: Source, contents: Contents, row: Installation) -> Sequence[Doing]:
        names = dict(row.volumes.filter(is_adopted=False).values_list("key", "name"))
        return [
            Doing("", Action.RESTORE, f"volume {names[key]}", partial(self._unpack, source, contents, key, names[key]))
            for key in contents.volumes
            if key in names
        ]

    def _unpack(self, source: Source, contents: Contents, key: str, name: str, runner: Runner, recorder: StepRecorder) -> None:
        app_backups.unpack(self.layout, runner, source.file, contents.volumes[key], name, IDMAP)
        recorder.tell(VolumeMade(step=recorder.step, volume=name, is_file=False))

    @contextmanager
    def _opened(self) -> Iterator[Source]:
        with app_backups.open_place(self.layout, self.inputs, settings.IMPORT_DIRS) as source:
            yield source
        if upload := self.inputs.get("upload"):
            with suppress(OSError):
                imports.remove_upload(self.layout, upload)


def _made_by(contents: Contents) -> str:
    """Say who has signed a backup. Any host's are restored: what is in one is judged as what somebody has typed."""
    if not contents.has_sums:
        return "it is of format 1, which has no checksums; whether it was changed cannot be told"
    signer = app_publishers.signer(contents.key)
    if signer is None:
        return f"signed with the key {contents.key}, which this host does not know"
    return f"signed by the publisher of {signer.repository}" if signer.key else "signed by this host"


def _is_from(header: BackupHeader, contents: Contents) -> str:
    """Say where the app was from; what a key says that nobody knows is no more than said."""
    if header.source is None or header.source.origin is None:
        return ""
    said = "its app is" if app_publishers.signer(contents.key) else "it says that its app is"
    return f"; {said} from {header.source.origin}"


class BackupRemoveHandler(Handler):
    """Removes one backup. One that is gone already is fine: it may run twice."""

    def name(self) -> str:
        """Return the backup's name from the job's row, checked again: it becomes a path. Raises InvalidRequest."""
        return self.target_name("backup", inputs.backup_file)

    def scope(self) -> frozenset[str]:
        """Lock the backup: one that is being restored stays until that is over."""
        return frozenset({f"backup:{self.name()}"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def authorise(self, steps: Sequence[PlanStep]) -> None:
        """Raise Refused unless who asked may install the app that it is of, under that name."""
        app_requests.require_backup(self.actor, self.name())

    def steps(self) -> Sequence[PlanStep]:
        """One step: the removal."""
        return [PlanStep(1, "", Action.REMOVE, f"backup {self.name()}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Remove the file."""
        recorder.note(f"removes {self.layout.backups / self.name()}")
        app_backups.remove(self.layout.backups, self.name())

    def conclude(self, outcome: Outcome) -> None:
        """Forget the backup when its file is gone, on record."""
        super().conclude(outcome)
        with transaction.atomic():
            for row in Backup.objects.filter(host=self.job.host_id, file_name=self.name()):
                row.delete()
                audit.record(of_job(self.job), "backup.remove", row.installation, {"file": row.file_name})

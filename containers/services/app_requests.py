"""Jobs on installed apps, asked for: judged against the rows and the catalogue, queued. The worker judges again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.files import File
from django.db import transaction

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import ACTIVE_JOB_STATES, InstallationState
from containers.domain.installation import Outline
from containers.domain.manifest import instance_name
from containers.domain.questions import Question
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.models import Backup, Installation, InstallationVersion, Job
from containers.services import access, app_images, app_rows, audit, hosts, inputs, installations, specs, uploads
from containers.services.actor import Actor
from containers.services.queue import queue

APP_OPERATIONS: Final = (
    Operation.APP_INSTALL,
    Operation.APP_UPDATE,
    Operation.APP_BACK,
    Operation.APP_UNINSTALL,
    Operation.APP_BACKUP,
    Operation.APP_RESTORE,
)


@dataclass(frozen=True)
class Change:
    """What an update makes of one container, in the words of an export; None where there is none."""

    container: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True)
class Update:
    """What an update would be: versions, changes of definitions, questions that were not asked before."""

    before: str
    after: str
    changes: tuple[Change, ...]
    questions: tuple[Question, ...]
    outline: Outline

    @property
    def is_new(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after or bool(self.changes)


def request_install(
    actor: Actor,
    app: App,
    name: str,
    given: Mapping[str, Any],
    adopt: Mapping[str, str] | None = None,
    *,
    retry_of: Job | None = None,
) -> Job:
    """Take the name, the ports and the volumes' names, and queue the installation.

    `given` are answers, {question: value}; `adopt` gives volumes that are there, {what the app calls it: name}. Raises
    InvalidRequest with every error at once.
    """
    access.require(actor, "install")
    with transaction.atomic():
        host = hosts.lock()
        made = installations.draft(app, name, given, adopt)
        installations.preview(app, name, {**given, **made.answers.values}, adopt)
        record = {"app": app.name, "answers": made.answers.plain, "adopt": dict(adopt or {})}
        parsed = _inputs(Operation.APP_INSTALL, record)
        job = queue(actor, Operation.APP_INSTALL, [name], parsed, host=host, retry_of=retry_of)
        app_rows.announce(host, job, made, dict(adopt or {}))
    return job


def update_of(row: Installation, given: Mapping[str, Any] | None = None) -> Update:
    """Return what an update to the catalogue's version, with these answers, would be. Raises InvalidRequest, NotFound."""
    app = apps.find(row.app)
    made = _updated(app, row, given or {})
    images = {image.key: image.stack for image in app_images.expected(app)}
    new = dict(zip(made.containers, made.specs(images, idmap_size=settings.IDMAP_SIZE), strict=True))
    known = set(row.answers if isinstance(row.answers, dict) else ())
    secrets = set(installations.opened({}, row.secrets))
    questions = tuple(question for question in app.manifest.questions if question.name not in known | secrets)
    return Update(row.version, app.manifest.version, _changes(row, new), questions, made)


def request_update(actor: Actor, row: Installation, given: Mapping[str, Any] | None = None) -> Job:
    """Queue the update to the catalogue's version, or to other answers. Raises Conflict while a job is at it."""
    access.require(actor, "install")
    app = apps.find(row.app)
    with transaction.atomic():
        hosts.lock()
        _check_at_rest(row)
        made = _updated(app, row, given or {})
        values = {"next_answers": made.answers.plain, "next_secrets": installations.sealed(made.answers)}
        Installation.objects.filter(pk=row.pk).update(**values)
        return queue(actor, Operation.APP_UPDATE, [row.name], {}, _containers(row), host=row.host)


def request_back(actor: Actor, row: Installation) -> Job:
    """Queue the way back to the version before the last update. Raises Conflict where there is none."""
    access.require(actor, "install")
    _check_at_rest(row)
    if not InstallationVersion.objects.filter(installation=row).exists():
        raise Conflict(f"{row} has no version to go back to")
    return queue(actor, Operation.APP_BACK, [row.name], {}, _containers(row), host=row.host)


def request_uninstall(actor: Actor, row: Installation, volumes: Sequence[str] = (), *, force: bool = False) -> Job:
    """Queue the removal of an installation and of those of its volumes that are named; all others stay."""
    access.require(actor, "install")
    _check_at_rest(row)
    own = set(row.volumes.values_list("name", flat=True))
    if unknown := sorted(set(volumes) - own):
        raise InvalidRequest.of("volumes", f"{unknown[0]} is not a volume of {row}")
    parsed = _inputs(Operation.APP_UNINSTALL, {"volumes": list(volumes), "force": force})
    return queue(actor, Operation.APP_UNINSTALL, [row.name], parsed, _containers(row), host=row.host)


def request_backup(actor: Actor, row: Installation, *, freeze: bool = False, scheduled: bool = False) -> Job:
    """Queue a backup; the containers are stopped meanwhile, or frozen."""
    access.require(actor, "install")
    _check_at_rest(row)
    parsed = _inputs(Operation.APP_BACKUP, {"freeze": freeze, "scheduled": scheduled})
    return queue(actor, Operation.APP_BACKUP, [row.name], parsed, _containers(row), host=row.host)


def request_restore(actor: Actor, name: str, given: Mapping[str, Any] | None = None, **source: str) -> Job:
    """Queue the installation of what a backup holds under `name`; `given` are answers in place of the backup's.

    `source` is one of backup (a file among the host's own), path, upload. Raises InvalidRequest.
    """
    access.require(actor, "install")
    parsed = _inputs(Operation.APP_RESTORE, {**source, "answers": dict(given or {})})
    try:
        instance_name(name)
    except ValueError as error:
        raise InvalidRequest.of("name", str(error)) from error
    if installations.rows().filter(name=name).exists():
        raise InvalidRequest.of("name", f"there is an installation {name} already")
    return queue(actor, Operation.APP_RESTORE, [name], parsed)


def request_restore_of(actor: Actor, name: str, file: File[Any], given: Mapping[str, Any] | None = None) -> Job:
    """Keep a backup that somebody sent and queue its restoration; where that is refused, nothing of it stays."""
    access.require(actor, "install")
    with uploads.kept(file) as stored:
        return request_restore(actor, name, given, upload=stored)


def backup_of(job: Job) -> Backup:
    """Return the backup that a job made. Raises NotFound."""
    found = Backup.objects.filter(host=job.host_id, file_name__endswith=f"-{job.pk}.tar").first()
    if found is None:
        raise NotFound(f"Job {job.pk} made no backup that is there still")
    return found


def set_schedule(actor: Actor, row: Installation, every_h: int, kept: int) -> None:
    """Have a backup made every so many hours, 0 for none, and so many of them kept. Raises InvalidRequest."""
    access.require(actor, "install")
    if not 0 <= every_h <= 24 * 366:
        raise InvalidRequest.of("every_h", "must be a number of hours from 0 to 8784")
    if not 1 <= kept <= 1_000:
        raise InvalidRequest.of("kept", "must be a number from 1 to 1000")
    before = {"backup_every_h": row.backup_every_h, "backups_kept": row.backups_kept}
    after = {"backup_every_h": every_h, "backups_kept": kept}
    with transaction.atomic():
        Installation.objects.filter(pk=row.pk).update(**after)
        audit.record(actor, "setting.change", row.name, audit.changes(before, after))


def backups_of(rows: Collection[Installation]) -> dict[str, list[Backup]]:
    """Return the backups that were made of installations of this host, by name, the newest first; one query."""
    found: dict[str, list[Backup]] = {}
    for backup in Backup.objects.filter(host__name=hosts.current_name(), installation__in=[row.name for row in rows]):
        found.setdefault(backup.installation, []).append(backup)
    return found


def repeat(actor: Actor, job: Job) -> Job:
    """Queue once more what `job` was. What a failed installation was answered is known, but for what is secret."""
    operation, name = Operation(job.operation), str(job.targets[0])
    if operation == Operation.APP_INSTALL:
        given = inputs.parse(operation, job.inputs, idmap_size=settings.IDMAP_SIZE).export()
        return request_install(
            actor, apps.find(given["app"]), name, given.get("answers", {}), given.get("adopt", {}), retry_of=job
        )
    if operation == Operation.APP_RESTORE:
        return queue(actor, operation, job.targets, job.inputs, host=job.host, retry_of=job)
    row = installations.get(name)
    _check_at_rest(row)
    return queue(actor, operation, [row.name], job.inputs, _containers(row), host=row.host, retry_of=job)


def _updated(app: App, row: Installation, given: Mapping[str, Any]) -> Outline:
    answers = {**installations.answers_of(row), **given}
    adopt = {key: name for key, name in installations.adopted(row).items() if key in app.manifest.volumes}
    return installations.draft(app, row.name, answers, adopt, own=row, lenient=True)


def _changes(row: Installation, new: Mapping[str, ContainerSpec]) -> tuple[Change, ...]:
    loaded = hosts.containers().with_definition().filter(installed__installation=row).select_related("installed")
    old = {container.installed.key: specs.data_of(container) for container in loaded}
    changes = []
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key), new[key].export() if key in new else None
        if before != after:
            changes.append(Change(key, before, after))
    return tuple(changes)


def _check_at_rest(row: Installation) -> None:
    fresh = Installation.objects.select_related("job").get(pk=row.pk)
    if fresh.state != InstallationState.INSTALLED:
        raise Conflict(f"{row} is {fresh.get_state_display().lower()}")
    pending = hosts.jobs().filter(operation__in=APP_OPERATIONS, targets=[row.name], state__in=ACTIVE_JOB_STATES)
    if job := pending.first():
        raise Conflict(f"Job {job.pk} is at {row} already")


def _containers(row: Installation) -> list[str]:
    return list(row.containers.values_list("container__name", flat=True))


def _inputs(operation: Operation, data: Mapping[str, Any]) -> dict[str, Any]:
    return inputs.parse(operation, data, idmap_size=settings.IDMAP_SIZE).export()

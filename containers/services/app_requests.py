"""Jobs on installed apps, asked for: judged against the rows and the catalogue, queued. The worker judges again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Q, QuerySet

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import ACTIVE_JOB_STATES, InstallationState
from containers.domain.installation import Outline
from containers.domain.manifest import instance_name
from containers.domain.origin import NewPublisher
from containers.domain.questions import Question
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.domain.text import shown
from containers.errors import Conflict, InvalidRequest, NotFound, SpocError
from containers.models import Backup, Installation, Job
from containers.services import (
    access,
    app_images,
    app_publishers,
    app_rows,
    disclosure,
    hosts,
    inputs,
    installations,
    plans,
    restoring,
    specs,
    uploads,
    ways_back,
)
from containers.services.actor import Actor
from containers.services.queue import queue

APP_OPERATIONS: Final = (
    Operation.APP_INSTALL,
    Operation.APP_UPDATE,
    Operation.APP_BACK,
    Operation.APP_UNINSTALL,
    Operation.APP_BACKUP,
    Operation.APP_RESTORE,
    Operation.APP_FORGET,
)


@dataclass(frozen=True)
class Change:
    """What an update makes of one container, in the words of an export; None where there is none. `key` is the app's name."""

    key: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True)
class Update:
    """What an update would be: versions, changes of definitions, questions that are new and questions that are gone."""

    before: str
    after: str
    changes: tuple[Change, ...]
    questions: tuple[Question, ...]
    gone: tuple[Question, ...]
    outline: Outline
    # Where it is from somebody else than what is installed.
    source: NewPublisher | None = None

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
    access.require_install(actor, app.name, name)
    with transaction.atomic():
        host = hosts.lock()
        made = installations.draft(app, name, given, adopt)
        installations.require_volumes(actor, made, adopt)
        installations.preview(app, name, {**given, **made.answers.values}, adopt)
        record = {"app": app.name, "answers": made.answers.plain, "adopt": dict(adopt or {})}
        parsed = _inputs(Operation.APP_INSTALL, record)
        job = queue(actor, Operation.APP_INSTALL, [name], parsed, host=host, retry_of=retry_of)
        app_rows.announce(host, job, made, dict(adopt or {}))
    return job


def update_of(row: Installation, given: Mapping[str, Any] | None = None) -> Update:
    """Return what an update to the catalogue's version, with these answers, would be. Raises InvalidRequest, NotFound."""
    app = installations.next_app(row)
    made = _updated(app, row, given or {})
    images = {image.key: image.stack for image in app_images.expected(app)}
    new = dict(zip(made.containers, made.specs(images, idmap_size=settings.IDMAP_SIZE), strict=True))
    known = known_questions(row)
    asked_anew = tuple(question for question in app.manifest.questions if question.name not in known)
    gone = tuple(question for question in _questions(row) if app.manifest.question(question.name) is None)
    source = app_publishers.change(row, app)
    return Update(row.version, app.manifest.version, _changes(row, new), asked_anew, gone, made, source)


def known_questions(row: Installation) -> set[str]:
    """Return the names of what was asked when it was installed, or answered where that cannot be read any more."""
    return {question.name for question in _questions(row)} or set(installations.answers_of(row))


def _questions(row: Installation) -> tuple[Question, ...]:
    try:
        return installations.app_of(row).manifest.questions
    except SpocError:
        return ()


def request_update(actor: Actor, row: Installation, given: Mapping[str, Any] | None = None, *, source: str = "") -> Job:
    """Queue the update to the catalogue's version, or to other answers. Raises Conflict while a job is at it.

    `source` is the repository that it may be from where that is not the one that the installation is from; "own" is this host.
    """
    require(actor, row)
    app = installations.next_app(row)
    app_publishers.require(row, app, source)
    with transaction.atomic():
        hosts.lock()
        _check_at_rest(row)
        made = _updated(app, row, given or {})
        installations.require_volumes(actor, made, own=installations.adopted(row).values())
        values = {"next_answers": made.answers.plain, "next_secrets": installations.sealed(made.answers)}
        Installation.objects.filter(pk=row.pk).update(**values)
        parsed = _inputs(Operation.APP_UPDATE, {"source": source})
        return queue(actor, Operation.APP_UPDATE, [row.name], parsed, _containers(row), host=row.host)


def request_back(actor: Actor, row: Installation) -> Job:
    """Queue the way back to the version before the last update. Raises Conflict where there is none."""
    require(actor, row)
    _check_at_rest(row)
    if ways_back.find(row) is None:
        raise Conflict(f"{row} has no version to go back to")
    return queue(actor, Operation.APP_BACK, [row.name], {}, _containers(row), host=row.host)


def request_forget(actor: Actor, row: Installation) -> Job:
    """Queue the end of the way back: what it takes on the disk goes. Raises Conflict where there is none."""
    require(actor, row)
    _check_at_rest(row)
    if ways_back.find(row) is None:
        raise Conflict(f"{row} has no version to go back to")
    return queue(actor, Operation.APP_FORGET, [row.name], {}, _containers(row), host=row.host)


def request_uninstall(actor: Actor, row: Installation, volumes: Sequence[str] = (), *, force: bool = False) -> Job:
    """Queue the removal of an installation and of those of its volumes that are named; all others stay."""
    require(actor, row)
    _check_at_rest(row)
    own = set(row.volumes.values_list("name", flat=True))
    if unknown := sorted(set(volumes) - own):
        raise InvalidRequest.of("volumes", f"{unknown[0]} is not a volume of {row}")
    parsed = _inputs(Operation.APP_UNINSTALL, {"volumes": list(volumes), "force": force})
    return queue(actor, Operation.APP_UNINSTALL, [row.name], parsed, _containers(row), host=row.host)


def request_backup(actor: Actor, row: Installation, *, freeze: bool = False) -> Job:
    """Queue a backup; the containers are stopped meanwhile, or frozen."""
    require(actor, row)
    _check_at_rest(row)
    return queue_backup(actor, row, freeze=freeze, scheduled=False)


def queue_backup(actor: Actor, row: Installation, *, freeze: bool, scheduled: bool) -> Job:
    """Queue a backup of an installation to which nothing is being done; whether `actor` may, the worker asks."""
    parsed = _inputs(Operation.APP_BACKUP, {"freeze": freeze, "scheduled": scheduled})
    return queue(actor, Operation.APP_BACKUP, [row.name], parsed, _containers(row), host=row.host)


def request_restore(
    actor: Actor,
    name: str,
    given: Mapping[str, Any] | None = None,
    adopt: Mapping[str, str] | None = None,
    *,
    source: str = "",
    **place: str,
) -> Job:
    """Queue the installation of what a backup holds under `name`; `given` are answers in place of the backup's.

    `adopt` gives volumes that are there, {what the app calls it: name}: they are taken as they are, in place of the backup's.
    `source` is the repository that the app may be from where the backup says another one; "own" is this host.
    `place` is one of backup (a file among the host's own), path, upload. Raises InvalidRequest.
    """
    require_place(actor, place, name)
    wanted = {"answers": dict(given or {}), "adopt": dict(adopt or {}), "source": source}
    parsed = _inputs(Operation.APP_RESTORE, {**place, **wanted})
    app = restoring.app_in(backups(), place.get("backup", ""))
    parsed |= restoring.kept_answers(parsed.pop("answers", {}), app)
    try:
        instance_name(name)
    except ValueError as error:
        raise InvalidRequest.of("name", str(error)) from error
    if installations.rows().filter(name=name).exists():
        raise InvalidRequest.of("name", f"there is an installation {name} already")
    installations.require_free(actor, name, adopt or {})
    restoring.require_no_volumes(name, app, adopt or {})
    return queue(actor, Operation.APP_RESTORE, [name], parsed)


def request_restore_of(
    actor: Actor,
    name: str,
    file: File[Any],
    given: Mapping[str, Any] | None = None,
    adopt: Mapping[str, str] | None = None,
    *,
    source: str = "",
) -> Job:
    """Keep a backup that somebody sent and queue its restoration; where that is refused, nothing of it stays."""
    access.require_somewhere(actor, "install")
    with uploads.kept(file) as stored:
        return request_restore(actor, name, given, adopt, source=source, upload=stored)


def request_backup_removal(actor: Actor, backup: Backup) -> Job:
    """Queue the removal of one backup. Raises Conflict while it is being restored, and where it is going already."""
    require_backup(actor, backup.file_name)
    restores = Q(operation=Operation.APP_RESTORE, inputs__backup=backup.file_name)
    removes = Q(operation=Operation.BACKUP_REMOVE, targets=[backup.file_name])
    if job := hosts.jobs().filter(restores | removes, state__in=ACTIVE_JOB_STATES).first():
        raise Conflict(f"Job {job.pk} is at the backup {backup} already")
    return queue(actor, Operation.BACKUP_REMOVE, [backup.file_name], {}, host=backup.host)


def require_place(actor: Actor, place: Mapping[str, str], name: str = "") -> None:
    """Raise Refused where the backup is somebody else's, or may not be restored under `name`.

    What one sends is judged when it is read: then its app is known. Raises InvalidRequest for one that is not there.
    """
    if file_name := place.get("backup"):
        backup = backups().filter(file_name=file_name).first()
        if backup is None:
            raise InvalidRequest.of("backup", "there is no such backup")
        access.require_install(actor, backup.app, backup.installation)
        access.require_install(actor, backup.app, name or backup.installation)
    elif "path" in place:
        # What lies on the server may be anybody's.
        access.require(actor, "install")
    else:
        access.require_somewhere(actor, "install")


def require(actor: Actor, row: Installation) -> None:
    """Raise Refused unless `actor` may keep up the installation, and stop what needs its containers."""
    access.require_install(actor, row.app, row.name)
    own = _containers(row)
    if others := sorted(plans.graph(own).dependents(own) - set(own)):
        access.require(actor, "operate", *others)


def require_backup(actor: Actor, file_name: str) -> None:
    """Raise Refused unless `actor` may install what a backup is of; of one that is gone, only who may install anything."""
    row = backups().filter(file_name=file_name).first()
    if row is None:
        access.require(actor, "install")
    else:
        access.require_install(actor, row.app, row.installation)


def require_job(actor: Actor, job: Job) -> None:
    """Raise Refused unless `actor` may have done what a job on an installation, one of APP_OPERATIONS, does."""
    names = job.targets if isinstance(job.targets, list) else []
    row = installations.rows().filter(name__in=[name for name in names if isinstance(name, str)]).first()
    given = job.inputs.get("app") if isinstance(job.inputs, dict) else None
    if row is None and not isinstance(given, str):
        access.require(actor, "install")
    else:
        access.require_install(actor, row.app if row else str(given), str(names[0]))


def backups() -> QuerySet[Backup]:
    """Return the backups of this host, the newest first."""
    return Backup.objects.filter(host__name=hosts.current_name())


def get_backup(file_name: str) -> Backup:
    """Return the backup of that name. Raises NotFound, also for what cannot be the name of one."""
    found = backups().filter(file_name=file_name).first() if hosts.is_name(inputs.backup_file, file_name) else None
    if found is None:
        raise NotFound(f"There is no backup {shown(file_name, max_length=100)}")
    return found


def backup_of(job: Job) -> Backup:
    """Return the backup that a job made. Raises NotFound."""
    found = Backup.objects.filter(host=job.host_id, file_name__endswith=f"-{job.pk}.tar").first()
    if found is None:
        raise NotFound(f"Job {job.pk} made no backup that is there still")
    return found


def backups_of(rows: Collection[Installation]) -> dict[str, list[Backup]]:
    """Return the backups that were made of installations of this host, by name, the newest first; one query."""
    found: dict[str, list[Backup]] = {}
    for backup in backups().filter(installation__in=[row.name for row in rows]):
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
            changes.append(Change(key, _shown(row, key, before), _shown(row, key, after)))
    return tuple(changes)


def _shown(row: Installation, key: str, data: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if data is None else disclosure.shown(f"{row.name}-{key}", data)


def _check_at_rest(row: Installation) -> None:
    fresh = Installation.objects.select_related("job").get(pk=row.pk)
    if fresh.state != InstallationState.INSTALLED:
        raise Conflict(f"{row} is {fresh.get_state_display().lower()}")
    if job := job_at(row):
        raise Conflict(f"Job {job.pk} is at {row} already")


def job_at(row: Installation) -> Job | None:
    """Return the job that works on an installation, or is going to."""
    return hosts.jobs().filter(operation__in=APP_OPERATIONS, targets=[row.name], state__in=ACTIVE_JOB_STATES).first()


def _containers(row: Installation) -> list[str]:
    return list(row.containers.values_list("container__name", flat=True))


def _inputs(operation: Operation, data: Mapping[str, Any]) -> dict[str, Any]:
    return inputs.parse(operation, data, idmap_size=settings.IDMAP_SIZE).export()

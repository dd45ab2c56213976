"""/installations/: what is installed, and what is done to it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated, Any, Final

from django.http import HttpResponse
from ninja import Body, Query, Schema
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import INSTALL, SEE, ApiRequest, actor_of, require_recent
from containers.api.documented import Documented
from containers.api.paging import Paged, paginate_together
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.uploads import bodies, is_form, read_form
from containers.catalog import apps
from containers.domain.origin import NewPublisher
from containers.domain.questions import Answer
from containers.domain.values import Value
from containers.models import Backup, BackupSchedule, Installation, Job
from containers.services import access, app_publishers, app_requests, backup_schedules, installations
from containers.services.documents import load_json

router = Router(tags=["apps"])


class InstallationIn(Value):
    """An app of the catalogue under a name: answers by question, and volumes that are there by what the app calls them."""

    app: str
    name: str
    answers: dict[str, Answer] = {}
    adopt: dict[str, str] = {}


class UpdateIn(schemas.StrictBody):
    """Answers that are to be others than they are; and the repository, where it is not the one of what is installed."""

    answers: dict[str, Answer] = {}
    source: str = ""


class BackupIn(schemas.StrictBody):
    """Whether the containers are frozen meanwhile instead of stopped."""

    freeze: bool = False


class RestoreIn(Value):
    """A backup among the host's own, by its file's name, or at a path on the server; and answers in place of its own.

    `adopt` gives volumes that are there, {what the app calls it: name}, in place of the backup's. `source` is the repository
    of the app of that name here, "own" for this host, where the backup says that its app was from another.
    """

    name: str
    backup: str | None = None
    path: str | None = None
    answers: dict[str, Answer] = {}
    adopt: dict[str, str] = {}
    source: str = ""


class RestoreMore(Value):
    """What stands beside a backup that is sent, each a text in JSON."""

    answers: dict[str, Answer] = {}
    adopt: dict[str, str] = {}


class PortOut(Schema):
    port: int
    container: str
    container_port: int
    title: str


class BackupOut(Schema):
    file: str
    version: str
    size: int
    created_at: datetime.datetime


class ScheduleIn(schemas.StrictBody):
    """When a backup is made by itself: daily, weekly or never, at an hour of the panel's time zone; Monday is day 0."""

    every: str
    hour: int = 3
    weekday: int = 0
    kept: int = 7
    freeze: bool = False


class ScheduleOut(Schema):
    every: str
    hour: int
    weekday: int
    kept: int
    freeze: bool
    user: Annotated[str, Field(description="In whose name; empty for root on the host")]
    next: datetime.datetime | None


class InstallationOut(Schema):
    name: str
    app: str
    version: str
    source: Annotated[str | None, Field(description="The repository that it is from; own is this host, null is not known")]
    state: str
    containers: list[str]
    volumes: dict[str, str]
    ports: list[PortOut]
    answers: dict[str, Any]
    notes: str
    previous: str | None
    backups: list[BackupOut]
    schedule: ScheduleOut | None
    job: int | None


class InstallationPage(Schema):
    count: int
    next: str | None
    results: list[InstallationOut]


class PreviewOut(Schema):
    containers: dict[str, dict[str, Any]]
    plan: schemas.PlanOut
    notes: str


class ChangeOut(Schema):
    container: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class SourceChangeOut(Schema):
    """The update is from somebody else than what is installed: it has to be asked for with `source`."""

    before: str
    after: str
    other_key: bool


class UpdateOut(Schema):
    before: str
    after: str
    source: SourceChangeOut | None
    changes: list[ChangeOut]
    new_questions: list[schemas.QuestionOut]
    gone_questions: list[str]


class VolumesQuery(Schema):
    volumes: bool = False
    force: bool = False


NewBody = Annotated[Any, Documented(InstallationIn)]
_TEXTS: Final = ("name", "source")
_RESTORE: Final = bodies(RestoreIn, ["name"], ["source", *RestoreMore.model_fields])


def _installations(rows: Sequence[Installation]) -> list[dict[str, Any]]:
    backups = app_requests.backups_of(rows)
    return [_installation(row, backups.get(row.name, [])) for row in rows]


def _installation(row: Installation, backups: Sequence[Backup]) -> dict[str, Any]:
    previous = getattr(row, "previous", None)
    schedule = getattr(row, "schedule", None)
    back = previous if previous and not previous.is_given_up else None
    publisher = app_publishers.of(row)
    return {
        "name": row.name,
        "app": row.app,
        "version": row.version,
        "source": publisher.repository if publisher else None,
        "state": row.state,
        "containers": [item.container.name for item in row.containers.all()],
        "volumes": {volume.key: volume.name for volume in row.volumes.all()},
        "ports": [
            {"port": port.port, "container": port.container, "container_port": port.container_port, "title": port.title}
            for port in row.ports.all()
        ],
        "answers": row.answers,
        "notes": row.notes,
        "previous": back.version if back else None,
        "backups": [
            {"file": item.file_name, "version": item.version, "size": item.size_bytes, "created_at": item.created_at}
            for item in backups
        ],
        "schedule": _schedule(schedule) if schedule else None,
        "job": row.job_id,
    }


def _source_change(found: NewPublisher) -> dict[str, Any]:
    return {"before": found.before.repository, "after": found.after.repository, "other_key": found.is_new_key}


def _schedule(row: BackupSchedule) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in ("every", "hour", "weekday", "kept", "freeze")}
    return {**fields, "user": row.user_name, "next": row.due_at}


@router.post("/apps/{name}/preview/", auth=INSTALL, response={200: PreviewOut, **ERRORS})
def preview_installation(request: ApiRequest, name: str, payload: Body[NewBody]) -> dict[str, Any]:
    """Return what an installation would be, definitions and plan; nothing is made."""
    given = InstallationIn.validate_as(payload, field="")
    access.require_install(request.auth, name, given.name)
    found = installations.preview(apps.find(name), given.name, given.answers, given.adopt)
    return {
        "containers": {spec.name: spec.definition.export() for spec in found.specs},
        "plan": found.plan.export(),
        "notes": found.outline.notes,
    }


@router.get("/installations/", auth=SEE, response={200: InstallationPage, **ERRORS})
def list_installations(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List what is installed, by name."""
    rows = installations.rows().filter(pk__in=[row.pk for row in installations.seen()])
    rows = rows.select_related("previous", "schedule").prefetch_related("containers__container", "volumes", "ports")
    return paginate_together(request, rows, filters.page, _installations)


@router.post("/installations/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def install_app(request: ApiRequest, payload: Body[NewBody]) -> HttpResponse:
    """Install an app. Errors name every answer that is wrong; passwords that are left out are made up."""
    given = InstallationIn.validate_as(payload, field="")
    app = apps.find(given.app)
    return accepted(app_requests.request_install(actor_of(request), app, given.name, given.answers, given.adopt))


@router.post("/installations/restore/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS}, openapi_extra=_RESTORE)
def restore_installation(request: ApiRequest) -> HttpResponse:
    """Install what a backup holds: one of the host's own, at a path on the server, or an uploaded `archive`.

    `answers` and `adopt` take the place of what the backup has; beside an upload they are texts in JSON. Where the app here is
    not from where the backup says that its own was, the job fails unless `source` names where it is from.
    """
    if is_form(request):
        return accepted(_restore_sent(request))
    body = RestoreIn.validate_as(load_json(request.body), field="")
    place = {key: value for key, value in (("backup", body.backup), ("path", body.path)) if value is not None}
    job = app_requests.request_restore(actor_of(request), body.name, body.answers, body.adopt, source=body.source, **place)
    return accepted(job)


def _restore_sent(request: ApiRequest) -> Job:
    texts, archive = read_form(request, ["name"], ["source", *RestoreMore.model_fields])
    given = {key: load_json(text) for key, text in texts.items() if key not in _TEXTS}
    more = RestoreMore.validate_as(given, field="")
    name, source = texts["name"], texts.get("source", "")
    return app_requests.request_restore_of(actor_of(request), name, archive, more.answers, more.adopt, source=source)


@router.get("/installations/{name}/", auth=SEE, response={200: InstallationOut, **ERRORS})
def show_installation(request: ApiRequest, name: str) -> dict[str, Any]:
    return _installations([installations.see(name)])[0]


@router.delete("/installations/{name}/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def uninstall_app(request: ApiRequest, name: str, query: Query[VolumesQuery]) -> HttpResponse:
    """Remove an installation; its volumes stay unless `volumes` is true. `force` leaves out the app's own last steps."""
    row = installations.see(name)
    require_recent(request)
    names = list(row.volumes.values_list("name", flat=True)) if query.volumes else []
    return accepted(app_requests.request_uninstall(actor_of(request), row, names, force=query.force))


@router.post("/installations/{name}/update/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def update_app(request: ApiRequest, name: str, payload: UpdateIn | None = None) -> HttpResponse:
    """Bring an installation to the catalogue's version, or to other answers; where that fails, it returns by itself.

    A version that is from another repository than what is installed is refused unless `source` names that one.
    """
    given = payload or UpdateIn()
    row = installations.see(name)
    return accepted(app_requests.request_update(actor_of(request), row, given.answers, source=given.source))


@router.get("/installations/{name}/update/", auth=INSTALL, response={200: UpdateOut, **ERRORS})
def preview_update(request: ApiRequest, name: str) -> dict[str, Any]:
    """Return what an update would be, with the answers as they are: versions, definitions, questions. Nothing is made."""
    found = app_requests.update_of(installations.see(name))
    return {
        "before": found.before,
        "after": found.after,
        "source": _source_change(found.source) if found.source else None,
        "changes": [{"container": one.key, "before": one.before, "after": one.after} for one in found.changes],
        "new_questions": [exports.question(question) for question in found.questions],
        "gone_questions": [question.name for question in found.gone],
    }


@router.post("/installations/{name}/back/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def go_back_with_app(request: ApiRequest, name: str) -> HttpResponse:
    """Go back to the version before the last update, volumes included."""
    return accepted(app_requests.request_back(actor_of(request), installations.see(name)))


@router.post("/installations/{name}/forget/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def forget_way_back(request: ApiRequest, name: str) -> HttpResponse:
    """Give up the way back to the version before the last update: the copies of volumes go."""
    return accepted(app_requests.request_forget(actor_of(request), installations.see(name)))


@router.post("/installations/{name}/backup/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def back_up_app(request: ApiRequest, name: str, payload: BackupIn | None = None) -> HttpResponse:
    """Write volumes and answers into one file on the host."""
    given = payload or BackupIn()
    return accepted(app_requests.request_backup(actor_of(request), installations.see(name), freeze=given.freeze))


@router.put("/installations/{name}/schedule/", auth=INSTALL, response={200: InstallationOut, **ERRORS})
def schedule_backups(request: ApiRequest, name: str, payload: ScheduleIn) -> dict[str, Any]:
    """Have backups made by themselves, in the name of who asks; every time it is asked whether that account may still."""
    backup_schedules.set_schedule(actor_of(request), installations.see(name), payload.model_dump())
    return _installations([installations.see(name)])[0]

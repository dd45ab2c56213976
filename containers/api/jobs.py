"""/jobs/: what was asked for, what became of it, and the record of it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import ACT, SEE, ApiRequest, actor_of
from containers.api.moments import Moment
from containers.api.paging import Paged, paginate
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.texts import QueryText
from containers.choices import Cancel, JobState, Operation
from containers.querysets import JobQuerySet
from containers.services import hosts, jobs, sight

router = Router(tags=["jobs"])

MAX_LINES: Final = 1_000


class JobFilter(Paged):
    operation: Operation | None = None
    state: JobState | None = None
    container: QueryText = ""
    user: QueryText = ""
    since: Moment | None = None
    until: Moment | None = None


class LogQuery(Schema):
    after: Annotated[int, Field(ge=0, lt=2**31)] = 0


class CancelBody(schemas.StrictBody):
    now: bool = False


@router.get("/jobs/", auth=SEE, response={200: schemas.JobPage, **ERRORS})
def list_jobs(request: ApiRequest, filters: Query[JobFilter]) -> dict[str, Any]:
    """List jobs, newest first, without their steps; `since` and `until` are when they were asked for."""
    return paginate(request, _filtered(filters), filters.page, exports.job_summary)


def _filtered(filters: JobFilter) -> JobQuerySet:
    wanted = {
        "operation": filters.operation,
        "state": filters.state,
        "containers__name": filters.container,
        "user_name": filters.user,
        "created_at__gte": filters.since,
        "created_at__lte": filters.until,
    }
    return sight.jobs().filter(**{key: value for key, value in wanted.items() if value})


@router.get("/jobs/{int:job_id}/", auth=SEE, response={200: schemas.JobOut, **ERRORS})
def show_job(request: ApiRequest, job_id: int) -> dict[str, Any]:
    """Return the job with its steps, their commands and what those printed."""
    return exports.job(hosts.get_job(job_id, sight.jobs().with_journal()))


@router.get("/jobs/{int:job_id}/log/", auth=SEE, response={200: schemas.LogOut, **ERRORS})
def show_job_log(request: ApiRequest, job_id: int, query: Query[LogQuery]) -> dict[str, Any]:
    """Return the lines after line number `after`, 1,000 at most; ask again with the last number that you have."""
    # The state first: when it is an end, the lines read after it are all.
    job = hosts.get_job(job_id)
    lines = job.lines.filter(number__gt=query.after)[:MAX_LINES]
    return {"lines": [exports.line(line) for line in lines], "state": job.state}


@router.post("/jobs/{int:job_id}/cancel/", auth=ACT, response={202: schemas.JobRef, **ERRORS})
def cancel_job(request: ApiRequest, job_id: int, payload: CancelBody | None = None) -> HttpResponse:
    """End a job before its next step or, with `now`, together with what it is running."""
    how = Cancel.NOW if payload and payload.now else Cancel.NEXT
    return accepted(jobs.cancel(actor_of(request), hosts.get_job(job_id), how))


@router.post("/jobs/{int:job_id}/retry/", auth=ACT, response={202: schemas.JobRef, **ERRORS})
def retry_job(request: ApiRequest, job_id: int, payload: schemas.Nothing | None = None) -> HttpResponse:
    """Ask for the same once more: a new job, which points to this one."""
    rows = sight.jobs().select_related("host")
    return accepted(jobs.retry(actor_of(request), hosts.get_job(job_id, rows)))

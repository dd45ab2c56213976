"""The end of a job in the audit trail: whoever writes it into the row calls this in the same transaction."""

from __future__ import annotations

from containers.choices import EventKind, Via
from containers.models import Job
from containers.services import audit, job_records
from containers.services.actor import Actor


def record(job: Job) -> None:
    """Write that `job` has ended, with the digest of its record: whatever is changed in it afterwards shows."""
    job_records.settle_outputs(job.pk)
    data = {"operation": job.operation, "state": job.state, "reason": job.reason, "record": job_records.digest_of(job.pk)}
    audit.record_for(job, EventKind.JOB_END, subject_of(job), data)


def record_unreadable(job_id: int, state: str, reason: str) -> None:
    """Write the end of a job whose row nobody can read: it has no digest."""
    data = {"state": state, "reason": reason, "record": ""}
    audit.record(Actor(None, Via.SYSTEM), EventKind.JOB_END, f"job {job_id}", data, Job(pk=job_id))


def subject_of(job: Job) -> str:
    """Return what a job is about in a line, whatever stands in its row."""
    targets = job.targets if isinstance(job.targets, list) else []
    return ", ".join(str(target) for target in targets)

"""What a finished job's digest covers: its row, its steps and their commands, with a digest of what each printed.

Written at the job's end into an event of the chain. Lines of output are not part of it, only their digest is: they go after
a while, and what is left of the job can still be checked.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.db import DatabaseError

from containers.domain import chain
from containers.models import Command, Job, Line, Step

logger = logging.getLogger(__name__)

LINES_AT_ONCE: Final = 2_000
# What a job's row holds that no end of it changes; when it was read and what was swept since is left out.
_JOB: Final = (
    "id",
    "host__name",
    "operation",
    "targets",
    "inputs",
    "state",
    "reason",
    "error",
    "cancel",
    "revisions",
    "user_name",
    "remote_address",
    "via",
    "created_at",
    "started_at",
    "ended_at",
)
_STEP: Final = ("number", "container", "action", "reason", "state", "note", "started_at", "ended_at")
_COMMAND: Final = ("number", "argv", "started_at", "duration_ms", "exit_code", "tries", "output_digest")


def digest_of(job_id: int) -> str:
    """Return the digest of a job's record; empty where a row of it cannot be read, since anything may stand in it."""
    try:
        return next(iter(digests_of([job_id]).values()), "")
    except DatabaseError:
        raise
    except Exception:
        logger.warning("the record of job %s cannot be read", job_id, exc_info=True)
        return ""


def digests_of(job_ids: Sequence[int]) -> dict[int, str]:
    """Return the digests of the records of these jobs; three queries for any number of them."""
    steps: dict[int, list[dict[str, Any]]] = {}
    by_key: dict[int, list[dict[str, Any]]] = {}
    for row in Step.objects.filter(job__in=job_ids).order_by("job", "number").values("id", "job_id", *_STEP):
        key, job = row.pop("id"), row.pop("job_id")
        by_key[key] = row["commands"] = []
        steps.setdefault(job, []).append(_plain(row))
    for row in Command.objects.filter(step__job__in=job_ids).order_by("step", "number").values("step_id", *_COMMAND):
        by_key[row.pop("step_id")].append(_plain(row))
    jobs = Job.objects.filter(pk__in=job_ids).order_by("pk").values(*_JOB)
    return {row["id"]: chain.digest_of({**_plain(row), "steps": steps.get(row["id"], [])}) for row in jobs}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its times as they are hashed."""
    return {key: chain.moment(value) if key.endswith("_at") and value is not None else value for key, value in row.items()}


def output_digest(lines: Iterable[str]) -> str:
    """Return the digest of what a command printed."""
    total = hashlib.sha256()
    for line in lines:
        add_line(total, line)
    return total.hexdigest()


def add_line(total: hashlib._Hash, line: str) -> None:
    """Add a line to a digest that is being made."""
    total.update(line.encode(errors="surrogatepass") + b"\n")


def lines_of(command_id: int) -> Iterator[str]:
    """Yield what is kept of a command's output."""
    rows = Line.objects.filter(command=command_id).order_by("number")
    return rows.values_list("text", flat=True).iterator(LINES_AT_ONCE)


def output_digests(job_ids: Sequence[int]) -> dict[int, str]:
    """Return by command the digests of what is kept of these jobs' output, where there is any; one query, read as it comes."""
    totals: dict[int, hashlib._Hash] = {}
    lines = Line.objects.filter(command__step__job__in=job_ids).order_by("command", "number")
    for command, text in lines.values_list("command", "text").iterator(LINES_AT_ONCE):
        add_line(totals.setdefault(command, hashlib.sha256()), text)
    return {command: total.hexdigest() for command, total in totals.items()}


def settle_outputs(job_id: int) -> None:
    """Write the digests of the output of those commands of a job whose end nobody has seen."""
    open_ones = Command.objects.filter(step__job=job_id, output_digest="").values_list("pk", flat=True)
    for key in list(open_ones):
        Command.objects.filter(pk=key).update(output_digest=output_digest(lines_of(key)))

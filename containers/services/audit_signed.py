"""Where root signed the audit trail last, as the web user reads it; whether that is right, `manage.py audit verify` says."""

from __future__ import annotations

import datetime
import os
import stat
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from containers.domain.json_text import load_json
from containers.domain.layout import Layout
from containers.errors import Malformed
from containers.models import Event

# The monitor signs once a minute; a check of many events takes it a while.
LATE: Final = datetime.timedelta(minutes=5)
_TAIL_BYTES: Final = 4_096


@dataclass(frozen=True)
class Signed:
    """`event` was the last one when root signed at `at`; `waiting_since` is when the first after it was written."""

    event: int = 0
    at: datetime.datetime | None = None
    waiting_since: datetime.datetime | None = None

    @property
    def is_late(self) -> bool:
        """Whether what is not signed should have been: root's monitor does not run, or found the trail broken."""
        return self.waiting_since is not None and timezone.now() - self.waiting_since > LATE


def last() -> Signed:
    """Return what root signed last, by the file of checkpoints, and what waits; one query."""
    event, at = _newest()
    waiting = Event.objects.filter(pk__gt=event).order_by("pk").values_list("at", flat=True).first()
    return Signed(event, at, waiting)


def _newest() -> tuple[int, datetime.datetime | None]:
    """Return number and time of the last whole line; a file that cannot be read, or says something else, counts as none."""
    for line in reversed(_tail().splitlines()):
        try:
            found = load_json(line)
            event, at = int(found["event"]), parse_datetime(found["at"])
        except (Malformed, LookupError, TypeError, ValueError):
            # The first line of the tail is a part of one, and a power cut can leave a part of the last.
            continue
        if 0 < event < 2**63 and at is not None and timezone.is_aware(at):
            return event, at
    return 0, None


def _tail() -> bytes:
    path = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR).checkpoints
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(file, "rb") as stream:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            return b""
        stream.seek(max(0, found.st_size - _TAIL_BYTES))
        return stream.read(_TAIL_BYTES)

"""Backups that are made by themselves, each in the name of who wanted it: the worker asks for the right every time."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from containers.choices import InstallationState, Via
from containers.domain.schedule import Every, Schedule
from containers.errors import SpocError
from containers.models import BackupSchedule, Host, Installation
from containers.services import app_requests, audit
from containers.services.actor import Actor

logger = logging.getLogger(__name__)


def find(row: Installation) -> BackupSchedule | None:
    """Return the schedule of an installation, if it has one."""
    return BackupSchedule.objects.filter(installation=row).select_related("user").first()


def set_schedule(actor: Actor, row: Installation, data: Mapping[str, Any]) -> Schedule:
    """Have backups made as `data` says, in the name of `actor`; `every: never` ends that. Raises InvalidRequest, Refused."""
    app_requests.require(actor, row)
    wanted = Schedule.validate_as(dict(data), field="")
    before = find(row)
    old = value_of(before).model_dump(mode="json") if before else {"every": Every.NEVER.value}
    with transaction.atomic():
        if wanted.every == Every.NEVER:
            BackupSchedule.objects.filter(installation=row).delete()
        else:
            BackupSchedule.objects.update_or_create(installation=row, defaults=_fields(actor, wanted))
        new = wanted.model_dump(mode="json")
        audit.record(actor, "setting.change", row.name, audit.changes({"backups": old}, {"backups": new}))
    return wanted


def value_of(row: BackupSchedule) -> Schedule:
    """Return what a row says, judged again. Raises InvalidRequest."""
    fields = {name: getattr(row, name) for name in Schedule.model_fields}
    return Schedule.validate_as(fields, field="")


def run_due(host: Host) -> int:
    """Queue the backups that are due; return how many. Of several that were missed while nothing ran, one is made.

    What is due while something else is done to the installation is due afterwards.
    """
    due = BackupSchedule.objects.filter(installation__host=host, due_at__lte=timezone.now())
    at_rest = due.filter(installation__state=InstallationState.INSTALLED)
    return sum(_attempt(row) for row in at_rest.select_related("installation__host", "user"))


def _attempt(row: BackupSchedule) -> bool:
    """Run one; what somebody else has left in a row keeps no other from its turn."""
    try:
        return _run(row)
    except SpocError as error:
        logger.warning("the schedule of %s cannot be followed: %s", row.installation, error)
        return False


def _run(row: BackupSchedule) -> bool:
    if app_requests.job_at(row.installation) is not None:
        return False
    wanted = value_of(row)
    with transaction.atomic():
        mine = BackupSchedule.objects.filter(pk=row.pk, due_at=row.due_at)
        if not mine.update(due_at=_next(wanted)):
            return False
        # Of an account that is gone the name stays: nobody else's right counts in its place.
        who = Actor(row.user, Via(row.via) if row.via in Via else Via.WEB, None, row.user_name)
        app_requests.queue_backup(who, row.installation, freeze=wanted.freeze, scheduled=True)
    return True


def _fields(actor: Actor, wanted: Schedule) -> dict[str, Any]:
    who = {"user": actor.user, "user_name": actor.user_name, "via": actor.via}
    return {**wanted.model_dump(mode="json"), **who, "due_at": _next(wanted)}


def _next(wanted: Schedule) -> datetime.datetime | None:
    return wanted.next_after(timezone.now(), timezone.get_default_timezone())

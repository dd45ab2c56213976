"""When something is done by itself: every day or every week, at an hour of the panel's time zone. Pure."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from containers.domain.questions import one_of
from containers.domain.values import Value

MAX_KEPT: Final = 1_000


class Every(StrEnum):
    """How often."""

    NEVER = "never"
    DAILY = "daily"
    WEEKLY = "weekly"


class Schedule(Value):
    """How often, at which hour, on which day of the week (Monday is 0) where it is weekly, and how many are kept."""

    every: Annotated[Every, one_of(Every)]
    hour: Annotated[int, Field(ge=0, le=23)] = 3
    weekday: Annotated[int, Field(ge=0, le=6)] = 0
    kept: Annotated[int, Field(ge=1, le=MAX_KEPT)] = 7
    # Whether containers are frozen meanwhile instead of stopped.
    freeze: bool = False

    def next_after(self, moment: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        """Return when it is due next after `moment`, in UTC; None for never.

        An hour that a day has not, when clocks go forward, is the one before or after it as `datetime` has it; one that comes
        twice counts once.
        """
        if self.every == Every.NEVER:
            return None
        local = moment.astimezone(zone)
        due = local.replace(hour=self.hour, minute=0, second=0, microsecond=0, fold=0)
        while due <= local or (self.every == Every.WEEKLY and due.weekday() != self.weekday):
            due += datetime.timedelta(days=1)
        return due.astimezone(datetime.UTC)

"""Moments in queries: in UTC unless they say otherwise."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _plus_sign(value: object) -> object:
    # A "+" that was not encoded arrives as a space: 2026-11-24T08:00:00 01:00.
    return value.replace(" ", "+") if isinstance(value, str) and "T" in value else value


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    try:
        return value.astimezone(datetime.UTC) if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Moment = Annotated[datetime.datetime, BeforeValidator(_plus_sign), AfterValidator(_in_utc)]

"""Waiting for a condition, with a deadline, instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


# Long enough for the slowest machine with the most to do: who waits in vain is wrong, not late.
PATIENCE_S = 180


def wait_until(condition: Callable[[], T], what: str, *, timeout_s: float = PATIENCE_S) -> T:
    """Return the condition's first true value; fail after `timeout_s`, naming what was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain: {what}; last: {value!r}")
        time.sleep(0.02)

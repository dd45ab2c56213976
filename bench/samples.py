"""Numbers of one kind, and what is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles


def ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the median of first ÷ second, taken pair by pair: what slows both of a pair down does not count."""
    return median(first / second for first, second in pairs)


def shown_ms(seconds: Sequence[float]) -> str:
    """Return the median in milliseconds, with what the best and the worst tenth do not reach."""
    return f"{_ms(median(seconds))} ms{_spread(seconds)}"


def shown_s(seconds: Sequence[float]) -> str:
    """Return the median in seconds, with the least and the most."""
    return f"{median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f})"


def _spread(seconds: Sequence[float]) -> str:
    if len(seconds) < 5:
        return ""
    tenths = quantiles(seconds, n=10, method="inclusive")
    return f" ({_ms(tenths[0])}–{_ms(tenths[-1])})"


def _ms(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f}" if abs(milliseconds) < 10 else f"{milliseconds:.0f}"

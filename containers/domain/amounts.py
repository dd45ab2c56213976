"""Amounts of memory as people read them. Pure, and free of everything but the language: small programs use it, too."""

from __future__ import annotations

from typing import Final

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def size(value: int) -> str:
    """Return "512 MiB", "1.5 GiB"; rounded to what fits a column."""
    amount, unit = float(value), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    text = f"{amount:.0f}" if unit == 0 or amount >= 100 else f"{amount:.1f}".removesuffix(".0")
    return f"{text} {UNITS[unit]}"

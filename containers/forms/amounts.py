"""Amounts of memory as people write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_AMOUNT: Final = re.compile(r"(\d{1,18}(?:[.,]\d{1,6})?)\s*(?:([kmgt])(?:i?b)?|b)?", re.IGNORECASE | re.ASCII)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size(value: int) -> str:
    """Return "512 MiB", "1.5 GiB"; rounded to what fits a column."""
    amount, unit = float(value), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    text = f"{amount:.0f}" if unit == 0 or amount >= 100 else f"{amount:.1f}".removesuffix(".0")
    return f"{text} {UNITS[unit]}"


def exact(value: int) -> str:
    """Return the same in the largest unit that loses nothing, so that `parse` gives it back."""
    unit = 0
    while value and value % 1024 == 0 and unit < len(UNITS) - 1:
        value, unit = value // 1024, unit + 1
    return f"{value} {UNITS[unit]}"


def parse(text: str) -> int:
    """Return the bytes that "512 MiB", "512m", "1.5G" or "536870912" mean. Raises ValueError with a sentence."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(_("must be an amount such as 512 MiB or 2 GiB"))
    return int(Decimal(match[1].replace(",", ".")) * 1024 ** _POWERS[(match[2] or "").lower()])

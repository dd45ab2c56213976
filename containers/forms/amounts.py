"""Amounts of memory as people write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from containers.domain.amounts import UNITS, size

__all__ = ["exact", "parse", "size"]

_AMOUNT: Final = re.compile(r"(\d{1,18}(?:[.,]\d{1,6})?)\s*(?:([kmgt])(?:i?b)?|b)?", re.IGNORECASE | re.ASCII)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


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

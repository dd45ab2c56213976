"""Times in words: how long something took, how long ago it was.

The words are looked up once per language: gettext for every cell of a long list costs more than the rest of the list.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True)
class Words:
    """Texts with "%s" where a number goes; the script that keeps times counting gets the same."""

    now: str
    ago: str
    s: str
    min: str
    h: str
    d: str
    min_s: str
    h_min: str
    d_h: str

    def export(self) -> dict[str, str]:
        return asdict(self)


def words() -> Words:
    """Return the words of the language that is active."""
    return _words(get_language())


@cache
def _words(language: str | None) -> Words:
    # In the active language: the argument only tells the results apart.
    return Words(
        now=_("now"),
        ago=_("%s ago"),
        s=_("%s s"),
        min=_("%s min"),
        h=_("%s h"),
        d=_("%s d"),
        min_s=_("%s min %s s"),
        h_min=_("%s h %s min"),
        d_h=_("%s d %s h"),
    )


def short(seconds: float) -> str:
    """Return a rough span in one unit: "37 s", "15 min", "6 h", "12 d"."""
    known = words()
    if seconds < MINUTE:
        return known.s % int(seconds)
    if seconds < HOUR:
        return known.min % int(seconds // MINUTE)
    return known.h % int(seconds // HOUR) if seconds < 2 * DAY else known.d % int(seconds // DAY)


def long(seconds: float) -> str:
    """Return a span in its two largest units: "37 s", "6 h 2 min", "2 d 4 h"."""
    if seconds < HOUR:
        return short(seconds)
    if seconds < DAY:
        return words().h_min % (int(seconds // HOUR), int(seconds % HOUR // MINUTE))
    return words().d_h % (int(seconds // DAY), int(seconds % DAY // HOUR))


def duration(seconds: float) -> str:
    """Return a measured span with the digits that matter: "0.05 s", "1.24 s", "30.2 s", "5 min 3 s"."""
    if seconds < MINUTE:
        return words().s % (f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}")
    if seconds < HOUR:
        return words().min_s % (int(seconds // MINUTE), int(seconds % MINUTE))
    return long(seconds)


def seconds_since(moment: datetime) -> float:
    return max(0.0, (timezone.now() - moment).total_seconds())


def up_time(moment: datetime) -> SafeString:
    """Return how long something lasts, as an element that the page keeps counting."""
    return _element(moment, "up", long(seconds_since(moment)))


def age(moment: datetime) -> SafeString:
    """Return how long ago something was, as an element that the page keeps counting."""
    seconds = seconds_since(moment)
    return _element(moment, "age", words().now if seconds < 5 else words().ago % short(seconds))


def running_time(moment: datetime) -> SafeString:
    """Return how long something has been running, as an element that the page counts by the second."""
    return _element(moment, "run", duration(seconds_since(moment)))


def _element(moment: datetime, kind: str, text: str) -> SafeString:
    # Nothing in it comes from outside. The script adds the time itself, in the zone of the browser, as a title.
    return SafeString(f'<time datetime="{moment.isoformat(timespec="seconds")}" data-time="{kind}">{text}</time>')

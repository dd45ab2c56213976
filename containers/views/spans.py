"""Times in words: how long something took, how long ago it was."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def short(seconds: float) -> str:
    """Return a rough span in one unit: "37 s", "15 min", "6 h", "12 d"."""
    if seconds < MINUTE:
        return _("%d s") % seconds
    if seconds < HOUR:
        return _("%d min") % (seconds // MINUTE)
    if seconds < 2 * DAY:
        return _("%d h") % (seconds // HOUR)
    return _("%d d") % (seconds // DAY)


def long(seconds: float) -> str:
    """Return a span in its two largest units: "37 s", "6 h 2 min", "2 d 4 h"."""
    if seconds < MINUTE:
        return _("%d s") % seconds
    if seconds < HOUR:
        return _("%d min") % (seconds // MINUTE)
    if seconds < DAY:
        return _("%(hours)d h %(minutes)d min") % {"hours": seconds // HOUR, "minutes": seconds % HOUR // MINUTE}
    return _("%(days)d d %(hours)d h") % {"days": seconds // DAY, "hours": seconds % DAY // HOUR}


def duration(seconds: float) -> str:
    """Return a measured span with the digits that matter: "0.05 s", "1.24 s", "30.2 s", "5 min 3 s"."""
    if seconds < 10:
        return _("%.2f s") % seconds
    if seconds < MINUTE:
        return _("%.1f s") % seconds
    if seconds < HOUR:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": seconds // MINUTE, "seconds": seconds % MINUTE}
    return long(seconds)


def seconds_since(moment: datetime) -> float:
    return max(0.0, (timezone.now() - moment).total_seconds())


def up_time(moment: datetime) -> SafeString:
    """Return how long something lasts, as an element that the page keeps counting."""
    return _element(moment, "up", long(seconds_since(moment)))


def age(moment: datetime) -> SafeString:
    """Return how long ago something was, as an element that the page keeps counting."""
    seconds = seconds_since(moment)
    text = _("now") if seconds < 5 else _("%(span)s ago") % {"span": short(seconds)}
    return _element(moment, "age", text)


def running_time(moment: datetime) -> SafeString:
    """Return how long something has been running, as an element that the page counts by the second."""
    return _element(moment, "run", duration(seconds_since(moment)))


def _element(moment: datetime, kind: str, text: str) -> SafeString:
    local = timezone.localtime(moment)
    stamp = local.isoformat(timespec="seconds")
    # By hand: date formatting through the locale costs more than the rest of a table row.
    title = f"{stamp[:10]} {stamp[11:19]}"
    return format_html('<time datetime="{}" title="{}" data-time="{}">{}</time>', stamp, title, kind, text)

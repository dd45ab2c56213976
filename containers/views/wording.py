"""What a job is called and what it was given, in a few words."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Sequence
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from containers.choices import Operation, Via
from containers.models import Job
from containers.services.typed import Typed

# By which way somebody came, in the middle of a sentence.
VIA: Final = {
    Via.WEB: gettext_lazy("web"),
    Via.API: gettext_lazy("API"),
    Via.CLI: gettext_lazy("command line"),
    Via.BOOT: gettext_lazy("boot"),
    Via.APP: gettext_lazy("app"),
    Via.SYSTEM: gettext_lazy("spocweb itself"),
}
# A bulk job may have a thousand targets.
MOST_NAMES: Final = 3
# What these are about goes without saying.
WHOLE: Final = (Operation.DEMO, Operation.AUTOSTART, Operation.SHUTDOWN, Operation.NETWORK, Operation.TIDY, Operation.CLEAN_UP)


def day(moment: datetime.date) -> str:
    """Return "31 Jan 2026"."""
    # Translators: how a day is written, in the letters of Django's date filter.
    return date_format(moment, _("j M Y"))


def names_in_short(names: Sequence[str]) -> str:
    """Return "db", "db and app", "db, app, web and 7 more"."""
    shown = list(names[:MOST_NAMES])
    more = len(names) - len(shown)
    if more:
        return ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more) % {
            "names": ", ".join(shown),
            "more": more,
        }
    if len(shown) < 2:
        return "".join(shown)
    return _("%(names)s and %(last)s") % {"names": ", ".join(shown[:-1]), "last": shown[-1]}


def operation_label(operation: str) -> str:
    """Return the operation's word; one that this version does not know stands for itself."""
    return str(Operation(operation).label) if operation in Operation.values else operation


def job_title(job: Job) -> str:
    """Return "Start shop-web and wiki"."""
    if job.operation in WHOLE:
        return operation_label(job.operation)
    return operation_on(operation_label(job.operation), job.targets)


def operation_on(label: str, names: Sequence[str]) -> str:
    """Return "Start shop-web and wiki"."""
    return _("%(operation)s %(names)s") % {"operation": label, "names": names_in_short(names)} if names else label


def inside(label: str) -> str:
    """Return a label as it stands in the middle of a sentence; the nouns behind its first word keep their capitals."""
    return f"{label[:1].lower()}{label[1:]}"


def sentence(text: str) -> str:
    """Begin a text with a capital, unless it begins with a name: "postgresql:latest to …", "http://…"."""
    return f"{text[0].upper()}{text[1:]}" if text.split(" ", 1)[0].isalpha() else text


def inputs_in_short(job: Job) -> str:
    """Return what a job was given beside its targets: "command: sh -c ls, uid: 0"."""
    return ", ".join(f"{key}: {_value(value)}" for key, value in Typed.of(job).inputs.items() if key != "sealed")


def _value(value: object) -> str:
    if isinstance(value, list):
        return shlex.join(map(str, value))
    if isinstance(value, dict):
        return names_in_short(list(value))
    text = str(value)
    lines = text.count("\n") + (not text.endswith("\n"))
    return text if lines < 2 else ngettext("%(n)d line", "%(n)d lines", lines) % {"n": lines}

"""What differs between two revisions, field by field, in values that people read."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.domain.secrecy import MASK, Masker, is_telling
from containers.forms import amounts
from containers.models import Container, Revision
from containers.services import hosts

# Looked up anew whenever they are used, or no part of what runs: none of these waits for a restart.
IN_EFFECT_AT_ONCE: Final = ("definition.depends", "definition.ready", "description", "autostart", "protected", "timeouts.")

_MEANINGS: Final = {
    "definition.build": gettext_lazy("build container"),
    "definition.depends": gettext_lazy("dependencies"),
    "definition.layers": gettext_lazy("layers, lowest first"),
    "definition.uid": gettext_lazy("user of init"),
    "definition.gid": gettext_lazy("group of init"),
    "definition.cmd": gettext_lazy("init command"),
    "definition.cwd": gettext_lazy("working directory"),
    "definition.ready": gettext_lazy("readiness check"),
    "definition.halt": gettext_lazy("halt signal"),
    "limits.memory_bytes": gettext_lazy("memory limit"),
    "limits.cpus": gettext_lazy("processor limit"),
    "limits.pids": gettext_lazy("process limit"),
    "timeouts.start": gettext_lazy("start time-out"),
    "timeouts.ready": gettext_lazy("readiness time-out"),
    "timeouts.stop": gettext_lazy("stop time-out"),
    "autostart": gettext_lazy("start at boot"),
    "protected": gettext_lazy("protection"),
}
_DEFAULTS: Final[Mapping[str, Any]] = {
    "definition.build": False,
    "definition.uid": "0",
    "definition.gid": "0",
    "definition.cmd": "/sbin/init",
    "definition.cwd": "/",
    "definition.halt": "SIGINT",
    "timeouts.start": 30,
    "timeouts.ready": 30,
    "timeouts.stop": 30,
    "autostart": False,
    "protected": False,
}


ENVIRONMENT: Final = "definition.env."
_WORDS: Final = re.compile(r"\s+|[^\s=,:/]+|[=,:/]")
# Above it, comparing costs more than it tells; below it, marks would be everywhere.
MOST_WORDS: Final = 400
LEAST_ALIKE: Final = 0.3


@dataclass(frozen=True)
class Side:
    """A value on one side of a difference; `is_default` where nobody set it."""

    text: str
    is_default: bool
    # The same in pieces, each with whether the other side lacks it.
    pieces: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class Change:
    field: str
    before: Side
    after: Side
    revision: Revision | None = None

    @property
    def meaning(self) -> str:
        return meaning(self.field)

    @property
    def short_field(self) -> str:
        return self.field.removeprefix("definition.")

    @property
    def needs_restart(self) -> bool:
        return not self.field.startswith(IN_EFFECT_AT_ONCE)


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return what changed from one revision's data to another's, in the order of the definition."""
    old, new = _flat(before), _flat(after)
    return [
        Change(field, *_marked(side(field, old.get(field)), side(field, new.get(field))))
        for field in {**new, **old}
        if old.get(field) != new.get(field)
    ]


def meaning(field: str) -> str:
    """Return what a field is about, in words."""
    if field.startswith("definition.mounts."):
        return _("mountpoint of the volume")
    if field.startswith(ENVIRONMENT):
        return _("environment")
    return str(_MEANINGS.get(field, ""))


def count(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """Return how many fields differ."""
    old, new = _flat(before), _flat(after)
    return sum(old.get(field) != new.get(field) for field in {**new, **old})


def pending(container: Container) -> list[Change]:
    """Return what was saved since the container was started, each with the revision that last changed it; one query."""
    if not container.is_pending or container.applied_revision is None:
        return []
    rows = Revision.objects.filter(container=container, number__gte=container.applied_revision).order_by("number")
    revisions = list(rows)
    if not revisions:
        return []
    changes = between(revisions[0].data, revisions[-1].data)
    return [_with_revision(change, revisions) for change in changes if change.needs_restart]


def pending_of(names: Iterable[str]) -> dict[str, list[Change]]:
    """Return the same of several containers, by name, without who changed it; one query for all."""
    ends = Q(number=F("container__applied_revision")) | Q(number=F("container__revision"))
    rows = Revision.objects.filter(ends, container__host__name=hosts.current_name(), container__name__in=names)
    found: dict[str, list[Any]] = {}
    for name, data in rows.order_by("number").values_list("container__name", "data"):
        found.setdefault(name, []).append(data)
    # Of one whose revision in effect is not on record there is nothing to compare with.
    both = {name: data for name, data in found.items() if len(data) == 2}
    return {name: [change for change in between(*data) if change.needs_restart] for name, data in both.items()}


def _with_revision(change: Change, revisions: list[Revision]) -> Change:
    values = [_flat(revision.data).get(change.field) for revision in revisions]
    last = max(number for number in range(1, len(values)) if values[number] != values[number - 1])
    return Change(change.field, change.before, change.after, revisions[last])


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return {dotted path: value}; lists stay whole, since their order means something."""
    flat: dict[str, Any] = {}
    for path, value in _walk("", data):
        flat[path] = value
    return flat


def _walk(path: str, value: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _walk(f"{path}{key}.", item)
        else:
            yield f"{path}{key}", item


def side(field: str, value: Any) -> Side:
    """Return a field's value as people read it, secrets hidden; None is what nobody set."""
    if value is None:
        default = _DEFAULTS.get(field)
        return Side("–", is_default=False) if default is None else Side(_text(field, default), is_default=True)
    return Side(_text(field, value), is_default=False)


def _marked(before: Side, after: Side) -> tuple[Side, Side]:
    """Return both sides with the words that differ known; where they have little in common, as they are."""
    old, new = (_WORDS.findall(side.text) for side in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if len(old) + len(new) > MOST_WORDS or matcher.ratio() < LEAST_ALIKE:
        return before, after
    codes = matcher.get_opcodes()
    left = tuple(("".join(old[a:b]), code != "equal") for code, a, b, _c, _d in codes if b > a)
    right = tuple(("".join(new[c:d]), code != "equal") for code, _a, _b, c, d in codes if d > c)
    return replace(before, pieces=left), replace(after, pieces=right)


def _text(field: str, value: Any) -> str:
    if field == "limits.memory_bytes":
        return amounts.exact(value)
    if field.startswith("timeouts."):
        return _("%(seconds)d s") % {"seconds": value}
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _hidden(field, value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _hidden(field: str, text: str) -> str:
    """Return `text` without what is a secret by its name or its form: revisions are kept, and read by many."""
    is_secret = field.startswith(ENVIRONMENT) and is_telling(field.removeprefix(ENVIRONMENT))
    return MASK if is_secret and text else Masker().mask(text)

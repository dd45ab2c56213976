"""Somebody saved while somebody else was editing: both changes put together, and what is disputed side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from containers.domain import merge
from containers.forms.container import ContainerForm
from containers.forms.source import posted
from containers.models import Container, Revision
from containers.views import differences
from containers.views.differences import Side

TAKE: Final = "theirs:"


@dataclass(frozen=True)
class Field:
    """A field that somebody else changed since `before`, in revision `revision`; `mine` is what the form says."""

    path: str
    revision: Revision
    before: Side
    theirs: Side
    mine: Side
    is_disputed: bool

    @property
    def short(self) -> str:
        return self.path.removeprefix("definition.")

    @property
    def meaning(self) -> str:
        return differences.meaning(self.path)

    @property
    def who(self) -> str:
        return self.revision.user_name or self.revision.get_via_display()


@dataclass(frozen=True)
class Overlap:
    """What was saved since revision `base`, beside what the form says now."""

    base: int
    fields: list[Field]
    # It was found out just now: what was to be saved is not.
    is_new: bool

    @property
    def taken(self) -> list[Field]:
        return [field for field in self.fields if not field.is_disputed]

    @property
    def disputed(self) -> list[Field]:
        return [field for field in self.fields if field.is_disputed]

    @property
    def people(self) -> list[str]:
        return list(dict.fromkeys(field.who for field in self.fields))

    @classmethod
    def of(cls, revisions: list[Revision], mine: Mapping[str, Any], *, is_new: bool) -> Self:
        """`revisions` are in order: what was edited first, what is saved last."""
        fields = [_field(".".join(path), path, revisions, mine) for path in merge.changed(revisions[0].data, revisions[-1].data)]
        return cls(revisions[0].number, fields, is_new)


def settle(form: ContainerForm, container: Container) -> tuple[ContainerForm, Overlap | None]:
    """Return the form with what others saved since it was loaded, and what that was; the form as it is where nobody did."""
    revisions = _since(form, container)
    if len(revisions) < 2 or revisions[-1].number != container.revision:
        return form, None
    first, last, mine = revisions[0], revisions[-1], form.to_json()
    is_new = _number(form, "revision") != container.revision
    if is_new:
        form = _again(form, container, merge.merge(first.data, last.data, mine), first)
    elif path := _wanted(form):
        form = _again(form, container, merge.taken(mine, path, last.data), first)
    return form, Overlap.of(revisions, form.to_json(), is_new=is_new)


def _since(form: ContainerForm, container: Container) -> list[Revision]:
    seen, base = _number(form, "revision"), _number(form, "base")
    # A form that cannot be saved yet keeps what it has seen; it is put together when it can be.
    is_behind = 0 < seen < container.revision and not form.problems and not form.is_row_change
    since = seen if is_behind else base if seen == container.revision else 0
    return list(Revision.objects.filter(container=container, number__gte=since).order_by("number")) if since else []


def _number(form: ContainerForm, name: str) -> int:
    form.errors  # noqa: B018  cleans
    value = form.cleaned_data.get(name) if form.is_bound else None
    return value if isinstance(value, int) else 0


def _wanted(form: ContainerForm) -> merge.Path:
    """Return the field that a button takes over from them."""
    command = form.data.get("change", "")
    if not command.startswith(TAKE):
        return ()
    # A key of the environment or a volume may have dots of its own.
    return tuple(command.removeprefix(TAKE).split(".", 2))


def _again(form: ContainerForm, container: Container, data: Mapping[str, Any], base: Revision) -> ContainerForm:
    # It is shown, not saved: what comes of two people's changes is for a person to look at.
    beside = {"revision": str(container.revision), "base": str(base.number), "change": "show"}
    return ContainerForm(posted(data, beside), saved=form.saved, revision=container.revision)


def _field(name: str, path: merge.Path, revisions: list[Revision], mine: Mapping[str, Any]) -> Field:
    values = [merge.flat(revision.data).get(path) for revision in revisions]
    last = max(number for number in range(1, len(values)) if values[number] != values[number - 1])
    own = merge.flat(mine).get(path)
    before, theirs, ours = (differences.side(name, value) for value in (values[0], values[-1], own))
    return Field(name, revisions[last], before, theirs, ours, is_disputed=own != values[-1])

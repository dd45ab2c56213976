"""What stands around the form of a definition: its sections, what it may refer to, its text, what saving would do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from containers.choices import ContainerState
from containers.domain.graph import Graph
from containers.errors import InvalidRequest
from containers.forms.container import ContainerForm
from containers.models import Container, Layer, Mount, Revision
from containers.services import hosts, sight
from containers.views import activities, differences, json_text
from containers.views.activities import Shown
from containers.views.overlap import Overlap

SECTIONS: Final[dict[str, tuple[str | Promise, tuple[str, ...]]]] = {
    "basics": (gettext_lazy("Basics"), ("description", "autostart", "protected", "build")),
    "depends": (gettext_lazy("Depends on"), ("depends",)),
    "layers": (gettext_lazy("Layers"), ("layers",)),
    "mounts": (gettext_lazy("Mounts"), ("mounts",)),
    "env": (gettext_lazy("Environment"), ("env",)),
    "process": (gettext_lazy("Process"), ("cmd", "uid", "gid", "cwd")),
    "ready": (gettext_lazy("Ready and stop"), ("ready", "halt")),
    "limits": (gettext_lazy("Limits"), ("memory", "cpus", "pids")),
    "timeouts": (gettext_lazy("Time-outs"), ("start_timeout", "ready_timeout", "stop_timeout")),
}


@dataclass(frozen=True)
class Section:
    key: str
    title: str | Promise
    count: int
    is_changed: bool
    has_errors: bool


@dataclass(frozen=True)
class Check:
    glyph: str
    ink: str
    text: SafeString


@dataclass
class Editor:
    form: ContainerForm
    container: Container | None = None
    overlap: Overlap | None = None

    @cached_property
    def marks(self) -> dict[str, str]:
        return {name: self.form.mark(name) for _title, names in SECTIONS.values() for name in names}

    @property
    def sections(self) -> list[Section]:
        return [
            Section(
                key,
                title,
                count=self._count(names),
                is_changed=self.container is not None and any(self.marks[name] == "new" for name in names),
                has_errors=any(self._is_wrong(name) for name in names) or (key == "basics" and self._is_wrong("name")),
            )
            for key, (title, names) in SECTIONS.items()
        ]

    def _is_wrong(self, name: str) -> bool:
        return bool(name in self.form.errors or self.form.row_errors.get(name))

    @cached_property
    def depends(self) -> list[tuple[str, Shown | None]]:
        """The dependencies as they are typed, each with the container if there is one."""
        return [(name, self._others.get(name)) for name in self.form.rows.depends]

    @cached_property
    def other_names(self) -> list[str]:
        """What may still be added to the dependencies."""
        own = self.container.name if self.container else None
        rows = sight.containers().values_list("name", flat=True)
        return [name for name in rows if name != own and name not in self.form.rows.depends]

    @property
    def layers(self) -> list[tuple[str, Layer | None]]:
        return [(name, self._layers.get(name)) for name in self.form.rows.layers]

    @cached_property
    def other_layers(self) -> list[Layer]:
        return [row for name, row in self._layers.items() if row.is_available and name not in self.form.rows.layers]

    @cached_property
    def volumes(self) -> list[str]:
        """All volumes that any container mounts."""
        rows = Mount.objects.filter(container__in=sight.containers()).order_by("volume")
        return list(rows.values_list("volume", flat=True).distinct())

    @cached_property
    def changes(self) -> list[differences.Change]:
        """What saving would change."""
        saved = {key: value for key, value in self.form.saved.items() if key != "name"}
        return differences.between(saved, self.form.to_json())

    @cached_property
    def lines(self) -> list[tuple[SafeString, bool]]:
        """The text of the object, line by line, and whether the line is not saved yet."""
        return json_text.lines(self.form.to_json(), self.form.saved if self.container else None)

    @property
    def source(self) -> str:
        """The text to be changed: as it was typed where it cannot be read."""
        return str(self.form.data["text"]) if self.form.text_errors else json_text.written(self.form.to_json())

    @cached_property
    def base(self) -> Revision | None:
        """The revision that the form started from."""
        if self.container is None:
            return None
        return Revision.objects.filter(container=self.container, number=self.container.revision).first()

    @property
    def checks(self) -> list[Check]:
        return [*self._validity(), *self._effects()]

    def _validity(self) -> list[Check]:
        if not self.form.is_bound and self.container is None:
            return [Check("dot", "off", SafeString(_("A name and one layer are needed at least")))]
        problems = [text for _anchor, what, text in self._problems]
        if not problems:
            return [Check("done", "ok", SafeString(_("The definition is valid, there is no cycle")))]
        return [Check("failed", "bad", format_html("{}", text)) for text in problems]

    @property
    def _problems(self) -> list[tuple[str, str, str]]:
        found = [(anchor, what, f"{what}: {text}" if what else text) for anchor, what, text in self.form.problems]
        if not found and (fault := self._cycle()):
            found = [("s-depends", "", fault)]
        return found

    def _cycle(self) -> str:
        name = self.container.name if self.container else str(self.form.to_json().get("name") or "")
        try:
            Graph({**hosts.containers().edges(), name: tuple(self.form.rows.depends)}).check()
        except InvalidRequest as error:
            return "; ".join(item.message for item in error.errors) or error.brief
        return ""

    def _effects(self) -> list[Check]:
        if self.container is None:
            return [Check("dot", "off", SafeString(_("A job makes its directories and gives it an address; nothing is started")))]
        if not self.changes:
            return [Check("dot", "off", SafeString(_("Nothing is changed yet")))]
        waiting = sum(change.needs_restart for change in self.changes)
        if not waiting or self.container.state == ContainerState.STOPPED:
            return [Check("dot", "off", SafeString(_("Nothing that runs is touched")))]
        text = ngettext("%(n)d change waits for a restart of %(name)s", "%(n)d changes wait for a restart of %(name)s", waiting)
        return [Check("pending", "wait", SafeString(escape(text % {"n": waiting, "name": self.container.name})))]

    def _count(self, names: tuple[str, ...]) -> int:
        rows = self.form.rows
        return sum(len(getattr(rows, name)) if hasattr(rows, name) else bool(self.marks[name]) for name in names)

    @cached_property
    def _layers(self) -> dict[str, Layer]:
        return {row.name: row for row in hosts.layers().annotate(use_count=Count("uses"))}

    @cached_property
    def _others(self) -> dict[str, Shown]:
        rows = sight.containers().filter(name__in=self.form.rows.depends).select_related("last_job")
        return {shown.name: shown for shown in activities.show(rows)}

"""What stands beside the form of an installation: what is checked, what would be made, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.catalog.apps import App
from containers.forms import amounts
from containers.forms.install import InstallForm
from containers.services import metrics
from containers.services.app_previews import Look, look
from containers.views import json_text, plan_page, wording
from containers.views.plan_page import ShownStep


@dataclass(frozen=True)
class Check:
    """One thing that is as it must be, or is not: `anchor` leads to the field that it is about."""

    glyph: str
    ink: str
    text: str
    note: str = ""
    anchor: str = ""


@dataclass
class InstallPage:
    """`form` is judged only where it is told to be: a page that has just opened is not full of errors."""

    app: App
    form: InstallForm

    @cached_property
    def look(self) -> Look:
        return look(self.app, self.form.name, self.form.given, self.form.adopted)

    @property
    def lines(self) -> list[tuple[SafeString, bool]]:
        """The definitions of the containers, line by line."""
        definitions = {spec.name: _definition(spec.export()) for spec in self.look.specs}
        return json_text.lines({"containers": definitions}) if definitions else []

    @property
    def steps(self) -> list[ShownStep]:
        return [plan_page.shown(step) for step in self.look.plan.steps] if self.look.plan else []

    @property
    def files(self) -> list[tuple[str, str, str | None]]:
        """The files for the volumes: volume, path, and text where it is one, secrets masked."""
        return [(file.volume, file.path, _text(file.content)) for file in self.look.files]

    @property
    def wrong_count(self) -> int:
        return len(self.look.errors)

    @property
    def checks(self) -> list[Check]:
        return [*self._wrong(), *self._room(), *self._right()]

    def _wrong(self) -> Iterator[Check]:
        anchors = {"name": ("instance-name", _("Name"))}
        anchors |= {one.name: (one.id, one.question.label) for one in self.form.fields}
        anchors |= {one.name: (one.id, one.title) for one in self.form.adoptions}
        for error in self.look.errors:
            anchor, label = anchors.get(error.field, ("", error.field))
            yield Check("failed", "bad", f"{label}: {error.message}" if label else error.message, anchor=anchor)

    def _room(self) -> Iterator[Check]:
        needs, machine = self.app.manifest.requirements, metrics.now().machine
        if machine is None:
            return
        rooms = (
            (needs.memory, machine.memory_total_bytes - machine.memory_bytes, _("Room in memory")),
            (needs.disk, machine.disk_total_bytes - machine.disk_bytes, _("Room on disk")),
        )
        for needed, free, title in rooms:
            if needed:
                values = {"needed": amounts.size(needed), "free": amounts.size(int(free))}
                note = _("needs %(needed)s, %(free)s free") % values
                yield Check("done", "ok", title, note) if free >= needed else Check("warn", "warn", title, note)

    def _right(self) -> Iterator[Check]:
        found = self.look
        if found.outline is None or found.plan is None:
            return
        names = list(found.outline.containers.values())
        text = ngettext("The name %(names)s is free", "The names %(names)s are free", len(names))
        yield Check("done", "ok", text % {"names": wording.names_in_short(names)})
        if ports := [str(port.port) for port in found.outline.ports]:
            text = ngettext("No app has the port %(ports)s", "No app has the ports %(ports)s", len(ports))
            note = _("whether a program has it, the installation asks first")
            yield Check("done", "ok", text % {"ports": wording.names_in_short(ports)}, note)
        there = [image.ref for image in found.images if image.is_there]
        to_make = [image.ref for image in found.images if not image.is_there]
        if there:
            text = ngettext("The image %(refs)s is here", "The images %(refs)s are here", len(there))
            yield Check("done", "ok", text % {"refs": wording.names_in_short(there)})
        if to_make:
            text = ngettext("The image %(refs)s is made first", "The images %(refs)s are made first", len(to_make))
            yield Check("queued", "move", text % {"refs": wording.names_in_short(to_make)}, _("once, and kept for the next time"))


def _definition(data: dict[str, object]) -> dict[str, object]:
    """Return a container in its JSON form, without the name that it stands under."""
    return {key: value for key, value in data.items() if key not in {"name", "protected"}}


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None

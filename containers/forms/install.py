"""The form of an installation: a name, the app's questions, and volumes that are there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from containers.catalog.apps import App
from containers.forms.questions import QuestionForm
from containers.services import installations
from containers.services.actor import Actor

NAME: Final = "name"
ADOPT: Final = "adopt."


@dataclass
class Adoption:
    """A volume of the app, and those of the host that could be it."""

    key: str
    title: str
    value: str
    options: list[str]
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{ADOPT}{self.key}"

    @property
    def id(self) -> str:
        return f"adopt-{self.key}"


class InstallForm(QuestionForm):
    def __init__(self, app: App, actor: Actor, data: QueryDict | None = None) -> None:
        super().__init__(app, actor, data)
        self.name = data.get(NAME, "") if data is not None else free_name(app)
        self.name_errors: list[str] = []
        # A volume with a question of its own is answered there.
        self.adoptions = adoptions(app, data, self._free_volumes)

    @property
    def adopted(self) -> dict[str, str]:
        """{volume of the app: volume of the host}."""
        return {one.key: one.value for one in self.adoptions if one.value}

    @property
    def hidden(self) -> list[tuple[str, str]]:
        return [(NAME, self.name), *super().hidden, *((one.name, one.value) for one in self.adoptions)]

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        found = [("instance-name", _("Name"), text) for text in self.name_errors]
        found += [(one.id, one.title, text) for one in self.adoptions for text in one.errors]
        return [*found, *super().problems]

    def _places(self) -> dict[str, list[str]]:
        return {NAME: self.name_errors, **super()._places(), **{one.name: one.errors for one in self.adoptions}}


def adoptions(app: App, data: QueryDict | None, free: list[str]) -> list[Adoption]:
    """Return what of an app can be a volume that is there; `free` are those that nothing mounts."""
    found = []
    for key, part in app.manifest.volumes.items():
        value = data.get(f"{ADOPT}{key}", "") if data is not None else ""
        options = free if value in {"", *free} else [value, *free]
        if not part.question:
            found.append(Adoption(key, part.title or key, value, options))
    return found


def free_name(app: App) -> str:
    """Return the app's name, or the first one after it, "wiki-2", that no installation has."""
    taken = set(installations.rows().values_list("name", flat=True))
    if app.name not in taken:
        return app.name
    return next(name for number in range(2, len(taken) + 3) if (name := f"{app.name}-{number}") not in taken)

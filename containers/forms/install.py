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
        self.adoptions = [self._adoption(key) for key, part in app.manifest.volumes.items() if not part.question]

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

    def _adoption(self, key: str) -> Adoption:
        value = self.data.get(f"{ADOPT}{key}", "") if self.data is not None else ""
        options = self._free_volumes if value in {"", *self._free_volumes} else [value, *self._free_volumes]
        return Adoption(key, self.app.manifest.volumes[key].title or key, value, options)


def free_name(app: App) -> str:
    """Return the app's name, or the first one after it, "wiki-2", that no installation has."""
    taken = set(installations.rows().values_list("name", flat=True))
    if app.name not in taken:
        return app.name
    return next(name for number in range(2, len(taken) + 3) if (name := f"{app.name}-{number}") not in taken)

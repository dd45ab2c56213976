"""What a person says when a backup is restored: first which one, then what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from containers.catalog.apps import App
from containers.domain.questions import QuestionType
from containers.errors import FieldError, SpocError
from containers.forms.install import ADOPT, Adoption, adoptions
from containers.forms.questions import ANSWERS
from containers.services import installations
from containers.services.app_publishers import FIELD as SOURCE


class PlaceForm(forms.Form):
    """Where the backup is: one of the host's own, a file there, or one that is sent."""

    backup = forms.ChoiceField(label=_("Backup"), required=False)
    file = forms.FileField(label=_("File that you send"), required=False)
    path = forms.CharField(label=_("File on the server"), required=False, max_length=4096)

    def __init__(self, *args: Any, backups: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["backup"].choices = [("", _("none of these")), *((name, name) for name in backups)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if sum(bool(data.get(key)) for key in ("backup", "file", "path")) != 1 and not self.errors:
            raise forms.ValidationError(_("Choose one backup, or say where the file is."))
        return data

    @property
    def place(self) -> dict[str, str]:
        """What is on the host already, as the service takes it."""
        return {key: self.cleaned_data[key] for key in ("backup", "path") if self.cleaned_data[key]}


@dataclass
class Port:
    """A question for a port of the host. `was` is what the backup answers, `taken_by` what has that port by now."""

    question: str
    label: str
    value: str
    was: int | None
    taken_by: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{ANSWERS}{self.question}"

    @property
    def id(self) -> str:
        return f"answer-{self.question}"


class RestoreForm(forms.Form):
    """What a backup becomes: its name, and what takes the place of the backup's ports and volumes."""

    name = forms.CharField(label=_("Name"), max_length=40)

    def __init__(self, *args: Any, adoptions: list[Adoption], ports: list[Port], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adoptions = adoptions
        self.ports = ports
        self.source_errors: list[str] = []

    @classmethod
    def of(cls, data: QueryDict | None, app: App | None, ports: Mapping[str, int], name: str) -> Self:
        """Return the form of a backup of `app`, with the `ports` that it answers. `app` is None where it is not here."""
        free = [volume.name for volume in installations.free_volumes()] if app else []
        return cls(
            data,
            initial={"name": name},
            adoptions=adoptions(app, data, free) if app else [],
            ports=_ports(app, data, ports) if app else [],
        )

    def refuse(self, error: SpocError | None) -> None:
        """Show what is wrong at the field that it is about."""
        places = {**{one.name: one.errors for one in self._places}, SOURCE: self.source_errors}
        for item in getattr(error, "errors", ()) or (FieldError("", str(error)),):
            if item.field in places:
                places[item.field].append(item.message)
            else:
                self.add_error(item.field if item.field in self.fields else None, item.message)

    @property
    def source(self) -> str:
        """The repository that the app may be from, though the backup says another one."""
        return str(self.data.get(SOURCE, ""))

    @property
    def answers(self) -> dict[str, str]:
        """Answers in place of the backup's: {question: port}."""
        return self._beginning(ANSWERS)

    @property
    def adopted(self) -> dict[str, str]:
        """Volumes in place of the backup's: {what the app calls it: name}."""
        return self._beginning(ADOPT)

    @property
    def has_problems(self) -> bool:
        return bool(self.errors or self.source_errors or any(one.errors for one in self._places))

    @property
    def _places(self) -> list[Adoption | Port]:
        return [*self.ports, *self.adoptions]

    def _beginning(self, prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix): value for key, value in self.data.items() if key.startswith(prefix) and value}


def _ports(app: App, data: QueryDict | None, was: Mapping[str, int]) -> list[Port]:
    """Return the questions for ports. One whose port leads to another app by now has a free one suggested."""
    taken = installations.taken_ports()
    found: list[Port] = []
    for question in app.manifest.questions:
        if question.type != QuestionType.PORT:
            continue
        before = was.get(question.name)
        port = Port(question.name, question.label, "", before, taken.get(before, "") if before else "")
        if data is not None:
            port.value = data.get(port.name, "")
        elif port.taken_by:
            beside = [int(one.value) for one in found if one.value]
            port.value = str(installations.free_port([*was.values(), *beside]))
        found.append(port)
    return found

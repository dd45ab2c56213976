"""What a person says when an installation is backed up, restored or removed."""

from __future__ import annotations

from typing import Any, Self

from django import forms
from django.http import QueryDict
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from containers.catalog.apps import App
from containers.domain.schedule import MAX_KEPT
from containers.errors import FieldError, SpocError
from containers.forms.confirm import ConfirmForm
from containers.forms.install import ADOPT, adoptions
from containers.forms.questions import ANSWERS
from containers.models import BackupSchedule
from containers.services import installations


class UninstallForm(ConfirmForm):
    """`volumes` are those that go as well; all others stay."""

    volumes = forms.MultipleChoiceField(label=_("Volumes"), required=False)
    force = forms.BooleanField(label=_("Leave out what the app does before it goes"), required=False)

    def __init__(self, *args: Any, name: str, volumes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, name=name, **kwargs)
        self.fields["volumes"].choices = [(volume, volume) for volume in volumes]  # type: ignore[attr-defined]


class BackupForm(forms.Form):
    """How the containers are held still while their volumes are copied."""

    how = forms.ChoiceField(choices=[("stop", _("Stop")), ("freeze", _("Freeze"))], initial="stop")

    @property
    def freeze(self) -> bool:
        return bool(self.cleaned_data["how"] == "freeze")


class ScheduleForm(forms.Form):
    """When a backup is made by itself, how, and how many are kept."""

    every = forms.ChoiceField(
        label=_("How often"), choices=[("never", _("never")), ("daily", _("every day")), ("weekly", _("every week"))]
    )
    weekday = forms.TypedChoiceField(label=_("Day"), coerce=int, choices=list(WEEKDAYS.items()))
    hour = forms.TypedChoiceField(label=_("Hour"), coerce=int, choices=[(hour, f"{hour:02}:00") for hour in range(24)])
    how = forms.ChoiceField(label=_("Containers"), choices=[("stop", _("stopped meanwhile")), ("freeze", _("frozen meanwhile"))])
    kept = forms.IntegerField(label=_("Keep"), min_value=1, max_value=MAX_KEPT)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-control sw-w-s" if name == "kept" else "form-select"

    @classmethod
    def of(cls, row: BackupSchedule | None) -> Self:
        """Return the form as it is filled in now."""
        if row is None:
            return cls(initial={"every": "never", "weekday": 0, "hour": 3, "how": "stop", "kept": 7})
        fields = {name: getattr(row, name) for name in ("every", "weekday", "hour", "kept")}
        return cls(initial={**fields, "how": "freeze" if row.freeze else "stop"})

    @property
    def given(self) -> dict[str, Any]:
        """What was chosen, as the service takes it."""
        fields = {name: self.cleaned_data[name] for name in ("every", "weekday", "hour", "kept")}
        return {**fields, "freeze": self.cleaned_data["how"] == "freeze"}


class RestoreForm(forms.Form):
    """Which backup becomes an installation of which name: one of the host's own, a file there, or one that is sent."""

    backup = forms.ChoiceField(label=_("Backup"), required=False)
    file = forms.FileField(label=_("File that you send"), required=False)
    path = forms.CharField(label=_("File on the server"), required=False, max_length=4096)
    name = forms.CharField(label=_("Name"), max_length=40)

    def __init__(self, *args: Any, backups: list[str], app: App | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        free = [volume.name for volume in installations.free_volumes()] if app else []
        self.adoptions = adoptions(app, self.data if isinstance(self.data, QueryDict) else None, free) if app else []
        self.fields["backup"].choices = [("", _("none of these")), *((name, name) for name in backups)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if sum(bool(data.get(key)) for key in ("backup", "file", "path")) != 1 and not self.errors:
            raise forms.ValidationError(_("Choose one backup, or say where the file is."))
        return data

    def refuse(self, error: SpocError | None) -> None:
        """Show what is wrong at the field that it is about."""
        places = {one.name: one.errors for one in self.adoptions}
        for item in getattr(error, "errors", ()) or (FieldError("", str(error)),):
            if item.field in places:
                places[item.field].append(item.message)
            else:
                self.add_error(item.field if item.field in self.fields else None, item.message)

    @property
    def source(self) -> dict[str, str]:
        """Where the backup is on the host, as the service takes it."""
        return {key: self.cleaned_data[key] for key in ("backup", "path") if self.cleaned_data[key]}

    @property
    def ports(self) -> dict[str, str]:
        """Answers in place of the backup's: {question: port}."""
        return self._beginning(ANSWERS)

    @property
    def adopted(self) -> dict[str, str]:
        """Volumes in place of the backup's: {what the app calls it: name}."""
        return self._beginning(ADOPT)

    @property
    def has_problems(self) -> bool:
        return bool(self.errors) or any(one.errors for one in self.adoptions)

    def _beginning(self, prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix): value for key, value in self.data.items() if key.startswith(prefix) and value}

"""What a person says when an installation is backed up or removed."""

from __future__ import annotations

from typing import Any, Self

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from containers.domain.schedule import MAX_KEPT
from containers.forms.confirm import ConfirmForm
from containers.models import BackupSchedule


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

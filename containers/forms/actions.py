"""What is asked before something is done with a container: a name, a command, a confirmation."""

from __future__ import annotations

import shlex
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.domain import names
from containers.forms.confirm import ConfirmForm


class CloneForm(forms.Form):
    name = forms.CharField(label=_("Name of the new container"), max_length=63, strip=False)

    def clean_name(self) -> str:
        try:
            return names.container_name(self.cleaned_data["name"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class KeepForm(forms.Form):
    layer = forms.CharField(label=_("Name of the new layer"), max_length=63, strip=False)
    image = forms.CharField(label=_("Image with it on top"), max_length=127, required=False, strip=False)


class CommandField(forms.CharField):
    """A command line as a shell would read it, as a list of arguments; nothing in it is expanded."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return shlex.split(text)
        except ValueError as error:
            raise forms.ValidationError(
                _("This cannot be split into arguments: %(reason)s."), params={"reason": str(error)}
            ) from error


class StartForm(forms.Form):
    command = CommandField(label=_("Another command, for this run only"), required=False)


class ExecuteForm(forms.Form):
    command = CommandField(label=_("Command"))
    uid = forms.CharField(label=_("User"), required=False)
    gid = forms.CharField(label=_("Group"), required=False)


class DeleteForm(ConfirmForm):
    """Volumes that are not ticked stay."""

    def __init__(self, *args: Any, name: str, volumes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, name=name, **kwargs)
        choices = [(volume, volume) for volume in volumes]
        self.fields["volumes"] = forms.MultipleChoiceField(label=_("Remove these volumes, too"), required=False, choices=choices)

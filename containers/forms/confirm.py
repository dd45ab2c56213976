"""A name typed once more before something goes for good."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class ConfirmForm(forms.Form):
    """`confirm` has to be `name`."""

    confirm = forms.CharField(label=_("Type the name to confirm"), strip=False)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name

    def clean_confirm(self) -> str:
        if self.cleaned_data["confirm"] != self.name:
            raise forms.ValidationError(_("That is not the name: type %(name)s."), params={"name": self.name})
        return self.name

"""A document to import: typed, pasted or uploaded."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.errors import Malformed
from containers.services.documents import load_json

MAX_BYTES: Final = 5_000_000


class ImportForm(forms.Form):
    """`cleaned_data["document"]` is what the JSON says."""

    text = forms.CharField(label=gettext_lazy("Text"), required=False, strip=False)
    file = forms.FileField(label=gettext_lazy("Or a file"), required=False)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        text, file = data.get("text") or "", data.get("file")
        if bool(text.strip()) == bool(file):
            raise forms.ValidationError(_("Give a text or a file, and not both."))
        if file and file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is too large."))
        try:
            data["document"] = load_json(file.read() if file else text)
        except Malformed as error:
            raise forms.ValidationError(str(error)) from error
        return data

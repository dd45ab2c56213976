"""A new layer: from a path on the server, or from an uploaded archive."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class LayerForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=64, strip=False)
    path = forms.CharField(label=gettext_lazy("Path on the server"), required=False, strip=False)
    archive = forms.FileField(label=gettext_lazy("Or upload an archive"), required=False)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if bool(data.get("path")) == bool(data.get("archive")) and "archive" not in self.errors:
            self.add_error("path", _("Give a path on the server or an archive, and not both."))
        return data

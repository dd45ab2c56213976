"""A repository to fetch images from."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy


class RepositoryForm(forms.Form):
    """What the fields may hold is judged by `domain.repository`, as everywhere."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=64, strip=False)
    location = forms.CharField(label=gettext_lazy("Address or path"), max_length=1000)
    public_key = forms.CharField(label=gettext_lazy("Public key"), max_length=100)

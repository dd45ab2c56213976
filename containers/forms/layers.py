"""New layers and images of them: from archives, from registries, from Debian."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.domain.bootstrap import Tool, Variant

_NAME_HINT = gettext_lazy("Lower-case letters, digits, dots, dashes.")
_IMAGE_HINT = gettext_lazy("NAME or NAME:VERSION; without a version it is “latest”.")


class _SourceForm(forms.Form):
    """What reads a file: one on the server, or an uploaded one."""

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if bool(data.get("path")) == bool(data.get("archive")) and "archive" not in self.errors:
            self.add_error("path", _("Give a path on the server or an archive, and not both."))
        return data


class LayerForm(_SourceForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=64, strip=False, help_text=_NAME_HINT)
    path = forms.CharField(
        label=gettext_lazy("Path on the server"),
        required=False,
        strip=False,
        help_text=gettext_lazy("A tar archive, or a directory that is copied."),
        widget=forms.TextInput({"placeholder": "/srv/debian-12.tar.gz"}),
    )
    archive = forms.FileField(label=gettext_lazy("Or upload an archive"), required=False)


class ImageFileForm(_SourceForm):
    image = forms.CharField(label=gettext_lazy("Name of the image"), max_length=127, strip=False, help_text=_IMAGE_HINT)
    path = forms.CharField(
        label=gettext_lazy("Path on the server"),
        required=False,
        strip=False,
        help_text=gettext_lazy("An OCI archive, a directory with an OCI layout, or an archive of docker save or podman save."),
        widget=forms.TextInput({"placeholder": "/srv/web.tar"}),
    )
    archive = forms.FileField(label=gettext_lazy("Or upload a file"), required=False)
    pick = forms.CharField(
        label=gettext_lazy("Which one"),
        required=False,
        help_text=gettext_lazy("Where there are several images in it: the name or tag of the one to take."),
    )


class PullForm(forms.Form):
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        help_text=gettext_lazy("As for docker pull; without a registry's name it is Docker Hub."),
        widget=forms.TextInput({"placeholder": "debian:12-slim"}),
    )
    image = forms.CharField(
        label=gettext_lazy("Name of the image"),
        required=False,
        max_length=127,
        strip=False,
        help_text=gettext_lazy("Nothing: as in the registry."),
    )


class BaseSystemForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=64, strip=False, help_text=_NAME_HINT)
    suite = forms.CharField(
        label=gettext_lazy("Release"), initial="stable", help_text=gettext_lazy("bookworm, trixie, stable, sid …")
    )
    variant = forms.ChoiceField(
        label=gettext_lazy("Variant"),
        choices=[
            (Variant.MINBASE.value, gettext_lazy("Minimal: required packages and apt")),
            (Variant.IMPORTANT.value, gettext_lazy("Usual: important packages, too")),
        ],
    )
    packages = forms.CharField(
        label=gettext_lazy("More packages"), required=False, help_text=gettext_lazy("Names, with blanks between them.")
    )
    mirror = forms.CharField(
        label=gettext_lazy("Mirror"),
        required=False,
        help_text=gettext_lazy("Nothing: where this host's own packages come from."),
        widget=forms.TextInput({"placeholder": "http://deb.debian.org/debian"}),
    )
    tool = forms.ChoiceField(
        label=gettext_lazy("Made by"),
        required=False,
        choices=[("", gettext_lazy("what is installed")), *((tool.value, tool.value) for tool in Tool)],
    )

    def to_system(self) -> dict[str, Any]:
        """Return what `domain.bootstrap.BaseSystem` takes: what was left open is left out."""
        data = self.cleaned_data
        given = {"suite": data["suite"], "variant": data["variant"], "packages": data["packages"].split()}
        return given | {key: data[key] for key in ("mirror", "tool") if data[key]}

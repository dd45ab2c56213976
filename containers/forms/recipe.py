"""What a person types about recipes. Their text is judged by the service, line by line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.domain.image import DEFAULT_VERSION
from containers.domain.recipe import MAX_FILE_PATH
from containers.services.recipes import MAX_FILE_BYTES, FileContent

EXAMPLE = """\
# What the image stands on: images or layers, the lowest first.
FROM debian-12

RUN apt-get update && \\
    apt-get install --yes --no-install-recommends postgresql && \\
    rm -rf /var/lib/apt/lists/*

# Files that stand here, or COPY files that you add to the recipe.
COPY <<'END' /etc/motd
Made from a recipe.
END

USER postgres
CMD /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/data
READY pg_isready
HALT SIGINT
"""


class TextForm(forms.Form):
    """The text of a recipe that is there."""

    text = forms.CharField(label=_("Recipe"), strip=False)


class NewForm(TextForm):
    """A recipe that is to be made."""

    name = forms.CharField(label=_("Name"), max_length=63)

    field_order = ("name", "text")


class FileForm(forms.Form):
    """A file for a recipe; without a path it is called as it was where it comes from."""

    file = forms.FileField(label=_("File"), allow_empty_file=True)
    path = forms.CharField(label=_("Path"), max_length=MAX_FILE_PATH, required=False)
    executable = forms.BooleanField(label=_("Can be run"), required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if (file := data.get("file")) and file.size > MAX_FILE_BYTES:
            raise forms.ValidationError(
                _("The file is larger than %(n)d MiB: have RUN download it.") % {"n": MAX_FILE_BYTES >> 20}
            )
        return data

    @property
    def path_and_content(self) -> tuple[str, FileContent]:
        """The file of a valid form."""
        file = self.cleaned_data["file"]
        content = FileContent(file.read(), is_executable=self.cleaned_data["executable"])
        return self.cleaned_data["path"] or file.name, content


class BuildForm(forms.Form):
    """Which version is built, and whether also where the same was built already."""

    version = forms.CharField(label=_("Version"), max_length=63, required=False, initial=DEFAULT_VERSION)
    force = forms.BooleanField(label=_("Build again what was built already"), required=False)

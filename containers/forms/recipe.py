"""What a person types about recipes. Their text is judged by the service, line by line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.domain.image import DEFAULT_VERSION
from containers.domain.recipe import MAX_FILE_PATH
from containers.services.recipes import MAX_FILE_BYTES, FileContent

# What a first recipe stands on where nothing is here yet.
DEFAULT_BASE = "debian-12"
# A container made from it runs as it is: what a new user sees first is what is built and started first.
_EXAMPLE = """\
# What the image stands on: images or layers, the lowest first.
FROM {base}

RUN apt-get update && \\
    apt-get install --yes --no-install-recommends postgresql && \\
    apt-get clean && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/*

# A file that stands here; COPY takes files that you add to the recipe, too.
# The first start makes the database: mount a volume at its directory to keep it.
COPY <<'END' /usr/local/bin/serve
set -e
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
[ -s $data/PG_VERSION ] || $bin/initdb --pgdata=$data
exec $bin/postgres -D $data
END

USER postgres
CMD /bin/sh /usr/local/bin/serve
READY pg_isready
HALT SIGINT
"""


def example(base: str | None = None) -> str:
    """Return a recipe that works, on the layer `base`."""
    return _EXAMPLE.format(base=base or DEFAULT_BASE)


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

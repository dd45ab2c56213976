"""One page for all ways to a new layer or image: each has its own small form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from containers.errors import InvalidRequest, SpocError
from containers.forms.layers import BaseSystemForm, ImageFileForm, LayerForm, PullForm
from containers.models import Job
from containers.services import image_imports, layers
from containers.services.actor import Actor
from containers.services.entry import IMAGES
from containers.views.access import Request, actor_of, opens_to


def _from_archive(actor: Actor, form: Any) -> Job:
    data = form.cleaned_data
    if data["archive"]:
        return layers.request_import_of(actor, data["name"], data["archive"])
    return layers.request_import(actor, data["name"], path=data["path"])


def _from_image(actor: Actor, form: Any) -> Job:
    data = form.cleaned_data
    pick = data["pick"] or None
    if data["archive"]:
        return image_imports.request_import_of(actor, data["image"], data["archive"], pick=pick)
    return image_imports.request_import(actor, data["image"], path=data["path"], pick=pick)


def _from_registry(actor: Actor, form: Any) -> Job:
    return image_imports.request_pull(actor, form.cleaned_data["reference"], image=form.cleaned_data["image"] or None)


def _from_debian(actor: Actor, form: Any) -> Job:
    return layers.request_bootstrap(actor, form.cleaned_data["name"], form.to_system())


@dataclass(frozen=True)
class Way:
    key: str
    label: str | Promise
    meaning: str | Promise
    button: str | Promise
    form: type[forms.Form]
    request: Callable[[Actor, Any], Job]
    reads_files: bool = False


WAYS: Final = (
    Way("archive", _("Archive or directory"), _("One layer from a root filesystem, or a part of one."), _("Import"),
        LayerForm, _from_archive, reads_files=True),
    Way("image", _("OCI image"), _("From a file: its layers and an image with its defaults."), _("Import"),
        ImageFileForm, _from_image, reads_files=True),
    Way("registry", _("Registry"), _("The same, fetched from where others have put it."), _("Pull"),
        PullForm, _from_registry),
    Way("debian", _("Debian base system"), _("A layer made of packages, from Debian's archive."), _("Make"),
        BaseSystemForm, _from_debian),
)  # fmt: skip
_BY_KEY: Final = {way.key: way for way in WAYS}


@require_http_methods(["GET", "POST"])
@opens_to(IMAGES)
def layer_add(request: Request) -> HttpResponse:
    # Each way has an address of its own, which its form is sent to.
    way = _BY_KEY.get(request.GET.get("from", ""), WAYS[0])
    form = way.form(request.POST, request.FILES) if request.method == "POST" else way.form()
    if form.is_bound and form.is_valid() and (job := _ask(request, way, form)):
        return redirect(job)
    context = {"section": "layers", "ways": WAYS, "way": way, "form": form, "dirs": settings.IMPORT_DIRS}
    return render(request, "layers/add.html", context, status=422 if form.errors else 200)


def _ask(request: Request, way: Way, form: forms.Form) -> Job | None:
    """Queue the job; None with the reason in the form."""
    try:
        return way.request(actor_of(request), form)
    except InvalidRequest as error:
        for item in error.errors:
            # "packages.3" is about the field "packages".
            field = item.field.partition(".")[0]
            form.add_error(field if field in form.fields else None, item.message)
    except SpocError as error:
        form.add_error(next(iter(form.fields)), str(error))
    return None

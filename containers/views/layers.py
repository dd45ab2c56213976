"""The layers: what root filesystems are made of. Added from the server or by upload, removed when nothing uses them."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from containers.errors import InvalidRequest, SpocError
from containers.forms.layers import LayerForm
from containers.models import Job
from containers.services import hosts
from containers.services import layers as service
from containers.views.access import Request, actor_of, get_layer, require

PAGE_SIZE: Final = 200


@require_http_methods(["GET", "POST"])
@login_required
def layer_list(request: Request) -> HttpResponse:
    require(request, "view" if request.method == "GET" else "operate")
    form = LayerForm(request.POST, request.FILES) if request.method == "POST" else LayerForm()
    if form.is_bound and form.is_valid():
        job = _import(request, form)
        if job is not None:
            return redirect(job)
    page = Paginator(hosts.layers().with_users(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"section": "layers", "layers": page.object_list, "page": page, "form": form, "dirs": settings.IMPORT_DIRS}
    return render(request, "layers/list.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def remove(request: Request, name: str) -> HttpResponse:
    layer = get_layer(request, name, "operate")
    try:
        return redirect(service.request_remove(actor_of(request), layer))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("layer-list")


def _import(request: Request, form: LayerForm) -> Job | None:
    """Queue the import; None with the reason in the form. An upload that no job is for does not stay."""
    name, path, archive = (form.cleaned_data[key] for key in ("name", "path", "archive"))
    upload = service.store_upload(archive) if archive else None
    try:
        return service.request_import(actor_of(request), name, path=path or None, upload=upload)
    except InvalidRequest as error:
        for item in error.errors:
            form.add_error(item.field if item.field in form.fields else None, item.message)
    except SpocError as error:
        form.add_error("name", str(error))
    if upload:
        service.discard_upload(upload)
    return None

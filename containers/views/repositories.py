"""Repositories: the host's own, and those that it fetches images and apps from."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.domain.image import ImageRef
from containers.domain.repository import OWN, RepositorySpec, is_url
from containers.errors import InvalidRequest, SpocError
from containers.forms.repositories import RepositoryForm
from containers.models import Job, Repository
from containers.services import app_sources, exported, hosts
from containers.services import repositories as service
from containers.services.entry import IMAGES, VIEW
from containers.services.ranges import file_response
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent


@require_http_methods(["GET", "POST"])
@opens_to(VIEW, IMAGES)
def repository_list(request: Request) -> HttpResponse:
    if request.method == "POST":
        require_recent(request)
    form = RepositoryForm(request.POST) if request.method == "POST" else RepositoryForm()
    if form.is_bound and form.is_valid():
        job = _add(request, form)
        if job is not None:
            return redirect(job)
    context = {
        "section": "repositories",
        "repositories": [(row, len(service.entries(row)), len(service.app_entries(row))) for row in hosts.repositories()],
        "own": _own(),
        "form": form,
        "dirs": settings.IMPORT_DIRS,
    }
    return render(request, "repositories/list.html", context, status=422 if form.errors else 200)


@require_GET
@opens_to(VIEW)
def repository_detail(request: Request, name: str) -> HttpResponse:
    context: dict[str, object] = {"section": "repositories", "name": name}
    if name == OWN:
        images = service.compared(exported.index().images, own=True)
        apps = app_sources.published()
        return render(request, "repositories/own.html", {**context, "own": _own(), "images": images, "apps": apps})
    row = hosts.get_repository(name)
    images = service.compared(service.entries(row))
    apps = app_sources.compared(row, service.app_entries(row))
    context |= {"row": row, "images": images, "apps": apps, "is_url": is_url(row.location), "failed": service.failed_look(row)}
    return render(request, "repositories/detail.html", context)


@require_POST
@opens_to(IMAGES)
def refresh(request: Request, name: str) -> HttpResponse:
    return redirect(service.request_refresh(actor_of(request), _repository(name)))


@require_POST
@opens_to(IMAGES)
def remove(request: Request, name: str) -> HttpResponse:
    require_recent(request)
    service.remove(actor_of(request), _repository(name))
    return redirect("repository-list")


@require_POST
@opens_to(IMAGES)
def fetch(request: Request, name: str) -> HttpResponse:
    try:
        ref = ImageRef.parse(request.POST.get("image", ""))
        return redirect(service.request_fetch(actor_of(request), name, ref))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("repository-detail", name)


@require_POST
@opens_to(IMAGES)
def app_fetch(request: Request, name: str) -> HttpResponse:
    try:
        return redirect(app_sources.request_fetch(actor_of(request), name, request.POST.get("app", "")))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("repository-detail", name)


@require_POST
@opens_to(IMAGES)
def image_export(request: Request, name: str, version: str) -> HttpResponse:
    image = hosts.get_image(f"{name}:{version}", hosts.images().select_related("host"))
    return redirect(exported.request_export(actor_of(request), image))


@require_GET
@opens_to(IMAGES)
def export_file(request: Request, name: str, version: str) -> HttpResponseBase:
    # What is in it can be a secret, as what is in a layer.
    ref = ImageRef(name, version)
    entry, stream = exported.open_file(ref)
    return file_response(request, stream, filename=entry.file, etag=entry.sha256)


@require_POST
@opens_to(IMAGES)
def export_remove(request: Request, name: str, version: str) -> HttpResponse:
    require_recent(request)
    return redirect(exported.request_removal(actor_of(request), ImageRef(name, version)))


def _repository(name: str) -> Repository:
    if name == OWN:
        raise Http404
    return hosts.get_repository(name)


def _own() -> dict[str, object]:
    return {"path": exported.directory(), "public_key": exported.public_key(), **_counts()}


def _counts() -> dict[str, object]:
    index = exported.index()
    return {"images": index.images, "apps": index.apps}


def _add(request: Request, form: RepositoryForm) -> Job | None:
    """Write the row and queue the first look; None with the reasons in the form."""
    try:
        spec = RepositorySpec.validate_as(form.cleaned_data, field="")
        return service.add(actor_of(request), spec)[1]
    except InvalidRequest as error:
        for item in error.errors:
            form.add_error(item.field if item.field in form.fields else None, item.message)
    except SpocError as error:
        form.add_error("name", str(error))
    return None

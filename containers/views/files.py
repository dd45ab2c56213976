"""What is in layers, and what containers have written: directories, previews of files; kept as a layer if asked for."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from containers.errors import InvalidRequest, SpocError
from containers.forms.actions import KeepForm
from containers.models import Container
from containers.services import hosts, volumes, ways_back
from containers.services import layers as service
from containers.services.entry import EXECUTE, EXECUTE_ALL, IMAGES, SEE, VIEW
from containers.services.looking import Subject
from containers.views.access import Request, actor_of, get_container, get_layer, get_volume, opens_to
from containers.views.browser import Browser, Row
from containers.views.page import ContainerPage


@require_GET
@opens_to(VIEW)
def layer_detail(request: Request, name: str) -> HttpResponse:
    layer = get_layer(request, name, "view", hosts.layers().with_users())
    ways_back.mark([layer])
    browser = Browser(request, layer)
    context = {"section": "layers", "layer": layer, "browser": browser}
    return render(request, "layers/detail.html", context, status=browser.status)


@require_GET
@opens_to(IMAGES)
def layer_file(request: Request, name: str) -> HttpResponse:
    return _file(request, get_layer(request, name, "images"), "layers")


@require_GET
@opens_to(SEE)
def container_layers(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    browser = Browser(request, container)
    context = ContainerPage.load(request, container, "layers").context | {
        "browser": browser,
        "unkeepable": _unkeepable(container),
    }
    return render(request, "containers/layers.html", context, status=browser.status)


@require_GET
@opens_to(EXECUTE)
def container_file(request: Request, name: str) -> HttpResponse:
    return _file(request, get_container(request, name, "execute"), "containers")


@require_GET
@opens_to(VIEW)
def volume_detail(request: Request, name: str) -> HttpResponse:
    volume = get_volume(request, name, "view")
    browser = Browser(request, volume)
    context = {"section": "volumes", "volume": volume, "listed": volumes.listed(volume), "browser": browser}
    return render(request, "volumes/detail.html", context, status=200 if volume.is_file else browser.status)


@require_GET
@opens_to(EXECUTE_ALL)
def volume_file(request: Request, name: str) -> HttpResponse:
    return _file(request, get_volume(request, name, "execute"), "volumes")


@require_http_methods(["GET", "POST"])
@opens_to(IMAGES)
def keep(request: Request, name: str) -> HttpResponse:
    """Keep what a container has written as a new layer."""
    container = get_container(request, name, "execute")
    form = KeepForm(request.POST if request.method == "POST" else None, initial={"layer": f"{name}-kept"})
    if form.is_bound and form.is_valid():
        layer, image = form.cleaned_data["layer"], form.cleaned_data["image"] or None
        try:
            return redirect(service.request_commit(actor_of(request), container, layer, image=image))
        except InvalidRequest as error:
            for item in error.errors:
                form.add_error(item.field if item.field in form.fields else None, item.message)
        except SpocError as error:
            form.add_error(None, str(error))
    page = ContainerPage.load(request, container, "layers")
    return render(request, "containers/keep.html", page.context | {"form": form}, status=422 if form.errors else 200)


def _unkeepable(container: Container) -> str:
    """Return why nothing of a container can be kept now, or nothing."""
    try:
        service.check_keepable(container)
    except SpocError as error:
        return error.brief
    return ""


def _file(request: Request, subject: Subject, section: str) -> HttpResponse:
    browser = Browser(request, subject)
    try:
        preview = browser.preview()
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect(browser.url)
    context = {"section": section, "browser": browser, "preview": preview, "row": Row(preview.entry, "")}
    return render(request, "files/file.html", context)

"""Making, changing and cloning a definition. Saving never touches the host; "save and apply" leads to the plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from containers.choices import ContainerState, Operation
from containers.domain.spec import ContainerSpec
from containers.errors import InvalidRequest, Overtaken, SpocError
from containers.forms.actions import CloneForm
from containers.forms.container import ContainerForm
from containers.models import Container, Image
from containers.services import containers, disclosure, hosts, images
from containers.services.entry import EDIT, SEE
from containers.views.access import Request, actor_of, get_container, opens_to
from containers.views.editor import Editor
from containers.views.overlap import settle
from containers.views.page import ContainerPage


@require_http_methods(["GET", "POST"])
@opens_to(EDIT)
def create(request: Request) -> HttpResponse:
    image = _image(request)
    form = ContainerForm(_data(request), start={"definition": images.base_of(image)} if image else None)
    container = _save(form, partial(_create, request))
    if container is not None:
        return _saved(request, container)
    context = {"section": "containers", "editor": Editor(form), "image": image}
    return render(request, "containers/create.html", context, status=_status(form))


@require_http_methods(["GET", "POST"])
@opens_to(SEE, EDIT)
def edit(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view" if request.method == "GET" else "edit")
    form = ContainerForm(_data(request), saved=disclosure.data_of(container), revision=container.revision)
    saved = _save(form, partial(_update, request, container, form))
    if saved is not None:
        return _saved(request, saved)
    # Somebody may have saved a moment ago.
    container = get_container(request, name, "view")
    form, overlap = settle(form, container)
    page = ContainerPage.load(request, container, "definition")
    context = page.context | {"editor": Editor(form, container, overlap)}
    status = 409 if overlap and overlap.is_new else _status(form)
    return render(request, "containers/definition.html", context, status=status)


@require_POST
@opens_to(EDIT)
def preview(request: Request, name: str = "") -> HttpResponse:
    """What the form would save, as text, and what saving it would do."""
    container = get_container(request, name, "edit") if name else None
    form = ContainerForm(request.POST, saved=disclosure.data_of(container) if container else None)
    form.to_spec()
    overlap = settle(form, container)[1] if container else None
    context = {"editor": Editor(form, container, overlap), "may_operate": True}
    return render(request, "containers/_editor_side.html", context)


@require_http_methods(["GET", "POST"])
@opens_to(EDIT)
def clone(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "edit")
    form = CloneForm(_data(request))
    if form.is_bound and form.is_valid():
        try:
            made, _job = containers.clone_container(actor_of(request), container, form.cleaned_data["name"])
        except SpocError as error:
            form.add_error("name", str(error))
        else:
            text = _("%(name)s is a copy of %(of)s. Look it over before you start it.")
            messages.success(request, text % {"name": made, "of": name})
            return redirect(made)
    page = ContainerPage.load(request, container, "")
    return render(request, "containers/clone.html", page.context | {"form": form}, status=422 if form.errors else 200)


def _image(request: Request) -> Image | None:
    """Return the image that the form begins with, if the address names one. Raises NotFound."""
    text = request.GET.get("image", "")
    return hosts.get_image(text, hosts.images().with_layers()) if text else None


def _data(request: Request) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _save(form: ContainerForm, write: Callable[[ContainerSpec], Container]) -> Container | None:
    """Write what the form says; None where there is nothing to write, or with the reason in the form."""
    if not form.is_bound or form.is_row_change:
        return None
    spec = form.to_spec()
    if spec is None:
        return None
    try:
        return write(spec)
    except InvalidRequest as error:
        form.refuse(error.errors)
    except Overtaken:
        # `settle` puts both changes together.
        return None
    except SpocError as error:
        form.add_error(None, str(error))
    return None


def _create(request: Request, spec: ContainerSpec) -> Container:
    container, job = containers.create_container(actor_of(request), spec)
    text = _("%(name)s is saved. Job %(job)d makes its directories.") % {"name": spec.name, "job": job.pk}
    messages.success(request, text)
    return container


def _update(request: Request, container: Container, form: ContainerForm, spec: ContainerSpec) -> Container:
    if spec.export() == disclosure.data_of(container):
        # Clicked twice, or nothing was changed.
        messages.info(request, _("%(name)s is as you want it since revision %(number)d.") % _named(container))
        return container
    changes = {key: value for key, value in spec.model_dump(mode="json").items() if key != "name"}
    saved = containers.update_container(
        actor_of(request), container, changes, expected_revision=form.cleaned_data.get("revision") or container.revision
    )
    messages.success(request, _("%(name)s is saved as revision %(number)d.") % _named(saved))
    return saved


def _named(container: Container) -> dict[str, Any]:
    return {"name": container.name, "number": container.revision}


def _saved(request: Request, container: Container) -> HttpResponse:
    if request.POST.get("then") != "apply":
        return redirect(container)
    operation = Operation.START if container.state == ContainerState.STOPPED else Operation.RESTART
    return redirect("container-operate", container.name, operation.value)


def _status(form: ContainerForm) -> int:
    return 422 if form.is_bound and form.problems else 200

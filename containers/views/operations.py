"""From a click to a job: the plan first, then the confirmation that queues it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from containers.choices import CONTAINER_OPERATIONS, Operation
from containers.domain import states as domain
from containers.errors import InvalidRequest, SpocError
from containers.forms.actions import DeleteForm, ExecuteForm, StartForm
from containers.models import Job
from containers.services import demo as demo_service
from containers.services import operations
from containers.services.entry import ACT, DESTROY, EDIT_ALL, EXECUTE
from containers.views import wording
from containers.views.access import Request, actor_of, get_container, opens_to
from containers.views.confirming import require_recent
from containers.views.page import ContainerPage
from containers.views.plan_page import PlanPage, shared_volumes


@require_http_methods(["GET", "POST"])
@opens_to(ACT)
def operate(request: Request, name: str, operation: Operation) -> HttpResponse:
    get_container(request, name, "view")
    form = StartForm(request.POST if request.method == "POST" else None, initial={"command": request.GET.get("command", "")})
    if request.method == "GET" or not form.is_valid():
        return _plan(request, PlanPage(request.user, operation, [name]), form=form)
    command = form.cleaned_data["command"]
    given = {"command": command} if command and operation == Operation.START else {}
    try:
        job = _request(request, operation, [name], given)
    except SpocError as error:
        return _plan(request, PlanPage(request.user, operation, [name], error), form=form)
    return _queued(request, job)


@require_http_methods(["GET", "POST"])
@opens_to(ACT)
def bulk(request: Request) -> HttpResponse:
    """Several containers, one plan. Posted without "confirm" it only shows the plan: a thousand names fit no URL."""
    data = request.POST if request.method == "POST" else request.GET
    names, operation = list(dict.fromkeys(data.getlist("container"))), data.get("operation", "")
    if operation not in BULK or not names:
        messages.info(request, _("Select containers first, then what to do with them."))
        return redirect("container-list")
    if request.method == "GET" or "confirm" not in data:
        return _plan(request, PlanPage(request.user, Operation(operation), names))
    try:
        job = _request(request, Operation(operation), names)
    except SpocError as error:
        return _plan(request, PlanPage(request.user, Operation(operation), names, error))
    return _queued(request, job)


@require_http_methods(["GET", "POST"])
@opens_to(DESTROY)
def delete(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "destroy")
    require_recent(request)
    volumes = shared_volumes(name)
    own = [volume for volume, others in volumes.items() if not others]
    form = DeleteForm(request.POST if request.method == "POST" else None, name=name, volumes=own)
    error = None
    if form.is_bound and form.is_valid():
        try:
            job = _request(request, Operation.DESTROY, [name], {"volumes": form.cleaned_data["volumes"]})
        except SpocError as refused:
            error = refused
        else:
            return redirect(job)
    plan = PlanPage(request.user, Operation.DESTROY, [name], error)
    context = {"form": form, "plan": plan, "container": container, "volumes": volumes, "section": "containers"}
    status = error.status if error else 422 if form.errors else 200
    return render(request, _template(request, "delete"), context, status=status)


@require_http_methods(["GET", "POST"])
@opens_to(EXECUTE)
def execute(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "execute")
    form = ExecuteForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        given = {key: value for key, value in form.cleaned_data.items() if value}
        try:
            return redirect(_request(request, Operation.EXECUTE, [name], given))
        except InvalidRequest as error:
            _refuse(form, error)
        except SpocError as error:
            form.add_error(None, str(error))
    context = ContainerPage.load(request, container, "").context | {"form": form}
    return render(request, "containers/execute.html", context, status=422 if form.errors else 200)


@require_POST
@opens_to(EDIT_ALL)
def demo(request: Request) -> HttpResponse:
    try:
        return redirect(demo_service.request_demo(actor_of(request)))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("container-list")


# Deleting asks for each name.
BULK = tuple(operation.value for operation in CONTAINER_OPERATIONS if operation != Operation.DESTROY)


def _request(request: Request, operation: Operation, names: list[str], given: dict[str, Any] | None = None) -> Job:
    return operations.request(actor_of(request), domain.Operation(operation.value), names, given)


def _refuse(form: ExecuteForm, error: InvalidRequest) -> None:
    for item in error.errors:
        field = item.field.partition(".")[0]
        form.add_error(field if field in form.fields else None, item.message)


def _template(request: Request, page: str) -> str:
    return f"containers/_{page}.html" if request.htmx else f"containers/{page}.html"


def _plan(request: Request, plan: PlanPage, form: StartForm | None = None) -> HttpResponse:
    status = plan.error.status if plan.error else 422 if form and form.errors else 200
    context = {"plan": plan, "form": form, "section": "containers", "next": request.GET.get("next", "")}
    response = render(request, _template(request, "plan"), context, status=status)
    # A refused confirmation comes back into the dialog that it was sent from.
    return reswap(retarget(response, "#dialog"), "innerHTML") if request.htmx else response


def _queued(request: Request, job: Job) -> HttpResponse:
    """With script the page stays, and follows; without, the job's page is the place to see what comes."""
    if not request.htmx:
        return redirect(job)
    context = {"job": job, "title": wording.job_title(job)}
    return trigger_client_event(render(request, "shell/_queued.html", context), "spocweb:queued", after="swap")

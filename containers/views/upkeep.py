"""What is done to an installation and its backups, from update to uninstall. All of it works without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from containers.domain.questions import Question
from containers.errors import HostError, SpocError
from containers.forms.update import UpdateForm
from containers.forms.upkeep import BackupForm, ScheduleForm, UninstallForm
from containers.models import Installation, Job
from containers.services import access, app_requests, app_secrets, backup_schedules, installations, spare_images, ways_back
from containers.services.entry import INSTALL
from containers.views import differences, installation_page
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent
from containers.views.differences import Change

UPDATE = "update"


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def update(request: Request, name: str) -> HttpResponse:
    """Versions, what changes in the definitions, and the questions; the same page changes answers alone."""
    row = _get(request, name)
    app = installations.next_app(row)
    data = _data(request)
    form = UpdateForm(app, actor_of(request), row, data)
    if form.act[0] == UPDATE:
        job, error = _ask(lambda: app_requests.request_update(actor_of(request), row, form.given, source=form.confirmed))
        if job:
            return redirect(job)
        form.refuse(error)
    # Judged before what was typed is sealed.
    changes, gone = _changes(row, form)
    form.seal()
    context = {
        "section": "apps",
        "installation": row,
        "app": app.manifest,
        "form": form,
        "changes": changes,
        "gone": gone,
        "is_new": app.manifest.version != row.version,
    }
    return render(request, "installations/update.html", context, status=422 if form.problems else 200)


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def back(request: Request, name: str) -> HttpResponse:
    row = _get(request, name)
    previous = ways_back.find(row)
    error = None
    if request.method == "POST":
        job, error = _ask(lambda: app_requests.request_back(actor_of(request), row))
        if job:
            return redirect(job)
    left = spare_images.left_by(row) if previous else []
    return _dialog(request, row, "back", {"previous": previous, "left": left, "error": error})


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def forget(request: Request, name: str) -> HttpResponse:
    row = _get(request, name)
    previous = ways_back.find(row)
    error = None
    if request.method == "POST":
        job, error = _ask(lambda: app_requests.request_forget(actor_of(request), row))
        if job:
            return redirect(job)
    copies = installation_page.copies_of(previous)
    return _dialog(request, row, "forget", {"previous": previous, "copies": copies, "error": error})


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def backup(request: Request, name: str) -> HttpResponse:
    row = _get(request, name)
    form = BackupForm(_data(request))
    error = None
    if form.is_bound and form.is_valid():
        job, error = _ask(lambda: app_requests.request_backup(actor_of(request), row, freeze=form.freeze))
        if job:
            return redirect(job)
    return _dialog(request, row, "backup", {"form": form, "error": error})


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def secrets(request: Request, name: str) -> HttpResponse:
    """What was answered in secret, or made up: shown to who asks for it, and never by a link alone."""
    row = _get(request, name)
    require_recent(request)
    error, shown = None, None
    if request.method == "POST":
        try:
            shown = installation_page.InstallationPage(row, "", request.user).named(app_secrets.show(actor_of(request), row))
        except HostError as raised:
            error = raised
    return _dialog(request, row, "secrets", {"shown": shown, "error": error})


@require_POST
@opens_to(INSTALL)
def schedule(request: Request, name: str) -> HttpResponse:
    row = _get(request, name)
    form = ScheduleForm(request.POST)
    if form.is_valid():
        backup_schedules.set_schedule(actor_of(request), row, form.given)
        messages.success(request, _("Saved."), extra_tags="ok")
    else:
        texts = [f"{form.fields[field].label}: {text}" for field, found in form.errors.items() for text in found]
        messages.error(request, " ".join(texts), extra_tags="bad")
    return redirect("installation-detail", name)


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def uninstall(request: Request, name: str) -> HttpResponse:
    row = _get(request, name)
    require_recent(request)
    page = installation_page.InstallationPage(row, "", request.user)
    form = UninstallForm(_data(request), name=name, volumes=[volume for volume, _row, _adopted in page.volumes])
    error = None
    if form.is_bound and form.is_valid():
        chosen = form.cleaned_data["volumes"]
        job, error = _ask(
            lambda: app_requests.request_uninstall(actor_of(request), row, chosen, force=form.cleaned_data["force"])
        )
        if job:
            return redirect(job)
    return _dialog(request, row, "uninstall", {"page": page, "form": form, "error": error})


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def remove_backup(request: Request, file: str) -> HttpResponse:
    row = app_requests.get_backup(file)
    app_requests.require_backup(actor_of(request), row.file_name)
    require_recent(request)
    error = None
    if request.method == "POST":
        job, error = _ask(lambda: app_requests.request_backup_removal(actor_of(request), row))
        if job:
            return redirect(job)
    template = "installations/_remove_backup.html" if request.htmx else "installations/remove_backup.html"
    context = {"section": "apps", "backup": row, "error": error}
    return render(request, template, context, status=error.status if error else 200)


def _get(request: Request, name: str) -> Installation:
    row = installations.see(name)
    access.require_install(request.user, row.app, row.name)
    return row


def _data(request: Request) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _ask(work: Callable[[], Job]) -> tuple[Job | None, SpocError | None]:
    """Return the job, or what is in its way."""
    try:
        return work(), None
    except SpocError as error:
        return None, error


def _dialog(request: Request, row: Installation, what: str, more: dict[str, Any]) -> HttpResponse:
    context = {"section": "apps", "installation": row, "what": what, "body": f"installations/_{what}.html", **more}
    form, error = more.get("form"), more.get("error")
    status = error.status if error else 422 if form is not None and form.errors else 200
    return render(request, context["body"] if request.htmx else "installations/dialog.html", context, status=status)


def _changes(row: Installation, form: UpdateForm) -> tuple[list[tuple[str, bool, list[Change]]], tuple[Question, ...]]:
    """Return what changes in each container: its name, whether it is new, and the fields; and what is asked no more."""
    try:
        found = app_requests.update_of(row, form.given)
    except SpocError as error:
        if form.act[0] != UPDATE:
            form.refuse(error)
        return [], ()
    changes = [
        (f"{row.name}-{change.key}", change.before is None, differences.between(change.before or {}, change.after or {}))
        for change in found.changes
    ]
    return changes, found.gone

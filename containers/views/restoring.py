"""A backup becomes an installation again: it is chosen or sent, then shown, then restored. All of it works without script."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from containers.errors import InvalidRequest, SpocError, Untrusted
from containers.forms.restoring import PlaceForm, RestoreForm
from containers.models import Job
from containers.services import access, app_publishers, app_requests, backup_looks, restoring
from containers.services.entry import INSTALL
from containers.services.inputs import BackupPlace
from containers.views.access import Request, actor_of, opens_to
from containers.views.restore_page import RestorePage

# What the address says of the backup; an upload by a text that only who has sent it can use.
UPLOAD: Final = "upload"
PLACES: Final = ("backup", "path", UPLOAD)


@require_http_methods(["GET", "POST"])
@opens_to(INSTALL)
def restore(request: Request) -> HttpResponse:
    """Without a backup in the address, the page that asks for one."""
    if not any(request.GET.get(key) for key in PLACES):
        return _choose(request)
    try:
        page = RestorePage.of(actor_of(request), _place(request))
    except (InvalidRequest, Untrusted) as error:
        return _choice(request, _place_form(request, is_sent=False), error)
    data = request.POST if request.method == "POST" else None
    form = RestoreForm.of(data, page.app, page.facts.ports if page.facts else {}, page.name)
    if form.is_bound and form.is_valid():
        try:
            return redirect(_request(request, page, form))
        except SpocError as error:
            form.refuse(error)
    context = {"section": "apps", "form": form, "page": page}
    return render(request, "installations/restore.html", context, status=422 if form.has_problems else 200)


def _request(request: Request, page: RestorePage, form: RestoreForm) -> Job:
    """Queue the job. What root would refuse, of a backup that was sent too, is said before."""
    other, name = page.other_source, form.cleaned_data["name"]
    if other and form.source != other.repository:
        raise InvalidRequest.of(app_publishers.FIELD, _("Tick this if it may be from there."))
    restoring.require_no_volumes(name, page.app, form.adopted)
    place = page.place.export()
    return app_requests.request_restore(actor_of(request), name, form.answers, form.adopted, source=form.source, **place)


def _choose(request: Request) -> HttpResponse:
    form = _place_form(request, is_sent=request.method == "POST")
    if form.is_bound and form.is_valid():
        try:
            return redirect(f"{request.path}?{urlencode(_found(request, form))}")
        except SpocError as error:
            form.add_error("file", str(error))
    return _choice(request, form)


def _found(request: Request, form: PlaceForm) -> dict[str, str]:
    file = form.cleaned_data["file"]
    return {UPLOAD: backup_looks.keep(actor_of(request), file)} if file else form.place


def _choice(request: Request, form: PlaceForm, error: SpocError | None = None) -> HttpResponse:
    context = {"section": "apps", "form": form, "error": error}
    status = error.status if error else 422 if form.errors else 200
    return render(request, "installations/choose_backup.html", context, status=status)


def _place_form(request: Request, *, is_sent: bool) -> PlaceForm:
    names = [row.file_name for row in app_requests.backups() if access.may_install(request.user, row.app, row.installation)]
    return PlaceForm(request.POST if is_sent else None, request.FILES if is_sent else None, backups=names)


def _place(request: Request) -> BackupPlace:
    """Return where the backup is that the address names. Raises InvalidRequest for what can be none."""
    given = {key: value for key in PLACES if (value := request.GET.get(key))}
    if UPLOAD in given:
        given[UPLOAD] = backup_looks.find(actor_of(request), given[UPLOAD])
    return BackupPlace.validate_as(given, field="")

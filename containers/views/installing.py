"""The form of an installation: filled in, looked over as a plan, and only then asked for. All of it works without script."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from containers.catalog import apps
from containers.catalog.apps import App
from containers.errors import InvalidRequest, SpocError
from containers.forms.install import InstallForm
from containers.services import access, app_requests, entry
from containers.views.access import Request, actor_of, opens_to
from containers.views.install_page import InstallPage

# What a button of the form asks for; anything else gives the form back as it is.
PLAN: Final = "plan"
INSTALL: Final = "install"


@require_http_methods(["GET", "POST"])
@opens_to(entry.INSTALL)
def install(request: Request, name: str) -> HttpResponse:
    app = apps.find(name)
    access.require_install(request.user, app.name)
    form = InstallForm(app, actor_of(request), request.POST if request.method == "POST" else None)
    if form.act[0] == PLAN:
        return _plan(request, app, form)
    if form.act[0] == INSTALL:
        return _install(request, app, form)
    return _page(request, InstallPage(app, form))


@require_POST
@opens_to(entry.INSTALL)
def preview(request: Request, name: str) -> HttpResponse:
    """What stands beside the form, as it would be now."""
    app = apps.find(name)
    access.require_install(request.user, app.name)
    page = InstallPage(app, InstallForm(app, actor_of(request), request.POST))
    return render(request, "apps/_install_side.html", {"page": page})


def _plan(request: Request, app: App, form: InstallForm) -> HttpResponse:
    page = InstallPage(app, form)
    if page.look.errors:
        form.refuse(InvalidRequest.all(page.look.errors))
        return _page(request, page, status=422)
    return render(request, "apps/plan.html", _context(page))


def _install(request: Request, app: App, form: InstallForm) -> HttpResponse:
    try:
        return redirect(app_requests.request_install(actor_of(request), app, form.name, form.given, form.adopted))
    except SpocError as error:
        form.refuse(error)
    # A port that was taken a moment ago, for instance: the form comes back, and says so.
    return _page(request, InstallPage(app, form), status=422)


def _page(request: Request, page: InstallPage, *, status: int = 200) -> HttpResponse:
    return render(request, "apps/install.html", _context(page), status=status)


def _context(page: InstallPage) -> dict[str, Any]:
    # Judged before what was typed is sealed.
    page.look  # noqa: B018
    page.form.seal()
    return {"section": "apps", "app": page.app.manifest, "page": page, "form": page.form}

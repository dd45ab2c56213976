"""The catalogue of apps, and the page of one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from containers.catalog import apps
from containers.errors import Conflict, NotFound
from containers.forms.queries import AppQuery
from containers.services import access, app_sources, hosts
from containers.services.entry import IMAGES, SEE
from containers.views import catalogue
from containers.views.access import Request, actor_of, opens_to
from containers.views.catalogue import Catalogue
from containers.views.confirming import require_recent

# An icon may come from somebody else's catalogue: opened by itself, it does nothing, whatever is written in it.
ICON_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@require_GET
@opens_to(SEE)
def app_list(request: Request) -> HttpResponse:
    context = {"section": "apps", "catalogue": Catalogue(AppQuery.of(request.GET))}
    return render(request, "apps/_list.html" if request.htmx else "apps/list.html", context)


@require_GET
@opens_to(SEE)
def app_detail(request: Request, name: str) -> HttpResponse:
    app = apps.find(name)
    context = {
        "section": "apps",
        "app": app.manifest,
        "may_install": access.may_install(request.user, app.name),
        "ports": catalogue.ports(app),
        "images": catalogue.images(app),
        "origin": app.origin,
        "repository": hosts.repositories().filter(name=app.origin.repository).first() if app.origin else None,
        "newer": app_sources.newer([app]).get(app.name),
        "is_published": app_sources.is_published(app.name),
        "installed": catalogue.installed(name),
        "categories": [(key, catalogue.title_of(key)) for key in app.manifest.categories],
        "phases": [
            (_("After the first start"), app.manifest.steps.install),
            (_("After an update"), app.manifest.steps.update),
            (_("Before its containers go"), app.manifest.steps.uninstall),
        ],
    }
    return render(request, "apps/detail.html", context)


@require_POST
@opens_to(IMAGES)
def publish(request: Request, name: str) -> HttpResponse:
    return redirect(app_sources.request_publication(actor_of(request), name))


@require_POST
@opens_to(IMAGES)
def withdraw(request: Request, name: str) -> HttpResponse:
    return redirect(app_sources.request_withdrawal(actor_of(request), name))


@require_POST
@opens_to(IMAGES)
def remove(request: Request, name: str) -> HttpResponse:
    require_recent(request)
    try:
        return redirect(app_sources.request_removal(actor_of(request), name))
    except Conflict as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("app-detail", name)


@require_GET
@opens_to(SEE)
def app_icon(request: Request, name: str) -> HttpResponse:
    app = apps.find(name)
    if app.icon is None:
        raise NotFound(f"{app.manifest.title} has no icon")
    response = HttpResponse(app.icon, content_type=catalogue.picture_type(app))
    response.headers["Content-Security-Policy"] = ICON_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response

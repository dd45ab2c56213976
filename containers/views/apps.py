"""The catalogue of apps, and the page of one."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from containers.catalog import apps
from containers.errors import NotFound
from containers.forms.queries import AppQuery
from containers.services import access
from containers.services.entry import SEE
from containers.views import catalogue
from containers.views.access import Request, opens_to
from containers.views.catalogue import Catalogue

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
        "images": catalogue.images(app),
        "installed": catalogue.installed(name),
        "categories": [(key, catalogue.title_of(key)) for key in app.manifest.categories],
        "phases": [
            (_("After the first start"), app.manifest.steps.install),
            (_("After an update"), app.manifest.steps.update),
            (_("Before its containers go"), app.manifest.steps.uninstall),
        ],
    }
    return render(request, "apps/detail.html", context)


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

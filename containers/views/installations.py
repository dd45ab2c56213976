"""What is installed: the list, and the page of one. What changes an installation stands in `upkeep`."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.catalog import apps
from containers.models import Backup, Installation, InstallationPort
from containers.services import access, app_requests, installations, sight
from containers.services.entry import SEE
from containers.views import installation_page
from containers.views.access import Request, opens_to
from containers.views.installation_page import InstallationPage, Link
from containers.views.patches import Wanted
from containers.views.states import Badge


@dataclass(frozen=True)
class Row:
    """An installation in the list. `update` is the version that the catalogue has, where it is another one."""

    installation: Installation
    badge: Badge
    update: str
    links: list[Link]
    running: int
    count: int


@require_GET
@opens_to(SEE)
def installation_list(request: Request) -> HttpResponse:
    context = {
        "section": "apps",
        "rows": _rows(request),
        "backups": _orphans(request),
    }
    return render(request, "installations/_list.html" if Wanted.of(request) else "installations/list.html", context)


@require_GET
@opens_to(SEE)
def installation_detail(request: Request, name: str) -> HttpResponse:
    row = installations.see(name)
    page = InstallationPage(row, installation_page.host_name_of(request), request.user)
    context = {"section": "apps", "installation": page.row, "page": page}
    return render(request, "installations/_live.html" if Wanted.of(request) else "installations/detail.html", context)


def _orphans(request: Request) -> list[tuple[Backup, bool]]:
    """Return the backups of what is not installed any more and may be seen, each with whether it may be restored."""
    rows = app_requests.backups().exclude(installation__in=installations.rows().values("name"))
    sees = sight.current()
    return [(row, access.may_install(request.user, row.app, row.installation)) for row in rows if sees.covers(row.installation)]


def _rows(request: Request) -> list[Row]:
    """Four queries, however many there are, and the catalogue read once."""
    versions = {app.name: app.manifest.version for app in apps.listing()[0]}
    host = installation_page.host_name_of(request)
    found = installations.seen()
    prefetch_related_objects(found, "ports")
    return [_row(row, versions.get(row.app, row.version), host) for row in found]


def _row(row: Installation, version: str, host: str) -> Row:
    members = [member.container for member in row.containers.all()]
    ports: list[InstallationPort] = list(row.ports.all())
    return Row(
        installation=row,
        badge=installation_page.badge(row),
        update=version if version != row.version else "",
        links=[Link(port, installation_page.url_of(port, host)) for port in ports],
        running=sum(container.state == "RUNNING" for container in members),
        count=len(members),
    )

"""The containers' network: bridge, addresses in use, free and reserved, and what the host lacks."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.choices import Operation
from containers.services import network as service
from containers.services import sight
from containers.services.entry import VIEW
from containers.views import activities
from containers.views.access import Request, opens_to
from containers.views.patches import Wanted


@require_GET
@opens_to(VIEW)
def network(request: Request) -> HttpResponse:
    overview = service.overview()
    shown = activities.show(lease.container for lease in overview.leases)
    context = {
        "section": "network",
        "network": overview,
        "rows": list(zip(overview.leases, shown, strict=True)),
        "last_job": sight.jobs().filter(operation=Operation.NETWORK).first(),
    }
    return render(request, "networks/_network.html" if Wanted.of(request) else "networks/network.html", context)

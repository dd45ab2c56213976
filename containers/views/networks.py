"""The containers' network: bridge, addresses in use, free and reserved, and what the host lacks."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.choices import Operation
from containers.services import network as service
from containers.services import sight
from containers.views import activities
from containers.views.access import Request, require
from containers.views.patches import Wanted


@require_GET
@login_required
def network(request: Request) -> HttpResponse:
    require(request, "view")
    overview = service.overview()
    shown = activities.show(lease.container for lease in overview.leases)
    context = {
        "section": "network",
        "network": overview,
        "rows": list(zip(overview.leases, shown, strict=True)),
        "last_job": sight.jobs().filter(operation=Operation.NETWORK).first(),
    }
    return render(request, "networks/_network.html" if Wanted.of(request) else "networks/network.html", context)

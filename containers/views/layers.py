"""The layers: what root filesystems are made of. Listed, and removed when nothing uses them."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from containers.errors import SpocError
from containers.services import hosts, ways_back
from containers.services import layers as service
from containers.services.entry import IMAGES, VIEW
from containers.views.access import Request, actor_of, get_layer, opens_to
from containers.views.confirming import require_recent

PAGE_SIZE: Final = 200


@require_GET
@opens_to(VIEW)
def layer_list(request: Request) -> HttpResponse:
    page = Paginator(hosts.layers().with_users(), PAGE_SIZE).get_page(request.GET.get("page"))
    ways_back.mark(page.object_list)
    return render(request, "layers/list.html", {"section": "layers", "layers": page.object_list, "page": page})


@require_POST
@opens_to(IMAGES)
def remove(request: Request, name: str) -> HttpResponse:
    layer = get_layer(request, name, "images")
    require_recent(request)
    try:
        return redirect(service.request_remove(actor_of(request), layer))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("layer-list")

"""Images: stacks of layers with defaults. Taken for new containers, removed when no container stands on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from containers.errors import InvalidRequest, SpocError
from containers.models import Image
from containers.services import disclosure, hosts
from containers.services import images as service
from containers.services.entry import IMAGES, VIEW
from containers.services.ways_back import WayBack
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent

PAGE_SIZE: Final = 100


@dataclass(frozen=True)
class Row:
    image: Image
    used_by: list[str]
    ways_back: list[WayBack]

    @property
    def user_count(self) -> int:
        return len(self.used_by) + len(self.ways_back)

    @property
    def size(self) -> int:
        return service.size(self.image)


@require_GET
@opens_to(VIEW)
def image_list(request: Request) -> HttpResponse:
    page = Paginator(hosts.images().with_layers(), PAGE_SIZE).get_page(request.GET.get("page"))
    images = list(page.object_list)
    used_by, backs = service.used_by(images), service.ways_back_on(images)
    rows = [Row(image, used_by[image.pk], backs[image.pk]) for image in images]
    return render(request, "images/list.html", {"section": "images", "rows": rows, "page": page})


@require_GET
@opens_to(VIEW)
def image_detail(request: Request, name: str, version: str) -> HttpResponse:
    image = _image(name, version)
    context = {
        "section": "images",
        "image": image,
        "row": Row(image, service.used_by([image])[image.pk], service.ways_back_on([image])[image.pk]),
        "defaults": _defaults(image),
        "removal": service.removal(image),
    }
    return render(request, "images/detail.html", context)


@require_POST
@opens_to(IMAGES)
def remove(request: Request, name: str, version: str) -> HttpResponse:
    image = _image(name, version)
    require_recent(request)
    try:
        return redirect(service.request_remove(actor_of(request), image))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect(image)


def _image(name: str, version: str) -> Image:
    return hosts.get_image(f"{name}:{version}", hosts.images().select_related("host").with_layers())


def _defaults(image: Image) -> dict[str, object] | None:
    """Return the defaults that the image gives; None where its row is broken."""
    try:
        return disclosure.defaults(image.valid_defaults.export())
    except InvalidRequest:
        return None

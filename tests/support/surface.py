"""Everything that answers a request: the addresses of pages and API, each with who is let in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from containers.models import Backup, Command, Container, Job, Step
from containers.services import recipes
from containers.services.entry import EVERYBODY, Entry
from tests.support import exports, rows

API = "api/v1/"
# What packages bring along, and cannot say of itself.
OTHERS: Mapping[str, Mapping[str, Entry]] = {
    f"{API}openapi.json": {"GET": EVERYBODY},
    API: {"GET": EVERYBODY},
}
# What an address names is of that kind: by the first part of the address.
NAMES = {
    "layers": "spare",
    "images": "spare",
    "exports": "spare",
    "repositories": "spare",
    "recipes": "dish",
    "volumes": "unused",
    "apps": "static-site",
    "installations": "site",
}


@dataclass(frozen=True)
class Address:
    """`entries` is who is let in, method by method; None where nobody has decided."""

    route: str
    name: str
    entries: Mapping[str, Entry] | None

    @property
    def is_api(self) -> bool:
        return self.route.startswith(API)

    def __str__(self) -> str:
        return self.route

    def path(self, numbers: Mapping[str, int]) -> str:
        """Return one such address, of something that there is: `numbers` are those of rows, by what they are called."""
        first = self.route.removeprefix(API).partition("/")[0]
        found = {
            "name": NAMES.get(first, "web"),
            "version": "1",
            "operation": "start",
            "number": "1",
            "path": "nowhere/",
            "file": "site-1.tar",
        }
        found |= {key: str(value) for key, value in numbers.items()}
        if first in ("jobs", "notifications"):
            found["number"] = str(numbers["job_id"])
        return "/" + re.sub(r"<(?:[\w-]+:)?([\w-]+)>", lambda match: found.get(match[1], "1"), self.route)


def addresses() -> list[Address]:
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[Any], prefix: str) -> Iterator[Address]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield Address(route, pattern.name or "", getattr(pattern.callback, "entries", OTHERS.get(route)))


def furnish() -> dict[str, int]:
    """Make one of everything that an address can name. Returns the numbers of what has no name."""
    rows.layer("spare")
    rows.volume("unused")
    rows.image("spare:1", layers=("of-image",))
    exports.row("spare")
    recipes.put_file(rows.ROOT, recipes.save(rows.ROOT, "dish", "FROM of-image"), "salt", recipes.FileContent(b""))
    web: Container = rows.container("web")
    site = rows.installation("site")
    about = {"installation": site.name, "app": site.app, "version": site.version, "size_bytes": 1}
    Backup.objects.create(host=site.host, file_name="site-1.tar", **about)
    job = Job.objects.filter(containers__name=web.name).latest("id")
    step = Step.objects.create(job=job, number=1, container="web", action="create")
    command = Command.objects.create(step=step, number=1, argv=["true"], started_at=timezone.now())
    return {"job_id": job.pk, "command": command.pk}

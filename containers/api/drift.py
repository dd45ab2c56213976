"""/containers/{name}/drift/: what on the host is other than the definition says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import EDIT, SEE, ApiRequest, actor_of
from containers.api.containers import get_container
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.models import Container
from containers.services import disclosure, drift, sight

router = Router(tags=["containers"])


class DriftEntry(Schema):
    aspect: Annotated[str, Field(description="config, limits or rootfs")]
    key: str
    wanted: Annotated[str, Field(description="The definition's; empty for nothing")]
    rendered: Annotated[str, Field(description="That of the file which LXC reads")]
    actual: Annotated[str, Field(description="That of what runs")]


class DriftOut(Schema):
    seen_at: Annotated[datetime | None, Field(description="When the host was last looked at")]
    ignored: bool
    entries: list[DriftEntry]


@router.get("/containers/{name}/drift/", auth=SEE, response={200: DriftOut, **ERRORS})
def show_drift(request: ApiRequest, name: str) -> dict[str, Any]:
    """Return what differs between the definition, the file that LXC reads, and what runs, as of the monitor's last look."""
    return _drift(_get(name))


@router.post("/containers/{name}/drift/ignore/", auth=EDIT, response={200: DriftOut, **ERRORS})
def ignore_drift(request: ApiRequest, name: str, payload: schemas.Nothing | None = None) -> dict[str, Any]:
    """Say no more of what differs now, until something else does."""
    row = _get(name)
    drift.ignore(actor_of(request), row)
    return _drift(row)


@router.post("/containers/{name}/drift/adopt/", auth=EDIT, response={200: schemas.ContainerOut, **ERRORS})
def adopt_drift(request: ApiRequest, name: str, payload: schemas.Nothing | None = None) -> dict[str, Any]:
    """Save the limits that are in effect as a new revision; nothing else can be adopted."""
    return exports.container(drift.adopt(actor_of(request), get_container(name)))


def _get(name: str) -> Container:
    return sight.container(name, sight.containers().select_related("host"))


def _drift(row: Container) -> dict[str, Any]:
    entries = [entry.export() for entry in disclosure.drift_of(row)]
    return {"seen_at": row.host.monitor_seen_at, "ignored": bool(entries) and not row.has_drift, "entries": entries}

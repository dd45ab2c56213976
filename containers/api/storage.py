"""/volumes/ and /network/: what lies on the host beside containers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Schema
from pydantic import Field

from containers.api import schemas
from containers.api.auth import DESTROY, OPERATE, VIEW, ApiRequest, actor_of, require_recent
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.services import hosts, network, volumes
from containers.services.network import Network
from containers.services.volumes import Listed

router = Router(tags=["storage"])


class VolumeUse(Schema):
    container: str
    mountpoint: str


class VolumeOut(Schema):
    name: str
    kind: str
    state: Annotated[str, Field(description="used, unused (in no definition), missing (not on the host) or to-come")]
    size: Annotated[int | None, Field(description="Bytes of disk at `measured_at`; null until measured")]
    measured_at: datetime | None
    mounted_by: list[VolumeUse]


class VolumeList(Schema):
    seen_at: Annotated[datetime | None, Field(description="When the host was last looked at")]
    results: list[VolumeOut]


class Lease(Schema):
    address: str
    hardware_address: str
    container: str


class NetworkOut(Schema):
    bridge: str
    subnet: str
    gateway: str
    used: int
    free: int
    next: str | None
    reserved: list[str]
    missing: Annotated[list[str], Field(description="What the host lacked at `seen_at`")]
    seen_at: datetime | None
    leases: list[Lease]


@router.get("/volumes/", auth=VIEW, response={200: VolumeList, **ERRORS})
def list_volumes(request: ApiRequest) -> dict[str, Any]:
    """List volumes by name: those on the host, and those in definitions."""
    return {"seen_at": hosts.current().volumes_seen_at, "results": [_volume(volume) for volume in volumes.listing()]}


@router.post("/volumes/measure/", auth=OPERATE, response={202: schemas.JobRef, **ERRORS})
def measure_volumes(request: ApiRequest) -> HttpResponse:
    """Measure the sizes of all volumes."""
    return accepted(volumes.request_scan(actor_of(request)))


@router.delete("/volumes/{name}/", auth=DESTROY, response={202: schemas.JobRef, **ERRORS})
def remove_volume(request: ApiRequest, name: str) -> HttpResponse:
    """Remove a volume that no definition mounts and no container runs with, with all that is in it."""
    volume = volumes.get(name)
    require_recent(request)
    return accepted(volumes.request_remove(actor_of(request), volume))


@router.get("/network/", auth=VIEW, response={200: NetworkOut, **ERRORS})
def show_network(request: ApiRequest) -> dict[str, Any]:
    """Return bridge, subnet, and who has which address."""
    return _network(network.overview())


def _volume(volume: Listed) -> dict[str, Any]:
    state = "missing" if volume.is_missing else "to-come" if volume.is_to_come else "unused" if volume.is_orphan else "used"
    return {
        "name": volume.name,
        "kind": volume.kind,
        "state": state,
        "size": volume.row.size_bytes if volume.row else None,
        "measured_at": volume.row.measured_at if volume.row else None,
        "mounted_by": [{"container": use.container, "mountpoint": use.mountpoint} for use in volume.uses],
    }


def _network(found: Network) -> dict[str, Any]:
    return {
        "bridge": found.bridge,
        "subnet": str(found.subnet),
        "gateway": found.gateway,
        "used": found.used,
        "free": found.free,
        "next": found.next,
        "reserved": [address for address, _what in found.reserved],
        "missing": list(found.missing),
        "seen_at": found.seen_at,
        "leases": [
            {"address": lease.address, "hardware_address": lease.hardware_address, "container": lease.container.name}
            for lease in found.leases
        ],
    }

"""The demo: three containers that depend on one another, on a layer made of the host's own busybox.

demo-db keeps a page in a volume up to date, demo-app serves that volume, demo-web serves what it gets through demo-app.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction

from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.models import Job, Layer
from containers.services import access, audit, hosts, storing
from containers.services.actor import Actor
from containers.services.queue import queue

LAYER: Final = "demo-base"
VOLUME: Final = "demo-data"
APP_PORT: Final = 8080

# init has no default for SIGTERM: without the trap every stop would take the whole time-out.
_TRAP: Final = "trap exit TERM"
_WRITE_PAGE: Final = 'echo "<!doctype html><title>spocweb</title><p>demo-db wrote this at $(date)</p>" > /data/new'
_WRITE_CGI: Final = (
    "mkdir -p /www/cgi-bin; "
    f'printf "#!/bin/sh\\necho Content-Type: text/html\\necho\\nexec wget -q -O - http://demo-app:{APP_PORT}/\\n"'
    " > /www/cgi-bin/index.cgi; chmod 755 /www/cgi-bin/index.cgi"
)


def _shell(script: str) -> str:
    # One word in single quotes is what LXC and a shell read alike.
    return f"/bin/sh -c '{script}'"


SPECS: Final = (
    ContainerSpec.parse(
        {
            "name": "demo-db",
            "description": "Writes a page into a volume, once a second",
            "definition": {
                "layers": [LAYER],
                "mounts": {VOLUME: "data"},
                "cmd": _shell(f"{_TRAP}; while {_WRITE_PAGE} && mv /data/new /data/index.html; do sleep 1 & wait $!; done"),
                "ready": "test -s /data/index.html",
                "halt": "SIGTERM",
            },
        }
    ),
    ContainerSpec.parse(
        {
            "name": "demo-app",
            "description": "Serves the volume of demo-db",
            "definition": {
                "depends": ["demo-db"],
                "layers": [LAYER],
                "mounts": {VOLUME: "data"},
                "cmd": _shell(f"{_TRAP}; httpd -f -p {APP_PORT} -h /data & wait"),
                "ready": f"wget -q -O /dev/null http://127.0.0.1:{APP_PORT}/",
                "halt": "SIGTERM",
            },
        }
    ),
    ContainerSpec.parse(
        {
            "name": "demo-web",
            "description": "Serves the page that it gets through demo-app",
            "definition": {
                "depends": ["demo-app"],
                "layers": [LAYER],
                "cmd": _shell(f"{_TRAP}; {_WRITE_CGI}; httpd -f -p 80 -h /www & wait"),
                "ready": "wget -q -O /dev/null http://127.0.0.1/",
                "halt": "SIGTERM",
            },
        }
    ),
)


def request_demo(actor: Actor) -> Job:
    """Write the layer and the containers of the demo, those that are missing, and queue the job that makes them.

    Starts nothing. Safe to repeat: what is there stays as it is. Raises Conflict, AddressesExhausted.
    """
    for right in ("edit", "images"):
        access.require(actor, right)
    names = [spec.name for spec in SPECS]
    with transaction.atomic():
        host = hosts.lock()
        Layer.objects.get_or_create(host=host, name=LAYER)
        present = set(hosts.containers().filter(name__in=names).values_list("name", flat=True))
        storing.store(actor, [spec for spec in SPECS if spec.name not in present], unavailable=True)
        job = queue(actor, Operation.DEMO, names, {"layer": LAYER}, names, host=host)
        audit.record(actor, "demo.create", LAYER, {"containers": names}, job)
    return job

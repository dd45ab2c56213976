"""How gunicorn serves the panel: `gunicorn -c python:spocweb.server spocweb.asgi:application`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings

# Gunicorn puts this directory on the module path: where the code is already, never where it happened to be started.
chdir = str(settings.BASE_DIR)
bind = settings.BIND
worker_class = "asgi"
workers = 2
# Loaded once and shared by all workers: saves 35 MB.
preload_app = True
# Whether a request came by TLS is said by these, and nobody else (spocweb.proxies, which reads addresses as well).
forwarded_allow_ips = ",".join(str(network) for network in settings.TRUSTED_PROXIES)
# Live events never end by themselves.
graceful_timeout = 2
timeout = 60
keepalive = 5
# What is relayed as one frame: containers.domain.frames.MAX_PAYLOAD.
websocket_max_message_size = 65_536
# The parent is told to stop by its signal, nothing else.
control_socket_disable = True
# The heartbeat file: in memory, so that a slow disk does not look like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108  gunicorn makes a file without a name there
umask = 0o027
loglevel = "warning"


def when_ready(server: Any) -> None:
    """Called once, when the application is loaded and the socket listens."""
    warm_up()
    # A collection would touch, and so copy, every page of what is shared: another 35 MB under load.
    gc.collect()
    gc.freeze()
    print(f"spocweb is ready at http://{settings.BIND}/", flush=True)  # noqa: T201  what `make run` is for


def warm_up() -> None:
    """Load what the first requests would load, so that the workers share it and nobody waits for it."""
    # Not above: the settings have to be read, and Django set up, before these can be loaded.
    from django.db import connections
    from django.template.loader import get_template

    from spocweb.wsgi import application

    directory = Path(settings.BASE_DIR, "templates")
    for file in directory.rglob("*.html"):
        get_template(str(file.relative_to(directory)))
    environ: dict[str, Any] = {"PATH_INFO": "/sign-in/"}
    setup_testing_defaults(environ)
    start_response: Any = lambda status, headers, error=None: None  # noqa: E731  nobody reads the answer
    application(environ, start_response).close()
    # A connection does not survive a fork.
    connections.close_all()

"""A web server on loopback that serves a directory, as well or as badly as a test wants it."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

Answer = Callable[["Handler"], None]


@dataclass
class Web:
    """`ranges` and `validator` say what it knows of partial answers; `cut` ends a connection after so many bytes."""

    directory: Path
    url: str = ""
    ranges: bool = True
    validator: bool = True
    cut: int | None = None
    # (path, first byte served) of every request for a file.
    served: list[tuple[str, int]] = field(default_factory=list)
    # Instead of serving a file: whatever somebody hostile might say.
    answers: dict[str, Answer] = field(default_factory=dict)
    # Held for as long as a test wants a download to hang, after `cut` bytes.
    hold: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)


class Handler(http.server.BaseHTTPRequestHandler):
    web: ClassVar[Web]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if answer := self.web.answers.get(unquote(self.path).rpartition("/")[2]):
            answer(self)
            return
        path = self.web.directory / unquote(self.path).lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        self._serve(path)

    def _serve(self, path: Path) -> None:
        body = path.read_bytes()
        etag = f'"{path.stat().st_mtime_ns:x}"'
        start = self._start(etag, len(body))
        if start is None:
            self.send_error(416)
            return
        self.web.served.append((path.name, start))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.web.validator:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self._send(body[start:])

    def _start(self, etag: str, size: int) -> int | None:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not found or not self.web.ranges or self.headers.get("If-Range", etag) != etag:
            return 0
        return int(found[1]) if int(found[1]) < size else None

    def _send(self, body: bytes) -> None:
        cut = self.web.cut
        self.wfile.write(body[:cut])
        if cut is None or cut >= len(body):
            return
        self.wfile.flush()
        self.web.reached.set()
        if self.web.hold:
            self.web.hold.wait(60)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


@contextmanager
def serving(directory: Path) -> Iterator[Web]:
    web = Web(directory)
    with Server(("127.0.0.1", 0), type("OneHandler", (Handler,), {"web": web})) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield web
        finally:
            if web.hold:
                web.hold.set()
            server.shutdown()
            thread.join()

"""A registry of one image on the loopback address, as much of it as a pull needs (OCI distribution-spec, pull)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from containers.domain import oci
from tests.support.images import Image


@contextmanager
def serving(image: Image, *, hold: threading.Event | None = None, login: str = "") -> Iterator[str]:
    """Yield HOST:PORT; the image is there by any name and tag. With `hold`, layers come when that is set.

    With a `login`, USER:PASSWORD, it is there for nobody else.
    """
    wanted = f"Basic {base64.b64encode(login.encode()).decode()}"
    members = image.members()
    [manifest] = oci.read_index(members[oci.INDEX_FILE])

    class Registry(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            if login and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="team"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            digest = self.path.rpartition("/")[2]
            if self.path == "/v2/":
                self._answer(b"{}", "application/json")
            elif "/manifests/" in self.path:
                self._answer(members[oci.blob_path(manifest.digest)], oci.MANIFEST, manifest.digest)
            elif "/blobs/" in self.path and oci.blob_path(digest) in members:
                if hold and digest not in json.loads(members[oci.blob_path(manifest.digest)])["config"]["digest"]:
                    hold.wait(60)
                self._answer(members[oci.blob_path(digest)], "application/octet-stream", digest)
            else:
                self.send_error(404)

        def _answer(self, data: bytes, kind: str, digest: str = "") -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

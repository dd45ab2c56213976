"""A network namespace of its own for the browser.

Chromium drops what it is loading whenever an interface of its host comes or goes, and tests make bridges and veths all
the time. In here there is only the loopback interface, from which single ports are relayed to the host's.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

_CLONE_NEWNET: Final = 0x40000000
_CHUNK: Final = 65_536
_libc: Final = ctypes.CDLL(None, use_errno=True)


class NetworkNamespace:
    """Lives as long as the context; one thread of this process is in it, so that files and sockets can be made there."""

    def __init__(self) -> None:
        self._inside = ThreadPoolExecutor(1, thread_name_prefix="netns")
        self._relays: list[socket.socket] = []
        self.path = self._inside.submit(self._enter).result()

    def _enter(self) -> str:
        if _libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        # A program that this thread starts is in here, too.
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for relay in self._relays:
            relay.shutdown(socket.SHUT_RDWR)
            relay.close()
        self._inside.shutdown()

    def wrapper(self, program: str, directory: Path) -> Path:
        """Write a script that runs a program in here."""
        script = directory / Path(program).name
        script.write_text(f'#!/bin/sh\nexec nsenter --net={self.path} -- {program} "$@"\n')
        script.chmod(0o755)
        return script

    def relay(self, port: int) -> None:
        """Let whoever connects to this port of the loopback interface in here reach the host's."""
        listener = self._inside.submit(socket.create_server, ("127.0.0.1", port)).result()
        self._relays.append(listener)
        threading.Thread(target=_serve, args=(listener, port), daemon=True).start()


def _serve(listener: socket.socket, port: int) -> None:
    # Until it is shut down.
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_connect, args=(client, port), daemon=True).start()


def _connect(client: socket.socket, port: int) -> None:
    with client:
        try:
            server = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return
        with server:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until either side ends; then the other learns of it."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)

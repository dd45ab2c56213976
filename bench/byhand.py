"""A container handled with LXC's own tools, as somebody at a shell would: what the panel is compared with."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

from containers.domain.layout import Layout

# What root's shell has, and what the panel gives lxc-start: without newuidmap in reach LXC writes the id map itself.
SHELL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PANEL = "/usr/sbin:/sbin"
TIMEOUT_S = 60


class Container:
    """One container of a panel."""

    def __init__(self, layout: Layout, name: str) -> None:
        self.layout = layout
        self.name = name

    def argv(self, tool: str, *words: str) -> list[str]:
        return [f"/usr/bin/{tool}", "-P", str(self.layout.containers), "-n", self.name, *words]

    def run(self, tool: str, *words: str, path: str = SHELL) -> str:
        """Run a tool to its end and return what it printed. Raises RuntimeError where it fails."""
        environment = {"PATH": path, "LANG": "C.UTF-8"}
        done = subprocess.run(
            self.argv(tool, *words), env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{tool} on {self.name} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def begin(self, tool: str, *words: str) -> subprocess.Popen[bytes]:
        """Run a tool without waiting for it."""
        return subprocess.Popen(self.argv(tool, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, path: str = SHELL) -> None:
        """Start it and wait until LXC says that it runs."""
        self.run("lxc-start", "-d", path=path)
        self.run("lxc-wait", "-s", "RUNNING", path=path)

    def kill(self) -> None:
        """End it, and wait until nothing of the run is left."""
        with Monitor(self) as monitor:
            self.run("lxc-stop", "-k")
            monitor.wait()


class Monitor:
    """The process of LXC's that ends when a container has stopped and its hooks are done."""

    def __init__(self, container: Container) -> None:
        init = container.run("lxc-info", "-p", "-H").strip()
        status = Path(f"/proc/{init}/status").read_text().splitlines()
        parent = next(line for line in status if line.startswith("PPid:"))
        self._file = os.pidfd_open(int(parent.split()[1]))

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def wait(self) -> None:
        """Return when it has ended."""
        if not select.select([self._file], [], [], TIMEOUT_S)[0]:
            raise TimeoutError(f"a container did not stop within {TIMEOUT_S} s")

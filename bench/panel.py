"""The panel that is measured: a whole stack with its own directories, bridge and port, at the product's own defaults."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import byhand
from bench.client import Client, sign_in
from bench.database import Database
from bench.observer import Observer, observing
from tests import environment
from tests.support.stack import Stack
from tests.support.waiting import wait_until

# What tests set and a panel that somebody uses does not.
TESTS_ONLY = ("SPOCWEB_JOB_CONCURRENCY", "SPOCWEB_JOB_WORKERS", "SPOCWEB_LOG_LEVEL")
# After a container's end the kernel takes its network and control groups apart; nothing says when that is done.
SETTLE_S = 0.1


class Panel(Stack):
    """A stack, and ways to look at it that do not disturb it."""

    database: Database
    observer: Observer
    api: Client
    session: str

    def __init__(self) -> None:
        super().__init__()
        for name in TESTS_ONLY:
            del self.variables[name]
        # Room for a thousand containers. The stack's own number, which is in its port, keeps subnets apart.
        slot = int(self.variables["SPOCWEB_BIND"].rpartition(":")[2]) - 20_000
        self.variables["SPOCWEB_SUBNET"] = f"10.{200 + slot // 64}.{slot % 64 * 4}.0/22"

    def container(self, name: str) -> byhand.Container:
        return byhand.Container(self.layout, name)

    def request(self, path: str, body: object = None) -> int:
        """Ask for host work and return the job's number."""
        return int(self.api.post(f"/api/v1{path}", body)["job"])

    def finish(self, path: str, body: object = None) -> None:
        """Ask for host work and wait until it is done."""
        self.database.wait_job(self.request(path, body))

    def bulk(self, operation: str, names: Sequence[str]) -> int:
        return self.request("/bulk/", {"operation": operation, "containers": list(names)})

    def destroy(self, names: Sequence[str]) -> None:
        self.database.wait_job(self.bulk("destroy", names))

    def settle(self, *names: str) -> None:
        """Wait until the rows say that these are stopped, that no job is left, and that the host has calmed down."""
        for name in names:
            self.database.wait_state(name, "STOPPED")
        self.database.wait_quiet()
        time.sleep(SETTLE_S)

    @property
    def child_environment(self) -> dict[str, str]:
        """The environment of a process of ours that works on the panel's database."""
        return self._environment


@contextmanager
def running_panel() -> Iterator[Panel]:
    """Run a panel with one layer; nothing is left of it afterwards, nor of what the test support made for itself."""
    with ExitStack() as stack:
        # The test support takes a directory for its own process when it is loaded.
        stack.callback(environment.pytest_unconfigure)
        panel = Panel()
        stack.callback(panel.close)
        panel.start()
        database = Path(panel.variables["SPOCWEB_DATA_DIR"]) / "db/spocweb.sqlite3"
        panel.database = Database(database)
        stack.callback(panel.database.close)
        panel.observer = stack.enter_context(observing(panel.layout))
        panel.api = Client(panel.url, {"Authorization": f"Bearer {panel.token}"})
        stack.callback(panel.api.close)
        panel.session = sign_in(panel.url, panel.password)
        panel.add_layer()
        # The monitor has it made soon after its start; a start by hand does not wait for it.
        bridge = Path("/sys/class/net") / panel.variables["SPOCWEB_BRIDGE"]
        wait_until(bridge.is_dir, "the bridge is there")
        panel.database.wait_quiet()
        yield panel


def definition(**more: Any) -> dict[str, Any]:
    """Return a definition that runs for as long as anything is measured and ends at once."""
    return {"layers": ["base"], "cmd": "/bin/sleep 10000", "halt": "SIGKILL", **more}

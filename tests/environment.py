"""A pytest plugin, loaded before Django's: every test process gets directories, a bridge and a subnet of its own.

Named on pytest's command line (`-p tests.environment`, see pyproject.toml), because pytest-django reads the settings
before any conftest.py is imported.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import IO

SLOTS = 200
# Not below /tmp: the mapped root of a container must be able to pass through every directory on the way.
BASE = Path("/var/tmp")


def take_slot() -> tuple[int, IO[str]]:
    """Return a number that no other test process of this machine has, and the open file that keeps it."""
    directory = Path("/run/lock/spocweb-tests")
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for number in range(SLOTS):
        stream = (directory / f"slot-{number}").open("w")
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_used(number):
                return number, stream
        stream.close()
    raise RuntimeError(f"{SLOTS} test processes run already")


def _is_used(slot: int) -> bool:
    """Return whether tests in another mount namespace, which see other locks, have the slot's bridge or port."""
    if Path(f"/sys/class/net/spt{slot}").exists():
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 20000 + slot))
        except OSError:
            return True
    return False


def environment(base: Path, slot: int) -> dict[str, str]:
    """Return the SPOCWEB_* variables of a stack of its own below `base`."""
    return {
        "SPOCWEB_DATA_DIR": f"{base}/data",
        "SPOCWEB_LOG_DIR": f"{base}/log",
        "SPOCWEB_RUN_DIR": f"{base}/run",
        "SPOCWEB_HOST": "testhost",
        "SPOCWEB_BRIDGE": f"spt{slot}",
        "SPOCWEB_SUBNET": f"10.199.{slot}.0/24",
        "SPOCWEB_BIND": f"127.0.0.1:{20000 + slot}",
        "SPOCWEB_JOB_CONCURRENCY": "4",
        "SPOCWEB_JOB_WORKERS": "2",
        "SPOCWEB_LOG_LEVEL": "WARNING",
        "SPOCWEB_IMPORT_DIRS": f"{base}/imports",
    }


def make_base(slot: int) -> Path:
    """Make the directory that everything of one stack lies below."""
    base = Path(tempfile.mkdtemp(prefix=f"spocweb-test-{slot}-", dir=BASE))
    base.chmod(0o711)
    # As prepare leaves it: files that are sent have their place.
    for name in ("data", "data/uploads", "log", "run", "imports"):
        (base / name).mkdir(mode=0o711)
    return base


def remove_base(base: Path) -> None:
    """Remove it, unless something is still mounted below: what a mount leads to is not ours to remove."""
    mounted = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {base}/" in line]
    if mounted:
        raise RuntimeError(f"still mounted: {mounted}")
    shutil.rmtree(base)


_slot, _slot_file = take_slot()
_base = make_base(_slot)
for _name in [name for name in os.environ if name.startswith("SPOCWEB_") and name not in {"SPOCWEB_NODE_MODULES"}]:
    del os.environ[_name]
os.environ.update(environment(_base, _slot))


def pytest_unconfigure() -> None:
    remove_base(_base)
    _slot_file.close()

"""A small real Debian, made once on a machine and kept below the cache directory: several test runs may ask at once."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

# What the apps of the catalogue stand on.
SUITE = "trixie"
CACHE = Path("/var/cache/spocweb/debian")


def base_archive() -> Path:
    """Return a tar archive of a minimal Debian as mmdebstrap makes it, from the host's own package sources."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{SUITE}-minbase.tar"
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            half = archive.with_suffix(".half")
            # It takes the host's apt sources and proxies, and `tar` for the format as it writes to its output.
            with half.open("wb") as stream:
                argv = ["mmdebstrap", "--quiet", "--variant=minbase", SUITE, "-"]
                subprocess.run(argv, stdout=stream, stdin=subprocess.DEVNULL, check=True, timeout=900)
            half.rename(archive)
    return archive

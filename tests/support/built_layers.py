"""Layers of the catalogue's apps, built once on a machine and lent to every stack that wants them: they take minutes.

Lent is what the panel would find itself: directories, and rows with their build keys. A key is made of the recipe, its files
and what lies below, so what does not fit any more is built anew by the panel, and takes the old one's place here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.debian import CACHE, base_archive
from tests.support.stack import ROOT, Stack

# What makes layers: one that older code has built says nothing about this one.
BUILDERS = (
    "domain/build.py",
    "domain/instructions.py",
    "domain/recipe.py",
    "host/build_layer.py",
    "host/copying.py",
    "host/layers.py",
    "host/unpack.py",
)
BASE = "debian-13"
FACTS = ("name", "origin", "source", "build_key", "digest", "size_bytes")


def lend(stack: Stack) -> None:
    """Give a stack that runs Debian's base system, and all that was built on it before."""
    with _kept() as directory:
        if not (directory / f"{BASE}.json").exists():
            job = stack.do("POST", "/layers/", {"name": BASE, "path": str(_within_reach(stack, base_archive()))}, timeout_s=300)
            assert job["state"] == "succeeded", job
        rows = [json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))]
        for row in rows:
            _copy(directory / row["name"], stack.layout.layer(row["name"]))
        _run(
            stack,
            "from containers.models import Layer; from containers.services import hosts; "
            f"Layer.objects.bulk_create(Layer(host=hosts.current(), is_available=True, **row) for row in {rows!r})",
        )


def keep(stack: Stack) -> None:
    """Keep what the stack has built and was not lent, in the place of older ones of the same image."""
    facts = ", ".join(map(repr, FACTS))
    found = _run(
        stack,
        "import json; from containers.models import Layer; "
        f"print(json.dumps([row for row in Layer.objects.filter(is_available=True).values({facts})"
        f" if row['source'] == 'build' or row['name'] == {BASE!r}]))",
    )
    with _kept() as directory:
        for row in json.loads(found):
            _keep(directory, stack.layout.layer(row["name"]), row)


def _keep(directory: Path, layer: Path, row: dict[str, Any]) -> None:
    for path in directory.glob("*.json"):
        old = json.loads(path.read_text())
        if (old["digest"], old["build_key"]) == (row["digest"], row["build_key"]):
            return
        if _origin(old) == _origin(row):
            path.unlink()
            shutil.rmtree(directory / old["name"])
    _copy(layer, directory / row["name"])
    (directory / f"{row['name']}.json").write_text(json.dumps(row))


def _origin(row: dict[str, Any]) -> str:
    """Return the image whose layer it is, without its version; the base is its own."""
    return str(row["origin"]).rpartition(":")[0] if row["build_key"] else str(row["name"])


def _copy(source: Path, destination: Path) -> None:
    """Copy a layer, by links where both lie on one file system: nobody writes into a layer."""
    shutil.rmtree(destination, ignore_errors=True)
    for how in ("--link", "--reflink=auto"):
        if not subprocess.run(["cp", "-a", how, "--", source, destination], stderr=subprocess.DEVNULL, check=False).returncode:
            return
        shutil.rmtree(destination, ignore_errors=True)
    raise AssertionError(f"{source} cannot be copied to {destination}")


def _within_reach(stack: Stack, archive: Path) -> Path:
    """Return a link to the archive where the stack imports from."""
    path = Path(stack.variables["SPOCWEB_IMPORT_DIRS"]) / archive.name
    _copy(archive, path)
    return path


def _run(stack: Stack, code: str) -> str:
    return stack.manage("shell", "--verbosity", "0", "--command", code)


@contextmanager
def _kept() -> Iterator[Path]:
    """Hold the directory of what this code has built; what other code has is removed."""
    key = hashlib.sha256(b"".join((ROOT / "containers" / path).read_bytes() for path in BUILDERS)).hexdigest()[:16]
    place = CACHE / "layers"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (CACHE / ".layers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for other in place.iterdir():
            if other.name != key:
                shutil.rmtree(other)
        directory = place / key
        directory.mkdir(mode=0o700, exist_ok=True)
        yield directory

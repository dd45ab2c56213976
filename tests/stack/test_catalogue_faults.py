"""An app that is fetched into the catalogue while its worker is killed: the old one is there until the new one is whole."""

from __future__ import annotations

import io
import itertools
import os
import signal
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from containers.domain import entries
from containers.domain.repository import Index
from tests.stack.test_faults import working
from tests.support import exports
from tests.support.apps import MANIFEST, RECIPE
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.web import Web, serving

pytestmark = [pytest.mark.stack, pytest.mark.lxc]

# Each is written with fsync(2), so that there is a middle in which the worker can be killed.
MANY = 450
# Beside those: the manifest, the recipe, and the record of where it is from.
ALL_FILES = MANY + 3
# An older index of the same key is refused, also from one test to the next.
SERIALS = itertools.count(1)


def packed(version: str) -> bytes:
    """An app whose every file says which version it is of."""
    made = io.BytesIO()
    parts = {"app.toml": MANIFEST.replace('version = "1.0"', f'version = "{version}"'), "web.recipe": RECIPE}
    parts |= {f"files/{number}": f"{version}\n" * 2_000 for number in range(MANY)}
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


def publish(web: Web, version: str) -> None:
    """Put a version into the repository."""
    archive = packed(version)
    entry = exports.app_entry(archive, version=version)
    (web.directory / entry.file).write_bytes(archive)
    made = Index(serial=next(SERIALS), created=entries.moment(exports.CREATED), apps=(entry,))
    exports.publish(web.directory, made)


@pytest.fixture
def web(stack: Stack, tmp_path: Path) -> Iterator[Web]:
    """A repository whose app is in the catalogue in version 1.0, and which has 2.0 by now."""
    with serving(tmp_path) as web:
        publish(web, "1.0")
        new = {"name": "team", "location": web.url, "public_key": exports.PUBLIC}
        assert stack.do("POST", "/repositories/", new)["state"] == "succeeded"
        assert stack.do("POST", "/repositories/team/fetch/", {"app": "note"})["state"] == "succeeded"
        publish(web, "2.0")
        assert stack.do("POST", "/repositories/team/refresh/")["state"] == "succeeded"
        yield web
    assert stack.do("DELETE", "/apps/note/")["state"] == "succeeded"
    assert stack.call("DELETE", "/repositories/team/").status == 204


def versions(stack: Stack) -> set[str]:
    """Which versions the files are of that the catalogue has; the API has read and judged them all."""
    folder = stack.layout.fetched("team", "note")
    found = {path.read_text().split()[0] for path in (folder / "files").iterdir()}
    assert len([path for path in folder.rglob("*") if path.is_file()]) == ALL_FILES
    return {*found, stack.get("/apps/note/")["version"]}


def is_downloading(stack: Stack, web: Web) -> bool:
    return web.reached.is_set() and any(path.stat().st_size for path in stack.layout.downloads.glob("*.part"))


def is_unpacking(stack: Stack, _: Web) -> bool:
    return any(True for path in stack.layout.layers.glob(".unfinished-*") for _ in path.rglob("files/*"))


def is_written(stack: Stack, _: Web) -> bool:
    return any(stack.layout.catalogue.glob("team/.note.new/files/*"))


@pytest.mark.parametrize("place", [is_downloading, is_unpacking, is_written])
def test_a_worker_that_is_killed_leaves_the_old_app_and_the_same_again_brings_the_new_one(
    stack: Stack, web: Web, place: Callable[[Stack, Web], bool]
) -> None:
    if place is is_downloading:
        # Longer than the index, shorter than the app.
        web.cut, web.hold = 500_000, threading.Event()
    job_id = stack.call("POST", "/repositories/team/fetch/", {"app": "note"}).json["job"]
    wait_until(lambda: place(stack, web), "it is in the middle")
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        os.kill(working(stack, job_id), signal.SIGKILL)
    assert stack.ended(job_id)["state"] == "lost", "it was over before it could be killed"
    assert versions(stack) == {"1.0"}
    web.cut, web.hold = None, None
    again = stack.do("POST", f"/jobs/{job_id}/retry/")
    assert again["state"] == "succeeded", again
    assert versions(stack) == {"2.0"}
    assert left(stack) == []


def left(stack: Stack) -> list[Path]:
    """What is half made."""
    places = (stack.layout.layers.glob(".unfinished*"), stack.layout.downloads.iterdir(), stack.layout.catalogue.glob("team/.*"))
    return [path for place in places for path in place]

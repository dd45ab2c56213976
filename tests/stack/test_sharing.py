"""Images that travel while processes are killed: what was fetched is gone on from, and nobody ever sees half an export."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from containers.domain import repository
from tests.support import images
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.web import Web, serving

pytestmark = [pytest.mark.stack, pytest.mark.lxc]

SIZE = 3_000_000
# Compressing so many zeros takes longer than finding and killing the process that has it done.
HUGE = 64 << 30


@pytest.fixture
def app(stack: Stack) -> Iterator[str]:
    """An image of one layer, which no compression makes small."""
    archive = Path(stack.variables["SPOCWEB_IMPORT_DIRS"]) / "app.tar"
    layer = images.layer({"etc": None, "etc/noise": os.urandom(SIZE // 2).hex()})
    images.write_archive(archive, images.Image([layer]).members())
    job = stack.do("POST", "/images/import/", {"image": "app:1", "path": str(archive)})
    assert job["state"] == "succeeded", job
    yield "app:1"
    for row in stack.get("/images/")["results"]:
        assert stack.do("DELETE", f"/images/{row['name']}:{row['version']}/")["state"] == "succeeded"
    for row in stack.get("/repositories/own/")["images"]:
        assert stack.do("DELETE", f"/exports/{row['name']}:{row['version']}/")["state"] == "succeeded"
    for row in stack.get("/repositories/")["results"]:
        assert stack.call("DELETE", f"/repositories/{row['name']}/").status == 204


@pytest.fixture
def web(stack: Stack, app: str, tmp_path: Path) -> Iterator[Web]:
    """A server with the exported image, whose repository is known; the image itself is not here any more."""
    assert stack.do("POST", "/images/app/export/")["state"] == "succeeded"
    shutil.copytree(stack.layout.repository, tmp_path / "web")
    assert stack.do("DELETE", "/images/app:1/")["state"] == "succeeded"
    with serving(tmp_path / "web") as web:
        key = stack.get("/repositories/own/")["public_key"]
        job = stack.do("POST", "/repositories/", {"name": "team", "location": web.url, "public_key": key})
        assert job["state"] == "succeeded", job
        yield web


def kill_worker_of(stack: Stack, job_id: int) -> None:
    os.kill(int((stack.layout.locks / f"job-{job_id}").read_text().split()[1]), signal.SIGKILL)
    assert stack.ended(job_id)["state"] == "lost"


def test_a_fetch_that_is_killed_is_gone_on_from(stack: Stack, web: Web) -> None:
    web.cut, web.hold = SIZE // 3, threading.Event()
    job_id = stack.call("POST", "/repositories/team/fetch/", {"image": "app:1"}).json["job"]
    assert web.reached.wait(60)
    here = lambda: [path for path in stack.layout.downloads.glob("app@1.*.part") if path.stat().st_size == SIZE // 3]  # noqa: E731
    wait_until(here, "a third of the file is here")
    assert running("host/download.py", web.url)
    kill_worker_of(stack, job_id)
    assert stack.get("/images/")["count"] == 0
    wait_until(lambda: not running("host/download.py", web.url), "the download has ended with its job")
    web.cut, web.hold = None, None
    assert stack.do("POST", f"/jobs/{job_id}/retry/")["state"] == "succeeded"
    assert [start for name, start in web.served if name.endswith(".tar")] == [0, SIZE // 3]
    assert stack.get("/images/app/")["layers"] == ["app-1"]
    assert list(stack.layout.downloads.iterdir()) == []


def test_an_export_that_is_killed_leaves_the_index_as_it_was(stack: Stack, app: str) -> None:
    assert stack.do("POST", "/images/app/export/")["state"] == "succeeded"
    before = {path.name: path.read_bytes() for path in stack.layout.repository.iterdir()}
    big = stack.layout.layer("app-1") / "big"
    big.touch()
    os.chown(big, *[int(stack.variables.get("SPOCWEB_IDMAP_BASE", "100000"))] * 2)
    os.truncate(big, HUGE)
    job_id = stack.call("POST", "/images/app/export/").json["job"]
    wait_until(lambda: any(path.stat().st_size for path in unfinished(stack)), "the export has begun")
    kill_worker_of(stack, job_id)
    wait_until(lambda: not running("host.pack", str(stack.layout.data_dir)), "what packs has ended with its job")
    after = {path.name: path.read_bytes() for path in stack.layout.repository.iterdir() if not path.name.startswith(".")}
    assert after == before
    big.unlink()
    assert stack.do("POST", "/images/app/export/")["state"] == "succeeded"
    assert unfinished(stack) == []
    raw, signed = ((stack.layout.repository / name).read_bytes() for name in ("index.json", "index.json.sig"))
    found = repository.verified_index(raw, signed, stack.get("/repositories/own/")["public_key"])
    assert found.serial > json.loads(before["index.json"])["serial"]


def running(*words: str) -> list[str]:
    """The command lines that have all these words: what a killed process leaves is nobody's child."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in lines if all(word in line for word in words)]


def unfinished(stack: Stack) -> list[Path]:
    return list(stack.layout.repository.glob(".unfinished-*"))


def test_commands_do_the_same(stack: Stack, app: str, tmp_path: Path) -> None:
    target = tmp_path / "app.tar"
    assert f"written to {target}" in stack.manage("exportimage", "app", "--to", str(target))
    assert target.stat().st_size > SIZE // 2
    key = stack.manage("repository", "key").strip()
    directory = Path(stack.variables["SPOCWEB_IMPORT_DIRS"]) / "share"
    shutil.copytree(stack.layout.repository, directory)
    stack.manage("repository", "add", "share", str(directory), key)
    assert stack.manage("repository", "show", "share").split()[0] == "app:1"
    assert stack.do("DELETE", "/images/app:1/")["state"] == "succeeded"
    assert "job" in stack.manage("repository", "fetch", "share", "app:1")
    assert stack.get("/images/app/")["version"] == "1"
    stack.manage("repository", "remove", "share")


def test_the_file_of_an_export_comes_whole_and_in_parts(stack: Stack, web: Web) -> None:
    """Through the real server, whose event loop sends what a view has opened."""
    (file,) = stack.layout.repository.glob("app@1.*.tar")
    assert stack.call("GET", "/exports/app:1/").body == file.read_bytes()
    headers = {"Authorization": f"Bearer {stack.token}", "Range": "bytes=1000-1000999"}
    request = urllib.request.Request(f"{stack.url}/api/v1/exports/app:1/", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        assert (answer.status, answer.read()) == (206, file.read_bytes()[1000:1_001_000])
    head = stack.call("HEAD", "/exports/app:1/")
    assert (head.status, head.headers["content-length"], head.body) == (200, str(file.stat().st_size), b"")

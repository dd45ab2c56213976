"""Images asked for from a whole stack, with its processes killed in the middle: nothing half-made stays."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.test_faults import working
from tests.support import images, registry
from tests.support.images import Image
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.lxc]

BASE = images.layer({"etc": None, "etc/one": "1"})
WEB = Image([BASE, images.layer({"etc/.wh.one": "", "etc/two": "2"})], {"Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL"})


@pytest.fixture(autouse=True)
def _nothing_stays(stack: Stack) -> Iterator[None]:
    """What a test has made, it removes; nothing else may have been added."""
    before = directories(stack)
    yield
    assert directories(stack) == before


def directories(stack: Stack) -> list[str]:
    return sorted(path.name for path in stack.layout.layers.iterdir())


def ask(stack: Stack, path: str, body: dict[str, Any]) -> int:
    return int(stack.call("POST", path, body).json["job"])


def remove(stack: Stack, image: str) -> None:
    assert stack.do("DELETE", f"/images/{image}/")["state"] == "succeeded"


def test_an_image_that_was_pulled_runs(stack: Stack) -> None:
    with registry.serving(WEB) as host:
        job = stack.do("POST", "/images/pull/", {"reference": f"{host}/web:1"})
    assert job["state"] == "succeeded", job
    image = stack.get("/images/web/")
    assert (image["version"], image["layers"]) == ("1", ["web-1", "web-1-2"])
    assert stack.add("web", layers=["base", *image["layers"]])
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    ran = stack.do("POST", "/containers/web/execute/", {"command": ["ls", "/etc"]})
    assert ran["steps"][-1]["commands"][-1]["output"].split() == ["group", "hosts", "passwd", "two"]
    assert stack.do("DELETE", "/containers/web/")["state"] == "succeeded"
    remove(stack, "web:1")


def test_kill_of_the_process_that_pulls_leaves_nothing(stack: Stack) -> None:
    hold = threading.Event()
    with registry.serving(WEB, hold=hold) as host:
        job_id = ask(stack, "/images/pull/", {"reference": f"{host}/web:1"})
        wait_until(lambda: programs("skopeo", host), "skopeo runs")
        os.kill(working(stack, job_id), signal.SIGKILL)
        assert stack.ended(job_id)["state"] == "lost"
        wait_until(lambda: not programs("skopeo", host), "skopeo ended with it")
        hold.set()
        # The next job on images clears what the lost one left; so would the monitor within a minute.
        again = stack.do("POST", "/images/pull/", {"reference": f"{host}/web:1"})
        assert again["state"] == "succeeded", again
    assert stack.get("/images/web/")["layers"] == ["web-1", "web-1-2"]
    remove(stack, "web:1")


def programs(name: str, word: str) -> list[str]:
    """Processes of that program with a word in their arguments."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_text()
            except OSError:
                continue
            if line.startswith(f"{name}\0") and word in line:
                found.append(process.name)
    return found


def test_kill_while_a_layer_is_unpacked_leaves_nothing_and_the_same_again_succeeds(stack: Stack) -> None:
    big = images.layer({f"f{number}": "x" * 20_000 for number in range(3000)})
    path = Path(stack.variables["SPOCWEB_IMPORT_DIRS"]) / "big.tar"
    images.write_archive(path, Image([big, BASE], compression="+gzip").members())
    job_id = ask(stack, "/images/import/", {"image": "big:1", "path": str(path)})
    wait_until(lambda: [name for name in directories(stack) if name.startswith(".")], "it unpacks")
    try:
        os.kill(working(stack, job_id), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, IndexError):
        pytest.fail("it was over before it could be killed")
    assert stack.ended(job_id)["state"] == "lost"
    assert stack.call("GET", "/images/big/").status == 404
    again = stack.do("POST", f"/jobs/{job_id}/retry/")
    assert again["state"] == "succeeded", again
    path.unlink()
    remove(stack, "big:1")

"""Builds as users know them: asked for by API and command, killed, cancelled, cut off."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support import lxc
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.lxc]

HANGS = "FROM base\nRUN touch /begun\nRUN sleep 100000\n"


def begin(stack: Stack) -> int:
    """Build what hangs in its second line; return the job's id when it does."""
    assert stack.call("PUT", "/recipes/hang/", {"text": HANGS}).status == 200
    job_id = stack.call("POST", "/recipes/hang/build/").json["job"]
    wait_until(lambda: hangs(stack, job_id), "the second RUN has begun")
    return int(job_id)


def hangs(stack: Stack, job_id: int) -> bool:
    commands = [command for step in stack.job(job_id)["steps"] for command in step["commands"]]
    return bool(commands) and "sleep 100000" in commands[-1]["argv"]


def left(stack: Stack) -> list[str]:
    """All that a build must not leave."""
    rows = [item["name"] for kind in ("containers", "images") for item in stack.get(f"/{kind}/")["results"]]
    rows += [layer["name"] for layer in stack.get("/layers/")["results"] if layer["name"] != "base"]
    directories = [path.name for path in Path(stack.layout.layers).iterdir() if path.name != "base"]
    return [*rows, *directories, *lxc.leftovers(stack.layout)]


def test_a_killed_worker_leaves_nothing_after_a_while(stack: Stack) -> None:
    job_id = begin(stack)
    pid = int((stack.layout.locks / f"job-{job_id}").read_text().split()[1])
    assert stack.state(f"build-hang-{job_id}") == "RUNNING"
    os.kill(pid, signal.SIGKILL)
    assert stack.ended(job_id)["state"] == "lost"
    wait_until(lambda: left(stack) == [], "nothing is left")


def test_a_cancel_leaves_nothing_at_once(stack: Stack) -> None:
    job_id = begin(stack)
    assert stack.call("POST", f"/jobs/{job_id}/cancel/", {"now": True}).status in {200, 202}
    job = stack.ended(job_id)
    assert job["state"] == "cancelled"
    assert job["steps"][-1]["action"] == "destroy"
    assert job["steps"][-1]["state"] == "succeeded"
    assert left(stack) == []


def test_stopping_the_stack_cancels_a_build_and_leaves_nothing(stack: Stack) -> None:
    job_id = begin(stack)
    stack.stop()
    assert lxc.leftovers(stack.layout) == []
    stack.start()
    job = stack.job(job_id)
    assert (job["state"], "spocweb was stopped" in job["reason"]) == ("cancelled", True)
    assert left(stack) == []


def test_the_command_builds_prints_and_fails_where_it_failed(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("hello")
    recipe = tmp_path / "Recipe"
    recipe.write_text("FROM base\nCOPY page /srv/\nRUN echo it says $(cat /srv/page)\nCMD /bin/sleep 1000\nHALT SIGKILL\n")
    output = stack.manage("build", str(recipe), "--image", "shop:1")
    assert "    it says hello" in output.splitlines()
    assert output.splitlines()[-1].endswith(" succeeded")
    job = stack.do("POST", "/containers/", {"name": "web", "image": "shop:1"})
    assert job["state"] == "succeeded"
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    assert lxc.run("lxc-attach", "-P", str(stack.layout.containers), "-n", "web", "--", "cat", "/srv/page") == "hello"
    assert stack.do("DELETE", "/containers/web/")["state"] == "succeeded"

    recipe.write_text("FROM base\nRUN echo now it fails; exit 3\n")
    with pytest.raises(AssertionError) as caught:
        stack.manage("build", str(recipe), "--image", "shop:2")
    assert "    now it fails" in str(caught.value)
    assert "failed: line 2: sh failed with exit code 3: now it fails" in str(caught.value)
    images: Any = stack.get("/images/")["results"]
    assert [(image["name"], image["version"]) for image in images] == [("shop", "1")]
    assert stack.do("DELETE", "/images/shop:1/")["state"] == "succeeded"
    assert left(stack) == []

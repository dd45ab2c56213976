"""Waiting until a container is ready: every way in which a check can misbehave."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from containers.errors import Cancelled, NotReady
from containers.host import readiness
from containers.host.command import Runner
from containers.host.lxc import Lxc
from tests.support import traces
from tests.support.box import Box
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc


def test_a_check_is_repeated_until_it_succeeds(box: Box) -> None:
    name = box.start(mounts={"data": "srv"})
    check = "echo x >> /srv/tries; [ $(wc -l < /srv/tries) -ge 4 ] || { echo not yet; exit 3; }"

    box.lxc.wait_ready(name, check, timeout_s=120)

    command = box.recorder.commands[-1]
    assert (command.program, command.tries, command.exit_code) == ("lxc-attach", 4, 0)
    assert (box.layout.volume("data") / "tries").read_text().count("x") == 4


def end_after(box: Box, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time be over once a check has been tried so often: however long that takes on this machine."""
    clock = SimpleNamespace(monotonic=lambda: 601.0 if box.recorder.commands[-1].tries >= tries else 0.0, sleep=time.sleep)
    monkeypatch.setattr(readiness, "time", clock)


def test_a_check_that_never_succeeds_ends_with_its_last_output(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    name = box.start()
    end_after(box, 3, monkeypatch)

    with pytest.raises(NotReady) as caught:
        box.lxc.wait_ready(name, "echo first; echo no database >&2; exit 4", timeout_s=600)

    assert caught.value.brief == f"{name} was not ready within 600 s: its check ended with 4: no database"
    assert caught.value.details == "first\nno database"
    assert (box.recorder.commands[-1].exit_code, box.recorder.commands[-1].tries) == (4, 3)


def test_a_check_that_hangs_is_ended_with_all_it_has_started(box: Box) -> None:
    name = box.start()

    with pytest.raises(NotReady) as caught:
        box.lxc.wait_ready(name, "echo asking; sleep 4711 & sleep 4712", timeout_s=10)

    assert caught.value.brief == f"{name} was not ready within 10 s: its check did not end: asking"
    wait_until(lambda: "sleep 471" not in box.shell(name, "ps").output, "nothing of the check is left in the container")
    wait_until(lambda: [title for title in traces.processes(box.layout) if "lxc-attach" in title] == [], "lxc-attach is gone")


def test_a_check_that_prints_without_end_costs_little_memory(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    name = box.start()
    end_after(box, 1, monkeypatch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(NotReady) as caught:
        box.lxc.wait_ready(name, "head -c 100000000 /dev/zero | tr '\\0' y; echo; echo too much; exit 1", timeout_s=600)

    assert caught.value.brief.endswith("too much")
    assert len(caught.value.details) < 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_a_check_that_prints_much_and_succeeds_is_ready(box: Box) -> None:
    name = box.start()

    box.lxc.wait_ready(name, "head -c 100000000 /dev/zero", timeout_s=600)

    assert box.recorder.commands[-1].exit_code == 0


@pytest.mark.parametrize("check", ["exit 1", "sleep 1000"])
def test_the_wait_ends_when_the_container_ends(box: Box, check: str) -> None:
    name = box.start()
    pid = box.lxc.look(name).pid
    assert pid is not None
    kill = threading.Thread(target=lambda: (wait_until(lambda: tried(box), "a try has begun"), os.kill(pid, signal.SIGKILL)))
    kill.start()

    with pytest.raises(NotReady, match=f"^{name} ended before it was ready"):
        box.lxc.wait_ready(name, check, timeout_s=600)

    kill.join()


def tried(box: Box) -> bool:
    return any("lxc-attach" in title for title in traces.processes(box.layout))


def test_a_cancel_ends_the_wait(box: Box) -> None:
    name = box.start()
    cancel = threading.Event()
    lxc = Lxc(box.layout, Runner(KeepingRecorder(), cancel))
    threading.Thread(target=lambda: (wait_until(lambda: tried(box), "a try has begun"), cancel.set())).start()

    with pytest.raises(Cancelled):
        lxc.wait_ready(name, "sleep 1000", timeout_s=600)


def test_waiting_for_what_is_stopped_is_not_ready(box: Box) -> None:
    name = box.make()

    # No word is put into the check's mouth: the container's own are to be heard.
    with pytest.raises(NotReady, match=f"^{name} ended before it was ready$") as caught:
        box.lxc.wait_ready(name, "true", timeout_s=120)
    assert caught.value.details == ""


def test_a_check_runs_as_root_with_the_definitions_environment(box: Box) -> None:
    name = box.start(uid="1000", gid="1001", env={"WORD": "a 'b' \"c\""}, mounts={"data": "srv"})

    box.lxc.wait_ready(name, "{ id -u; id -g; echo $WORD; pwd; } > /srv/out", timeout_s=120)

    assert (box.layout.volume("data") / "out").read_text() == "0\n0\na 'b' \"c\"\n/\n"


def test_a_check_that_hangs_in_a_frozen_container_is_given_up(box: Box) -> None:
    name = box.start()
    box.lxc.freeze(name)

    with pytest.raises(NotReady, match="its check did not end"):
        box.lxc.wait_ready(name, "true", timeout_s=1)

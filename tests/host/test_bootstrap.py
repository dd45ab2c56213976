"""Debian base systems, really made: usable, without the host's secrets, and nothing left of one that did not succeed."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.bootstrap import BaseSystem, Tool
from containers.domain.layout import Layout
from containers.errors import Cancelled, CommandFailed, Conflict, HostError
from containers.host import bootstrap, layers, mapped
from containers.host.command import Runner
from containers.host.overlay import IdMap
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, Box
from tests.support.debian import SUITE
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

NAME = "deb"
IDMAP = IdMap(IDMAP_BASE, IDMAP_SIZE)


def system(**values: object) -> BaseSystem:
    return BaseSystem.validate_as({"suite": SUITE, **values}, field="")


@pytest.fixture
def place(layout: Layout) -> Iterator[Layout]:
    before = sorted(path.name for path in layout.layers.iterdir())
    yield layout
    layers.remove(layout, Runner(), NAME)
    assert sorted(path.name for path in layout.layers.iterdir()) == before


@pytest.mark.parametrize("tool", [tool for tool in Tool if shutil.which(tool)])
def test_a_base_system_runs(box: Box, place: Layout, tool: Tool) -> None:
    recorder = KeepingRecorder()
    made = bootstrap.make(place, Runner(recorder), NAME, system(tool=tool, packages=["busybox"]), IDMAP)

    layer = place.layer(NAME)
    assert made.size_bytes > 50 << 20
    assert made.digest == layers.tree_digest(layer, Runner(), idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
    assert recorder.commands[0].argv[recorder.commands[0].argv.index("--") + 1 :][-3] == SUITE
    assert list((layer / "dev").iterdir()) == []
    assert not (layer / "etc/hostname").exists()
    assert list((layer / "var/cache/apt/archives").glob("*.deb")) == []
    assert (layer / "etc/resolv.conf").read_text() == bootstrap.resolvers(bootstrap._RESOLVERS)
    assert {path.lstat().st_uid for path in layer.iterdir()} == {IDMAP_BASE}
    assert oct((layer / "usr/bin/su").stat().st_mode & 0o7777) == "0o4755"
    name = box.start(layers=[NAME], cmd="/bin/sleep 1000")
    result = box.shell(
        name, "apt-get --version >/dev/null && dpkg --audit && . /etc/os-release && echo $ID && stat -c %u:%g /etc/shadow"
    )
    assert result.output.split() == ["debian", "0:42"]
    box.lxc.kill(name)


def test_the_tools_own_words_are_the_reason(place: Layout) -> None:
    with pytest.raises(CommandFailed) as caught:
        bootstrap.make(place, Runner(), NAME, system(mirror="http://127.0.0.1:1/debian"), IDMAP)
    assert "127.0.0.1" in caught.value.output


def test_a_layer_that_exists_is_not_touched_and_nothing_is_run(place: Layout) -> None:
    place.layer(NAME).mkdir()
    recorder = KeepingRecorder()
    with pytest.raises(Conflict):
        bootstrap.make(place, Runner(recorder), NAME, system(), IDMAP)
    assert recorder.commands == []


def test_without_a_tool_it_says_so(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_SEARCH_PATH", "/nowhere")
    with pytest.raises(HostError, match="mmdebstrap and debootstrap is not installed"):
        bootstrap.make(place, Runner(), NAME, system(), IDMAP)
    with pytest.raises(HostError, match="debootstrap is not installed"):
        bootstrap.make(place, Runner(), NAME, system(tool="debootstrap"), IDMAP)


def shut_in(place: Layout, script: str, *, runner: Runner | None = None) -> tuple[str, list[str]]:
    """Run a script as a program of others; return what it printed and what it left in its directory."""
    with layers.unfinished(place, "test", idmap_base=IDMAP_BASE) as path:
        output = mapped.run(runner or Runner(), ["/bin/sh", "-c", script], path, IDMAP, timeout_s=60)
        return output, sorted(entry.name for entry in path.iterdir())


def test_programs_of_others_are_root_of_nothing_but_their_directory(place: Layout, tmp_path: Path) -> None:
    script = f"""id -u; awk '{{print $2}}' /proc/self/uid_map; pwd; echo $HOME
        for path in /etc/evil /tmp/evil {tmp_path}/evil {place.data_dir}/evil ../evil
        do touch $path 2>/dev/null && echo $path; done
        mknod null c 1 3 2>/dev/null && echo device; cat /etc/shadow 2>/dev/null; ls /proc | grep -c '^[0-9]*$'; touch here"""
    output, left = shut_in(place, script)

    *lines, processes = output.split()
    assert lines == ["0", str(IDMAP_BASE), mapped.PLACE, mapped.PLACE]
    assert int(processes) < 10
    assert left == ["here"]


@pytest.mark.parametrize("script", ["exit 7", "kill -9 $$", "kill -TERM $$"])
def test_whatever_ends_them_is_a_failure(place: Layout, script: str) -> None:
    with pytest.raises(CommandFailed):
        shut_in(place, script)


def test_what_they_leave_behind_ends_with_them(place: Layout) -> None:
    script = "setsid sleep 4711 >/dev/null 2>&1 & while ! grep -qs sleep /proc/$!/comm; do :; done; echo started"
    output, left = shut_in(place, script)
    assert (output.strip(), left) == ("started", [])
    assert running("4711") == []


def test_a_cancel_ends_all_of_them(place: Layout) -> None:
    cancel = threading.Event()
    thread = threading.Thread(target=lambda: (wait_until(lambda: running("4712"), "it runs"), cancel.set()))
    thread.start()
    with pytest.raises(Cancelled):
        shut_in(place, "setsid sleep 4712 & sleep 1000", runner=Runner(None, cancel))
    thread.join()
    wait_until(lambda: not running("4712"), "they ended")


def running(word: str) -> list[str]:
    """Processes one of whose arguments is `word`."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(word) in words:
                found.append(process.name)
    return found


def test_a_disk_that_runs_full_ends_them_in_time(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.host.room.KEPT_FREE_PART", 1)
    monkeypatch.setattr("containers.host.room.KEPT_FREE_BYTES", 1 << 60)
    with pytest.raises(HostError, match=r"the disk is too full: .* more must be free, so that .* stay free"):
        shut_in(place, "sleep 1000")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["nameserver 192.0.2.1\nsearch example.org\n"], "nameserver 192.0.2.1\n"),
        (["nameserver 127.0.0.53\n", "nameserver 192.0.2.2\nnameserver ::1\n"], "nameserver 192.0.2.2\n"),
        (["nameserver 127.0.0.1\n"], ""),
        ([], ""),
    ],
)
def test_servers_that_containers_reach_are_taken(tmp_path: Path, texts: list[str], expected: str) -> None:
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(text)
    assert bootstrap.resolvers([tmp_path / "missing", *(tmp_path / str(number) for number in range(len(texts)))]) == expected


def hostile_tree(tmp_path: Path, change: str) -> Path:
    tree, outside = tmp_path / "rootfs", tmp_path / "outside"
    for path in (tree / "etc", tree / "dev", tree / "var/cache/apt/archives", outside):
        path.mkdir(parents=True)
    (outside / "resolv.conf").write_text("host's")
    (outside / "x.deb").write_text("host's")
    target = tree / change
    shutil.rmtree(target)
    target.symlink_to(outside)
    return tree


@pytest.mark.parametrize("change", ["etc", "dev", "var/cache", "var/cache/apt/archives", ""])
def test_links_that_scripts_of_packages_leave_are_not_followed(tmp_path: Path, change: str) -> None:
    tree = hostile_tree(tmp_path, change)
    if change == "dev":
        bootstrap._finish(tree, IDMAP)
        assert (tree / "dev").is_dir()
        assert not (tree / "dev").is_symlink()
    else:
        with pytest.raises(HostError):
            bootstrap._finish(tree, IDMAP)
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["resolv.conf", "x.deb"]
    assert (tmp_path / "outside/resolv.conf").read_text() == "host's"

"""What a container has written becomes a layer: everything as it was, whole or not at all, and the container goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containers.domain.states import State
from containers.errors import Cancelled, Conflict, HostError
from containers.host import keeping, layers, rootfs
from containers.host.command import Runner
from containers.host.layers import Made
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, LAYER, Box
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

NAME = "kept"


@pytest.fixture(autouse=True)
def _removed(box: Box) -> Iterator[None]:
    before = set(box.layout.layers.iterdir())
    yield
    layers.remove(box.layout, Runner(), NAME)
    assert set(box.layout.layers.iterdir()) == before
    assert not list((box.layout.run_dir / "lxc").glob("*.thaw"))


def keep(box: Box, name: str, *, runner: Runner | None = None, freezes: bool = True) -> Made:
    return keeping.keep(
        box.layout, runner or box.runner, name, NAME, freezes=freezes, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE
    )


SCRIPT = """
set -e
echo new > /etc/new; echo changed > /etc/passwd; rm /etc/group
rm -r /var/lib; mkdir /var/lib; echo anew > /var/lib/file
mkdir /srv/deep; echo text > /srv/deep/a; ln /srv/deep/a /srv/deep/b; ln -s /etc/shadow /srv/deep/link; mkfifo /srv/deep/pipe
cp /bin/busybox /srv/deep/su; chown 5:6 /srv/deep/su; chmod 4755 /srv/deep/su
dd if=/dev/zero of=/srv/deep/sparse bs=1 count=1 seek=10000000 2>/dev/null
"""


def test_everything_that_was_written_is_there_as_it_was(box: Box) -> None:
    name = box.start("web")
    assert box.shell(name, SCRIPT).exit_code == 0
    upper, layer = box.layout.ephemeral(name), box.layout.layer(NAME)
    os.setxattr(upper / "srv/deep/a", "user.note", b"kept")
    made = keep(box, name)
    assert box.lxc.look(name).state == State.RUNNING
    listing = ["find", ".", "-printf", "%p %y %m %U %G %s %l %T@\\n"]
    assert run(listing, layer) == run(listing, upper)
    assert (layer / "etc/group").lstat().st_rdev == 0
    assert os.getxattr(layer / "var/lib", "trusted.overlay.opaque") == b"y"
    assert os.getxattr(layer / "srv/deep/a", "user.note") == b"kept"
    assert (layer / "srv/deep/a").samefile(layer / "srv/deep/b")
    assert (layer / "srv/deep/su").stat().st_mode & 0o7777 == 0o4755
    assert (layer / "srv/deep/sparse").stat().st_blocks < 1000
    assert made.size_bytes == layers.size(box.layout, Runner(), NAME)
    assert len(made.digest) == 64
    # Notes of the layers that it was written on are gone.
    attributes = {name for path in (layer, *layer.rglob("*")) for name in os.listxattr(path, follow_symlinks=False)}
    assert {name for name in attributes if name.startswith("trusted.")} == {"trusted.overlay.opaque"}


def run(argv: list[str], directory: Path) -> str:
    output = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=True).stdout
    return "\n".join(sorted(output.splitlines()))


def test_a_container_on_the_kept_layer_has_what_was_written(box: Box) -> None:
    name = box.start("web")
    box.shell(name, SCRIPT)
    digest = keep(box, name).digest
    box.lxc.kill(name)
    other = box.start("other", layers=[LAYER, NAME])
    script = "cat /etc/new /etc/passwd; ls /etc/group; ls /var/lib; stat -c '%u %g %a' /srv/deep/su"
    lines = box.shell(other, script).output.splitlines()
    assert lines[:2] == ["new", "changed"]
    assert "No such file" in lines[2]
    assert lines[3:] == ["file", "5 6 4755"]
    # The same tree has the same digest, whoever asks.
    assert layers.tree_digest(box.layout.layer(NAME), Runner(), idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE) == digest


class Watching(Runner):
    """Looks at the container at the moment that the copy begins."""

    def __init__(self, box: Box, name: str) -> None:
        super().__init__(box.recorder)
        self.look = lambda: box.lxc.look(name).state
        self.seen: list[State] = []

    def run(self, argv: Any, **more: Any) -> Any:
        if argv[0] == "cp":
            self.seen.append(self.look())
        return super().run(argv, **more)


def test_nothing_changes_while_it_is_copied(box: Box) -> None:
    """Two files that are always written together stay together: their copies are of one moment."""
    loop = "i=0; while true; do i=$((i+1)); echo $i > /n; mv /n /a; echo $i > /n; mv /n /b; done"
    name = box.start("web", cmd=f"/bin/sh -c '{loop}'")
    wait_until((box.layout.ephemeral(name) / "b").exists, "both are there")
    watching = Watching(box, name)
    for _ in range(3):
        keep(box, name, runner=watching)
        layer = box.layout.layer(NAME)
        first, second = ((layer / file).read_text() for file in "ab")
        assert int(first) - int(second) in (0, 1)
        layers.remove(box.layout, Runner(), NAME)
    assert watching.seen == [State.FROZEN] * 3
    assert box.lxc.look(name).state == State.RUNNING


def test_one_that_is_only_mounted_or_frozen_already_stays_so(box: Box) -> None:
    name = box.make("web")
    rootfs.mount(box.layout, name, box.runner)
    (box.layout.rootfs(name) / "file").write_text("by hand")
    os.chown(box.layout.rootfs(name) / "file", IDMAP_BASE, IDMAP_BASE)
    keep(box, name, freezes=False)
    assert rootfs.is_mounted(box.layout, name)
    assert (box.layout.layer(NAME) / "file").read_text() == "by hand"
    rootfs.unmount(box.layout, name, box.runner)
    layers.remove(box.layout, Runner(), NAME)
    name = box.start("web")
    box.shell(name, "touch /file")
    box.lxc.freeze(name)
    keep(box, name, freezes=False)
    assert box.lxc.look(name).state == State.FROZEN


def test_nothing_written_is_nothing_to_keep(box: Box) -> None:
    name = box.make("web")
    with pytest.raises(Conflict, match="has written nothing"):
        keep(box, name, freezes=False)


def test_a_taken_name_is_a_conflict_and_nothing_is_frozen(box: Box) -> None:
    name = box.start("web")
    box.shell(name, "touch /file")
    with pytest.raises(Conflict, match="exists already"):
        keeping.keep(box.layout, box.runner, name, LAYER, freezes=True, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
    assert "lxc-freeze" not in box.recorder.programs


def test_a_full_disk_is_said_before_anything_is_frozen(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    name = box.start("web")
    box.shell(name, "touch /file")
    monkeypatch.setattr("containers.host.files.free_bytes", lambda path: 0)
    with pytest.raises(HostError, match=r"has 51\d MiB too little room"):
        keep(box, name)
    assert "lxc-freeze" not in box.recorder.programs


def test_a_copy_that_fails_or_is_cancelled_leaves_nothing_and_the_container_runs(box: Box) -> None:
    name = box.start("web")
    box.shell(name, "touch /file")
    runner = Runner(box.recorder)

    class Stops(Runner):
        """Asked to end when the copy begins."""

        def run(self, argv, **more):  # type: ignore[no-untyped-def]
            if argv[0] == "cp":
                self.cancel.set()
            return super().run(argv, **more)

    stops = Stops(box.recorder)
    with pytest.raises(Cancelled):
        keep(box, name, runner=stops)
    assert box.lxc.look(name).state == State.RUNNING
    # A file that is not the map's: the digest says so, after the copy.
    foreign = box.layout.ephemeral(name) / "foreign"
    foreign.touch()
    with pytest.raises(HostError, match="not in the id map"):
        keep(box, name, runner=runner)
    assert box.lxc.look(name).state == State.RUNNING
    foreign.unlink()


def test_a_container_that_was_left_frozen_is_thawed_once(box: Box) -> None:
    name = box.start("web")
    box.lxc.freeze(name)
    assert not keeping.thaw(box.layout, box.runner, name)
    assert box.lxc.look(name).state == State.FROZEN
    box.layout.thaw_mark(name).touch()
    assert keeping.thaw(box.layout, box.runner, name)
    assert box.lxc.look(name).state == State.RUNNING
    box.lxc.freeze(name)
    box.layout.thaw_mark(name).touch()

    class Refused(Runner):
        """A host on which nothing can be thawed."""

        def run(self, argv, **more):  # type: ignore[no-untyped-def]
            words = ["/bin/false"] if "lxc-unfreeze" in str(argv[0]) else argv
            return super().run(words, **more)

    with pytest.raises(HostError, match="web is still frozen"):
        keeping.thaw(box.layout, Refused(), name)
    assert box.layout.thaw_mark(name).exists()
    box.lxc.kill(name)
    assert keeping.thaw(box.layout, box.runner, name)

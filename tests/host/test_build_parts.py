"""What a build asks of the host: name servers, accounts in files, the layer's directory, processes left running."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from containers.domain.layout import Layout
from containers.errors import Cancelled, Conflict, InvalidRequest, NotFound
from containers.host import accounts, build_layer, files, identities, leftovers, resolver
from containers.host.command import Runner
from tests.support.box import IDMAP_BASE, Box

RESOLVER = "nameserver 192.0.2.1\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            ["# c\nsearch a b\noptions  edns0\nnameserver 192.0.2.1\nsortlist x"],
            "search a b\noptions edns0\nnameserver 192.0.2.1\n",
        ),
        (["nameserver 127.0.0.53\n", "nameserver 192.0.2.2\n"], "nameserver 192.0.2.2\n"),
        (["nameserver 127.0.0.1\nnameserver 192.0.2.1", ""], "nameserver 192.0.2.1\n"),
        (["nameserver ::1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\nnameserver\nnameserver x"], ""),
        ([], ""),
    ],
)
def test_only_name_servers_that_a_container_can_reach(tmp_path: Path, texts: list[str], expected: str) -> None:
    paths = tuple(tmp_path / str(number) for number in range(2))
    for path, text in zip(paths, texts, strict=False):
        path.write_text(text)
    assert resolver.text(paths) == expected


def layer(top: Path, name: str, **accounts: str) -> Path:
    path = top / name
    (path / "etc").mkdir(parents=True)
    for key, text in accounts.items():
        (path / "etc" / key).write_text(text)
    return path


def ids(layers: list[Path], uid: str, gid: str | None = None) -> tuple[int, int]:
    return identities.resolve(accounts.ask(layers), uid, gid)


def test_accounts_are_those_of_the_topmost_file(tmp_path: Path) -> None:
    lower = layer(tmp_path, "lower", passwd="a:x:1:2::/:\nb:x:3:4::/:\n", group="g:x:9:\n")
    upper = layer(tmp_path, "upper", passwd="a:x:5:6::/:\n")
    assert ids([lower, upper], "a") == (5, 6)
    assert ids([lower, upper], "a", "g") == (5, 9)
    assert ids([lower], "b") == (3, 4)
    assert ids([lower], "3") == (3, 4)
    assert ids([lower], "77") == (77, 77)
    with pytest.raises(NotFound, match="there is no user b"):
        ids([lower, upper], "b")
    with pytest.raises(NotFound, match="there is no group a"):
        ids([lower, upper], "a", "a")


def test_accounts_are_not_looked_for_behind_links_whiteouts_and_what_is_no_file(tmp_path: Path) -> None:
    lower = layer(tmp_path, "lower", passwd="a:x:1:2::/:\n")
    for name, make in {
        "link": lambda path: path.symlink_to(lower / "etc/passwd"),
        "whiteout": lambda path: os.mknod(path, 0o020000, 0),
        "directory": lambda path: path.mkdir(),
        "pipe": lambda path: os.mkfifo(path),
    }.items():
        upper = layer(tmp_path, name)
        make(upper / "etc/passwd")
        with pytest.raises(NotFound):
            ids([lower, upper], "a")
    (tmp_path / "etc-link").mkdir()
    (tmp_path / "etc-link/etc").symlink_to(lower / "etc")
    with pytest.raises(NotFound):
        ids([lower, tmp_path / "etc-link"], "a")
    opaque = layer(tmp_path, "opaque")
    assert ids([lower, opaque], "a") == (1, 2)
    os.setxattr(opaque / "etc", "trusted.overlay.opaque", b"y")
    with pytest.raises(NotFound):
        ids([lower, opaque], "a")


@pytest.mark.parametrize("line", ["a:x:-1:2", "a:x::2", "a:x:1", "a:x:99999999999:1", "a:x:1:٣"])
def test_a_broken_account_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(Exception, match="gave no usable answer"):
        ids([layer(tmp_path, "one", passwd=line)], "a")
    with pytest.raises(InvalidRequest):
        ids([layer(tmp_path, "two")], "../a")


@pytest.fixture
def parent(layout: Layout) -> Any:
    names: list[str] = []

    def make(name: str, mode: int | None = 0o750) -> Path:
        path = layout.layer(name)
        path.mkdir(mode=0o755)
        names.append(name)
        if mode is not None:
            (path / "etc").mkdir()
            (path / "etc").chmod(mode)
            os.chown(path / "etc", IDMAP_BASE + 3, IDMAP_BASE + 4)
        return path

    yield make
    for name in (*names, "new"):
        files.remove_tree(layout.layer(name))


def prepared(layout: Layout, *parents: str) -> Path:
    build_layer.prepare(layout, "new", parents, RESOLVER, idmap_base=IDMAP_BASE)
    return layout.layer("new")


def entries(path: Path) -> list[str]:
    return sorted(str(entry.relative_to(path)) for entry in path.rglob("*"))


def test_a_new_layer_looks_like_its_parent_and_nothing_stays_of_what_it_got(layout: Layout, parent: Any) -> None:
    parent("low", 0o700)
    parent("high", None).chmod(0o711)
    path = prepared(layout, "low", "high")
    etc = (path / "etc").stat()
    assert (path.stat().st_mode & 0o7777, etc.st_mode & 0o7777, etc.st_uid, etc.st_gid) == (
        0o711,
        0o700,
        IDMAP_BASE + 3,
        IDMAP_BASE + 4,
    )
    assert (path / "etc/resolv.conf").read_text() == RESOLVER
    assert (path / "etc/resolv.conf").stat().st_uid == IDMAP_BASE
    (path / "etc/hosts").touch()
    build_layer.finish(layout, "new", ("low", "high"), RESOLVER)
    assert entries(path) == []


def test_what_the_recipe_made_of_etc_stays(layout: Layout, parent: Any) -> None:
    parent("low")
    path = prepared(layout, "low")
    (path / "etc").chmod(0o755)
    (path / "etc/hosts").write_text("x")
    build_layer.finish(layout, "new", ("low",), RESOLVER)
    assert entries(path) == ["etc", "etc/hosts"]
    (path / "etc/hosts").unlink()
    build_layer.finish(layout, "new", ("low",), RESOLVER)
    assert entries(path) == ["etc"]
    (path / "etc").chmod(0o750)
    os.setxattr(path / "etc", "trusted.overlay.opaque", b"y")
    build_layer.finish(layout, "new", ("low",), RESOLVER)
    assert entries(path) == ["etc"]


def test_without_an_etc_below_it_is_made_and_goes(layout: Layout, parent: Any) -> None:
    parent("low", None)
    path = prepared(layout, "low")
    assert entries(path) == ["etc", "etc/resolv.conf"]
    build_layer.finish(layout, "new", ("low",), RESOLVER)
    assert entries(path) == []


def test_an_etc_that_is_no_directory_gets_no_name_servers(layout: Layout, parent: Any) -> None:
    (parent("low", None) / "etc").symlink_to("usr/etc")
    assert entries(prepared(layout, "low")) == []


def test_a_directory_of_nobody_is_not_taken(layout: Layout, parent: Any) -> None:
    parent("low")
    layout.layer("new").mkdir()
    with pytest.raises(Conflict, match="which belongs to no layer"):
        prepared(layout, "low")


@pytest.mark.lxc
def test_processes_left_running_are_ended_and_init_is_not(box: Box) -> None:
    name = box.start("left", cmd="""/bin/sh -c "trap '' CHLD; exec sleep 1000\"""")
    init = box.lxc.look(name).pid
    assert init is not None
    script = "(trap 'echo asked > /asked; exit' TERM; touch /up; while :; do sleep 0.05; done) >/dev/null 2>&1 &"
    box.shell(name, f"{script} until test -e /up; do sleep 0.05; done")
    assert leftovers.end(init, Runner()) >= 1
    assert leftovers.end(init, Runner()) == 0
    assert box.shell(name, "cat /asked").output == "asked"
    assert box.lxc.look(name).pid == init


@pytest.mark.lxc
def test_processes_that_do_not_heed_are_killed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_GRACE_S", 0.0)
    name = box.start("left", cmd="""/bin/sh -c "trap '' CHLD; exec sleep 1000\"""")
    init = box.lxc.look(name).pid
    assert init is not None
    box.shell(
        name, "(trap '' TERM; touch /up; while :; do sleep 1; done) >/dev/null 2>&1 & until test -e /up; do sleep 0.05; done"
    )
    assert leftovers.end(init, Runner()) >= 1
    assert leftovers._others(init, leftovers._namespace(init)) == set()


@pytest.mark.lxc
def test_a_cancel_does_not_wait_for_them(box: Box) -> None:
    name = box.start("left")
    init = box.lxc.look(name).pid
    assert init is not None
    box.shell(
        name, "(trap '' TERM; touch /up; while :; do sleep 1; done) >/dev/null 2>&1 & until test -e /up; do sleep 0.05; done"
    )
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        leftovers.end(init, Runner(cancel=cancel))

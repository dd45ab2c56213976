"""A root filesystem of one program: the host's busybox with its applets, enough for a demo and for tests."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from containers.errors import HostError
from containers.host import files
from containers.host.command import Runner

_TIMEOUT_S: Final = 10
_APPLET: Final = re.compile(r"[a-z0-9\[][a-z0-9_\[-]*", re.ASCII)
_LIBRARY: Final = re.compile(r"(/\S+) \(0x[0-9a-f]+\)")

_DIRECTORIES: Final = {
    **dict.fromkeys(("bin", "dev", "etc", "home", "lib", "mnt", "opt", "proc", "run", "srv", "sys", "usr", "var"), 0o755),
    **dict.fromkeys(("var/lib", "var/log", "var/www"), 0o755),
    **dict.fromkeys(("tmp", "var/tmp"), 0o1777),
    "root": 0o700,
}
_LINKS: Final = {"sbin": "bin", "usr/bin": "../bin", "usr/sbin": "../bin", "var/run": "../run"}
_FILES: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n",
    # For /sbin/init: SIGINT, the default halt signal, would reboot.
    "etc/inittab": "::sysinit:/bin/true\n::ctrlaltdel:/bin/poweroff\n",
}
# Busybox has none; it answers as glibc's does: 2 is "not found".
_GETENT: Final = """\
#!/bin/sh
case "$1" in passwd | group) ;; *) exit 1 ;; esac
[ -n "$2" ] || exec cat "/etc/$1"
exec awk -F: -v key="$2" '$1 == key || $3 == key { print; found = 1; exit } END { exit found ? 0 : 2 }' "/etc/$1"
"""


def fill(path: Path, runner: Runner, *, owner: int) -> None:
    """Put everything into an empty directory and give it to `owner`. Raises HostError without busybox on the host."""
    program = _program()
    for name, mode in sorted(_DIRECTORIES.items()):
        files.make_directory(path / name, mode=mode)
    for name, target in _LINKS.items():
        (path / name).symlink_to(target)
    for name, text in _FILES.items():
        _write(path / name, text.encode(), mode=0o644)
    _write(path / "bin/busybox", program.read_bytes(), mode=0o755)
    for library in _libraries(program, runner):
        _copy_library(library, path)
    for applet in _applets(program, runner):
        (path / "bin" / applet).symlink_to("busybox")
    if not (path / "bin/getent").exists():
        _write(path / "bin/getent", _GETENT.encode(), mode=0o755)
    _give_away(path, owner)


def _program() -> Path:
    found = shutil.which("busybox", path="/bin:/usr/bin:/sbin:/usr/sbin")
    if found is None:
        raise HostError("There is no busybox on this host", resolution="`make setup` installs it")
    return Path(found)


def _applets(program: Path, runner: Runner) -> list[str]:
    names = runner.run([program, "--list"], timeout_s=_TIMEOUT_S).output.split()
    return [name for name in names if _APPLET.fullmatch(name) and name != "busybox"]


def _libraries(program: Path, runner: Runner) -> list[Path]:
    """Return the libraries of a program that is not static; ldd says nothing of one that is."""
    result = runner.run(["ldd", program], timeout_s=_TIMEOUT_S, ok_codes=(0, 1), record=False)
    return [Path(library) for library in _LIBRARY.findall(result.output)]


def _copy_library(library: Path, path: Path) -> None:
    target = path / library.relative_to("/")
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _write(target, library.read_bytes(), mode=0o755)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def _give_away(path: Path, owner: int) -> None:
    for entry in (path, *path.rglob("*")):
        os.lchown(entry, owner, owner)

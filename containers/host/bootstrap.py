"""Debian base systems by mmdebstrap or debootstrap, whichever is there, made in place by a root that is none of the host's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from containers.domain.bootstrap import BaseSystem, Tool, argv, mirror_of
from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host import files, layers, mapped
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.overlay import IdMap
from containers.host.trees import open_beneath, walk

DEFAULT_MIRROR: Final = "http://deb.debian.org/debian"
TIMEOUT_S: Final = 3600
_ROOTFS: Final = "rootfs"
_SEARCH_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_SOURCES: Final = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
# The second has the real servers where the first names a resolver of the host's own.
_RESOLVERS: Final = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_LOOPBACK: Final = ("127.", "::1")


def make(
    layout: Layout,
    runner: Runner,
    name: str,
    system: BaseSystem,
    idmap: IdMap,
    *,
    proxies: Mapping[str, str] | None = None,
) -> layers.Made:
    """Make a layer of a base system. Raises Conflict if it exists, HostError without a tool, CommandFailed with its words."""
    tool, mirror = find_tool(system.tool), system.mirror or host_mirror()
    layers.require_free(layout, name)
    with layers.unfinished(layout, name, idmap_base=idmap.base) as scratch:
        words = argv(tool, system, mirror, f"{mapped.PLACE}/{_ROOTFS}")
        mapped.run(runner, words, scratch, idmap, timeout_s=TIMEOUT_S, proxies=proxies)
        path = scratch / _ROOTFS
        _finish(path, idmap)
        made = layers.Made(
            layers.tree_size(path, runner),
            layers.tree_digest(path, runner, idmap_base=idmap.base, idmap_size=idmap.size),
        )
        layers.sync(path, runner)
        layers.publish(layout, path, name)
    return made


def find_tool(wanted: Tool | None) -> Tool:
    """Return the program to use: the one that is wanted, or the first that is installed. Raises HostError."""
    for tool in [wanted] if wanted else Tool:
        if shutil.which(tool, path=_SEARCH_PATH):
            return tool
    names = wanted or " and ".join(Tool)
    raise HostError(f"{names} is not installed", resolution="`make setup` installs mmdebstrap.")


def host_mirror() -> str:
    """Return where the host's own packages come from, if that is a Debian mirror that needs no password."""
    for file in _source_files(_SOURCES):
        with suppress(OSError):
            if mirror := mirror_of(file.read_text(errors="replace")):
                return mirror
    return DEFAULT_MIRROR


def _source_files(places: Iterable[Path]) -> list[Path]:
    found = [sorted(place.iterdir()) if place.is_dir() else [place] for place in places]
    return [file for files in found for file in files if file.suffix in {".list", ".sources"}]


def _finish(path: Path, idmap: IdMap) -> None:
    """Do what the tools do for a machine or leave to it; scripts of packages have been in that tree: no link is followed."""
    try:
        top = os.open(path, OPEN_DIRECTORY)
    except OSError as error:
        raise HostError(f"there is no base system in it: {error.strerror}") from error
    try:
        _empty_dev(top, idmap)
        _remove_packages(top)
        _write_resolvers(top, idmap)
    except OSError as error:
        raise HostError(f"the base system is not usable: {error.filename or 'etc'}: {error.strerror}") from error
    finally:
        os.close(top)


def _empty_dev(top: int, idmap: IdMap) -> None:
    """Leave /dev to LXC: what stands there now are places at which the host's devices were mounted."""
    files.remove_tree(Path(f"/proc/self/fd/{top}/dev"))
    os.mkdir("dev", 0o755, dir_fd=top)  # noqa: PTH102 - in an open directory
    os.chown("dev", idmap.base, idmap.base, dir_fd=top, follow_symlinks=False)


def _remove_packages(top: int) -> None:
    """Remove the archives of packages that are installed by now: one of the tools keeps them."""
    directory = open_beneath(top, b"var/cache/apt/archives", OPEN_DIRECTORY)
    try:
        for entry in walk(directory):
            if entry.name.endswith(b".deb") and not entry.is_directory:
                os.unlink(entry.name, dir_fd=entry.directory)
    finally:
        os.close(directory)


def _write_resolvers(top: int, idmap: IdMap) -> None:
    directory = open_beneath(top, b"etc", OPEN_DIRECTORY)
    try:
        # The host's own name is none of the container's, which gets one from LXC.
        for name in ("hostname", "resolv.conf"):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open("resolv.conf", flags, 0o644, dir_fd=directory), "w") as stream:
            stream.write(resolvers(_RESOLVERS))
            os.fchown(stream.fileno(), idmap.base, idmap.base)
    finally:
        os.close(directory)


def resolvers(sources: Iterable[Path]) -> str:
    """Return the lines of the first file that names a server which containers reach, too; nothing if none does."""
    for source in sources:
        with suppress(OSError):
            lines = source.read_text(errors="replace").splitlines()
            servers = [
                line for line in lines if line.split()[:1] == ["nameserver"] and not line.split()[-1].startswith(_LOOPBACK)
            ]
            if servers:
                return "".join(f"{line}\n" for line in servers)
    return ""

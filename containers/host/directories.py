"""The directories of the whole stack, of each container and of each volume: owners, modes, making and removing them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import Conflict, HostError
from containers.host import facts, files, hook, hosts, monitors, rootfs
from containers.host.command import Runner

_HOOK_SOURCE: Final = Path(hook.__file__)
_UNMOUNT_TIMEOUT_S: Final = 30


def ensure_layout(layout: Layout, *, web_gid: int, idmap_base: int) -> None:
    """Make what is missing of DATA_DIR, LOG_DIR and RUN_DIR, set owners and modes, install the hook program.

    Safe to repeat. Raises HostError if something else stands in the place of a directory.
    """
    database = layout.data_dir / "db"
    wanted = (
        # Mapped ids pass through to their rootfs; nobody but root lists anything.
        (layout.data_dir, 0o711, 0),
        (database, 0o1770, web_gid),
        (layout.uploads, 0o770, web_gid),
        (layout.layers, 0o700, 0),
        (layout.containers, 0o711, 0),
        (layout.volumes, 0o710, idmap_base),
        (layout.keys, 0o700, 0),
        (layout.repository, 0o750, web_gid),
        (layout.downloads, 0o700, 0),
        (layout.backups, 0o700, 0),
        (layout.apps, 0o750, web_gid),
        (layout.catalogue, 0o750, web_gid),
        (layout.log_dir, 0o750, web_gid),
        (layout.run_dir, 0o755, 0),
        (layout.run_dir / "lxc", 0o700, 0),
        (layout.locks, 0o700, 0),
        (layout.terminals, 0o700, 0),
        (layout.recordings, 0o700, 0),
    )
    try:
        for path in (layout.data_dir, layout.log_dir, layout.run_dir):
            path.parent.mkdir(parents=True, exist_ok=True)
        for path, mode, gid in wanted:
            files.make_directory(path, mode=mode, gid=gid)
        files.withhold_group_write(database)
        files.install(_HOOK_SOURCE, layout.hook, mode=0o644)
        hosts.ensure(layout)
    except OSError as error:
        raise HostError(f"{error.filename}: {error.strerror}") from error


def create(layout: Layout, name: str, *, idmap_base: int) -> None:
    """Make a container's directories and its empty console log; what is there already stays. Safe to repeat."""
    files.make_directory(layout.container(name), mode=0o710, gid=idmap_base)
    files.make_directory(layout.rootfs(name), mode=0o755)
    files.make_directory(layout.olwork(name), mode=0o700)
    _make_log(layout, name)
    # It is the `/` of a container that runs: its owner and mode are the container's business then.
    if not layout.ephemeral(name).exists():
        files.make_directory(layout.ephemeral(name), mode=0o755, uid=idmap_base, gid=idmap_base)


def _make_log(layout: Layout, name: str) -> None:
    # LXC would make it 0600; the web process shows it.
    gid = layout.log_dir.stat().st_gid
    file = os.open(layout.log(name), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    os.fchown(file, 0, gid)
    os.fchmod(file, 0o640)
    os.close(file)


def ensure_volume(layout: Layout, volume: str, *, is_file: bool, uid: int, gid: int) -> bool:
    """Make a volume that belongs to these ids of the host; return whether it was made. One that exists is left alone.

    Raises Conflict if it exists as something else.
    """
    path = layout.volume(volume)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        _make_volume(path, is_file=is_file, uid=uid, gid=gid)
        return True
    if not (stat.S_ISREG(mode) if is_file else stat.S_ISDIR(mode)):
        raise Conflict(f"volume {volume} exists and is not a {'file' if is_file else 'directory'}")
    return False


def _make_volume(path: Path, *, is_file: bool, uid: int, gid: int) -> None:
    if not is_file:
        files.make_directory(path, mode=0o755, uid=uid, gid=gid)
        return
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchown(file, uid, gid)
    os.fchmod(file, 0o644)
    os.close(file)


def destroy(layout: Layout, name: str, runner: Runner) -> None:
    """Remove a stopped container's directories and logs; whatever is already gone is fine. Volumes stay.

    Raises Conflict while it runs.
    """
    if facts.is_running(layout, name):
        raise Conflict(f"{name} is running")
    if rootfs.is_mounted(layout, name):
        # Not by the hook: its configuration may be gone already.
        runner.run(["umount", "--lazy", "--", layout.rootfs(name)], timeout_s=_UNMOUNT_TIMEOUT_S)
    files.remove_tree(layout.container(name))
    for file in (layout.log(name), layout.lxc_log(name), monitors.pid_file(layout, name)):
        file.unlink(missing_ok=True)


def remove_volume(layout: Layout, volume: str) -> None:
    """Remove a volume and all that is in it; one that is not there is fine."""
    files.remove_tree(layout.volume(volume))

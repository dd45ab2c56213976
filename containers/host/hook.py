"""Mount and unmount a container's root filesystem: LXC runs this before every start and after every stop.

    hook.py pre-start [--name NAME] [--build] LAYER... [-- VOLUME... VOLUME:file...]
    hook.py post-stop [--name NAME]

A standalone program: `python3 -I -S DATA_DIR/hook.py`, nothing but the standard library, and little of that, because it
is on the path of every start. It works in the directory that it is installed in. LXC drops what a hook prints, so the
reason of a failure is left in containers/NAME/hook.error. Running it twice is harmless.
"""

# pathlib and contextlib would each take longer to import than all of this takes to run.
# ruff: noqa: PTH100, PTH108, PTH120, PTH123, SIM105

import ctypes
import errno
import os
import stat
import sys

MS_NODEV = 4
MS_REMOUNT = 32
MS_BIND = 4096
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
# The kernel copies one page of mount options, and its last byte ends the text.
MAX_OPTIONS = 4095
# What a kernel may have on by default: directories and files that are half in one layer and half in another, by attributes that
# a layer could bring along (Documentation/filesystems/overlayfs.rst, redirect_dir and metacopy; both known since Linux 4.19).
WHOLE = "redirect_dir=nofollow,metacopy=off"
# Of an overlay (fs/overlayfs, OVL_MAX_STACK).
MAX_LOWER = 500

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


class HookError(Exception):
    """Why the root filesystem cannot be mounted or unmounted: one sentence."""


class UnknownOption(HookError):  # noqa: N818 - the kernel's word for it, among others
    """The kernel calls the arguments of a mount invalid."""


def pre_start(data: str, name: str, layers: list[str], volumes: list[str], *, build: bool) -> None:
    """Clean up what an earlier run may have left and mount the root filesystem. Raises HookError, OSError."""
    container = f"{data}/containers/{name}"
    unmount(f"{container}/rootfs")
    for layer in layers:
        check_kind(f"{data}/layers/{layer}", f"layer {layer}", is_file=False)
    for volume in volumes:
        volume_name, separator, _ = volume.partition(":")
        check_kind(f"{data}/volumes/{volume_name}", f"volume {volume_name}", is_file=bool(separator))
    if not build:
        renew(f"{container}/ephemeral", like=f"{data}/layers/{layers[-1]}")
        mount_overlay(data, name, layers, f"../containers/{name}/ephemeral")
    elif len(layers) > 1:
        mount_overlay(data, name, layers[:-1], layers[-1])
    else:
        mount_bind(f"{data}/layers/{layers[0]}", f"{container}/rootfs")
    try:
        check_mountpoints(f"{container}/rootfs", f"{container}/config")
    except BaseException:
        unmount(f"{container}/rootfs")
        raise


def post_stop(data: str, name: str) -> None:
    """Unmount the root filesystem and empty the ephemeral layer. Raises HookError, OSError."""
    unmount(f"{data}/containers/{name}/rootfs")
    empty(f"{data}/containers/{name}/ephemeral")


def check_kind(path: str, what: str, *, is_file: bool) -> None:
    """Refuse what is not there, is a link, or is of another kind: LXC would follow a link to anywhere on the host."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        raise HookError(f"{what} is missing") from None
    if stat.S_ISLNK(mode):
        raise HookError(f"{what} is a symbolic link, which is not followed")
    if not (stat.S_ISREG(mode) if is_file else stat.S_ISDIR(mode)):
        raise HookError(f"{what} is not a {'file' if is_file else 'directory'}")


def check_mountpoints(rootfs: str, config: str) -> None:
    """Refuse mountpoints that lead through a link: LXC would not mount there, but would make them first, on the host."""
    with open(config, encoding="utf-8") as lines:
        targets = [line.split()[3] for line in lines if line.startswith("lxc.mount.entry = ")]
    top = os.open(rootfs, OPEN_DIRECTORY)
    try:
        for target in targets:
            check_mountpoint(top, target)
    finally:
        os.close(top)


def check_mountpoint(top: int, target: str) -> None:
    """Follow a path in an open root filesystem as far as it exists."""
    directory = os.dup(top)
    try:
        for part in target.split("/"):
            mode = os.stat(part, dir_fd=directory, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                raise HookError(f"the mountpoint /{target} is or goes through a symbolic link of the root filesystem: {part}")
            if not stat.S_ISDIR(mode):
                return
            inner = os.open(part, OPEN_DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = inner
    except FileNotFoundError:
        return
    finally:
        os.close(directory)


def mount_overlay(data: str, name: str, lower: list[str], upper: str) -> None:
    """Mount layers (the lowest first) with a writable directory on top, whose path is relative to the layers."""
    if len(lower) > MAX_LOWER:
        raise HookError(f"there are {len(lower)} read-only layers, the kernel allows {MAX_LOWER}: use fewer layers")
    options = overlay_options(name, lower, upper)
    if len(options) > MAX_OPTIONS:
        raise HookError(
            f"the names of {len(lower)} layers take {len(options)} characters of mount options, the kernel allows {MAX_OPTIONS}:"
            " use fewer layers or shorter names"
        )
    os.chdir(f"{data}/layers")
    try:
        _mount("overlay", f"{data}/containers/{name}/rootfs", "overlay", 0, options)
    except UnknownOption:
        # An older kernel has nothing of this that could be switched off.
        _mount("overlay", f"{data}/containers/{name}/rootfs", "overlay", 0, options.removeprefix(f"{WHOLE},"))


def overlay_options(name: str, lower: list[str], upper: str) -> str:
    """Return what mount is told: the leftmost is the topmost, all relative to the layers, because they share one page."""
    return f"{WHOLE},lowerdir={':'.join(reversed(lower))},upperdir={upper},workdir=../containers/{name}/olwork"


def mount_bind(source: str, target: str) -> None:
    """Make a directory the root filesystem as it is."""
    _mount(source, target, "", MS_BIND, "")
    # A bind mount takes on its flags only when it is there.
    _mount("", target, "", MS_BIND | MS_REMOUNT, "")


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    # A device file that a layer brings along must not be one on the host.
    flags |= MS_NODEV
    if _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()):
        number = ctypes.get_errno()
        kind_of_error = UnknownOption if number == errno.EINVAL else HookError
        raise kind_of_error(f"mounting the root filesystem failed: {os.strerror(number)}")


def unmount(path: str) -> None:
    """Unmount everything that is mounted at a path, in use or not; nothing mounted is fine."""
    flags = UMOUNT_NOFOLLOW
    while True:
        if _libc.umount2(path.encode(), flags) == 0:
            continue
        number = ctypes.get_errno()
        if number == errno.EINVAL:
            return
        if number != errno.EBUSY or flags & MNT_DETACH:
            raise HookError(f"unmounting the root filesystem failed: {os.strerror(number)}")
        # Someone on the host is in it: out of sight at once, gone when they leave.
        flags |= MNT_DETACH


def renew(path: str, *, like: str) -> None:
    """Empty the upper directory and make it look like the topmost layer: it becomes the container's `/`."""
    directory = os.open(path, OPEN_DIRECTORY)
    try:
        empty_open(directory)
        for attribute in os.listxattr(directory):
            # What the last run left: access lists of its own, the overlay's notes. A label of the host's stays.
            if attribute.startswith(("user.", "trusted.", "system.posix_acl_")):
                os.removexattr(directory, attribute)
        wanted = os.lstat(like)
        os.fchown(directory, wanted.st_uid, wanted.st_gid)
        os.fchmod(directory, stat.S_IMODE(wanted.st_mode))
    finally:
        os.close(directory)


def empty(path: str) -> None:
    """Remove all that a directory holds, following no link; the directory stays. A missing one is fine."""
    try:
        directory = os.open(path, OPEN_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        empty_open(directory)
    finally:
        os.close(directory)


def empty_open(top: int) -> None:
    """Remove all that an open directory holds, however deep: a container may nest directories without bound.

    What is in a directory moves up to the top before the directory is removed, so no path gets long and only two
    directories are open at a time.
    """
    prefix = ""
    moved = 0
    while names := _remove_files(top):
        # Names that the container could not foresee.
        prefix = prefix or f".{os.urandom(8).hex()}."
        for name in names:
            directory = os.open(name, OPEN_DIRECTORY, dir_fd=top)
            try:
                while inner := _remove_files(directory):
                    for inner_name in inner:
                        moved += 1
                        os.rename(inner_name, f"{prefix}{moved}", src_dir_fd=directory, dst_dir_fd=top)
            finally:
                os.close(directory)
            os.rmdir(name, dir_fd=top)


def _remove_files(directory: int) -> list[str]:
    """Remove all but the directories in a directory; return some of those, as long as there are any."""
    names: list[str] = []
    found = True
    while found and not names:
        found = False
        with os.scandir(directory) as entries:
            for entry in entries:
                found = True
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=directory)
                elif len(names) < 1000:
                    names.append(entry.name)
    return names


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    data = os.path.dirname(os.path.abspath(arguments[0]))
    verb, *words = arguments[1:]
    name = os.environ.get("LXC_NAME", "")
    if words[:1] == ["--name"]:
        name, words = words[1], words[2:]
    build = words[:1] == ["--build"]
    volumes_at = words.index("--") if "--" in words else len(words)
    if "/" in name or not name or name.startswith("."):
        print(f"{name!r} is not a container's name", file=sys.stderr)
        return 1
    try:
        if verb == "pre-start":
            forget_error(data, name)
            pre_start(data, name, words[build:volumes_at], words[volumes_at + 1 :], build=build)
        else:
            post_stop(data, name)
    except (HookError, OSError) as error:
        keep_error(data, name, error)
        return 1
    return 0


def forget_error(data: str, name: str) -> None:
    """Remove the reason of the last failure."""
    try:
        os.unlink(f"{data}/containers/{name}/hook.error")
    except FileNotFoundError:
        pass


def keep_error(data: str, name: str, error: Exception) -> None:
    """Leave the reason of a failure where the panel looks for it."""
    text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
    print(text, file=sys.stderr)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(f"{data}/containers/{name}/hook.error", flags, 0o600)
    os.write(file, text.encode(errors="replace"))
    os.close(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

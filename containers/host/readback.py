"""LXC's own reading of a configuration, compared with what the text was meant to say."""

from __future__ import annotations

import re
import signal
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from containers.domain.lxc_config import Item, parse
from containers.errors import InvalidRequest
from containers.host.command import Runner

_TIMEOUT_S: Final = 10
_NAME: Final = "check"

# Every key of LXC 5.0 to 7.0 that lxc-info answers for; one that its version does not know it calls invalid.
_KEYS: Final = tuple(
    """
    lxc.arch lxc.apparmor.profile lxc.apparmor.allow_incomplete lxc.apparmor.allow_nesting lxc.apparmor.raw
    lxc.autodev.tmpfs.size lxc.autodev lxc.cap.drop lxc.cap.keep lxc.cgroup lxc.cgroup2 lxc.cgroup.dir.monitor.pivot
    lxc.cgroup.dir.monitor lxc.cgroup.dir.container.inner lxc.cgroup.dir.container lxc.cgroup.dir lxc.cgroup.relative
    lxc.console.buffer.size lxc.console.logfile lxc.console.path lxc.console.rotate lxc.console.size lxc.sched.core
    lxc.environment.runtime lxc.environment.hooks lxc.environment lxc.ephemeral lxc.execute.cmd lxc.group
    lxc.hook.autodev lxc.hook.clone lxc.hook.destroy lxc.hook.mount lxc.hook.post-stop lxc.hook.pre-mount
    lxc.hook.pre-start lxc.hook.start lxc.hook.start-host lxc.hook.stop lxc.hook.version lxc.idmap lxc.init.cmd
    lxc.init.gid lxc.init.groups lxc.init.uid lxc.init.cwd lxc.keyring.session lxc.log.file lxc.log.level lxc.log.syslog
    lxc.monitor.unshare lxc.monitor.signal.pdeath lxc.mount.auto lxc.mount.entry lxc.mount.fstab lxc.namespace.clone
    lxc.namespace.keep lxc.namespace.share.net lxc.namespace.share.pid lxc.namespace.share.user lxc.time.offset.boot
    lxc.time.offset.monotonic lxc.net lxc.net.0.type lxc.net.0.link lxc.net.0.flags lxc.net.0.name lxc.net.0.hwaddr
    lxc.net.0.mtu lxc.net.0.ipv4.address lxc.net.0.ipv4.gateway lxc.net.0.ipv6.address lxc.net.0.ipv6.gateway
    lxc.net.0.script.up lxc.net.0.script.down lxc.net.0.veth.pair lxc.no_new_privs lxc.prlimit lxc.proc
    lxc.pty.max lxc.rootfs.managed lxc.rootfs.mount lxc.rootfs.options lxc.rootfs.path lxc.seccomp.allow_nesting
    lxc.seccomp.notify.cookie lxc.seccomp.notify.proxy lxc.seccomp.profile lxc.selinux.context.keyring
    lxc.selinux.context lxc.signal.halt lxc.signal.reboot lxc.signal.stop lxc.start.auto lxc.start.delay lxc.start.order
    lxc.sysctl lxc.tty.dir lxc.tty.max lxc.uts.name
    """.split()  # noqa: SIM905  a hundred lines otherwise
)
# Each line of these adds to what the included files say; of all others the last line counts.
_LISTS: Final = ("lxc.cap.drop", "lxc.environment", "lxc.hook.", "lxc.idmap", "lxc.mount.entry")
_CGROUPS: Final = ("lxc.cgroup.", "lxc.cgroup2.")
_SCALAR_HOOK: Final = "lxc.hook.version"
_INVALID: Final = re.compile(r"lxc\.\S+ invalid")
_REALTIME: Final = re.compile(r"SIGRT(MIN|MAX)([+-]\d+)")

Values = Mapping[str, list[str]]


def differences(text: str, runner: Runner, *, directory: Path) -> list[str]:
    """Return every key for which LXC's answer is not what `text` was meant to say; `directory` is for root only.

    Raises InvalidRequest if LXC cannot read it at all.
    """
    items = [item for item in parse(text) if item[0] != "lxc.include"]
    includes = "".join(f"{key} = {value}\n" for key, value in parse(text) if key == "lxc.include")
    found = ask(text, runner, directory=directory)
    wanted = _meant(items, ask(includes, runner, directory=directory))
    return sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))


def ask(text: str, runner: Runner, *, directory: Path) -> Values:
    """Return LXC's values for every key, in one command; keys without a value are left out."""
    with tempfile.TemporaryDirectory(prefix="check-", dir=directory) as path:
        container = Path(path, _NAME)
        container.mkdir()
        (container / "config").write_bytes(text.encode())
        argv = ["/usr/bin/lxc-info", "-P", path, "-n", _NAME, *(word for key in _KEYS for word in ("-c", key))]
        result = runner.run(argv, timeout_s=_TIMEOUT_S, ok_codes=None, record=False, output_cap=4 * len(text) + 2**17)
    if result.exit_code:
        raise InvalidRequest("LXC cannot read the configuration", details=result.output)
    return _read(result.output)


def _read(output: str) -> Values:
    """Read `key = first value`, further values on lines of their own, an empty line after a list."""
    values: dict[str, list[str]] = defaultdict(list)
    waiting = list(_KEYS)
    current = ""
    for line in output.split("\n"):
        key = line.partition(" =")[0]
        if key in waiting:
            # The answers come in the order of the questions: no value of a key can pass for an earlier one's.
            waiting = waiting[waiting.index(key) + 1 :]
            current, line = key, line[len(key) + 2 :].removeprefix(" ")
        if line and not _INVALID.fullmatch(line):
            values[current].append(line)
    if values.get("lxc.cap.keep") == values.get("lxc.cap.drop"):
        # LXC 5.0.2 shows the one list for both when the other is empty.
        values.pop("lxc.cap.keep", None)
    return dict(values)


def _meant(items: Iterable[Item], included: Values) -> Values:
    values = {key: list(value) for key, value in included.items()}
    for key, value in items:
        if key.startswith(_CGROUPS):
            # LXC answers for all of a version at once.
            values.setdefault(".".join(key.split(".")[:2]), []).append(f"{key} = {value}")
        elif key.startswith(_LISTS) and key != _SCALAR_HOOK:
            values.setdefault(key, []).extend(_normal(key, value))
        else:
            values[key] = _normal(key, value)
    if "lxc.net.0.type" in values:
        values["lxc.net"] = values["lxc.net.0.type"]
    return values


def _normal(key: str, value: str) -> list[str]:
    """Return a value as LXC shows it."""
    if key == "lxc.cap.drop":
        return value.split()
    if key == "lxc.rootfs.path":
        return [value.removeprefix("dir:")]
    if key == "lxc.signal.halt":
        return [str(_signal_number(value))]
    if key == "lxc.net.0.ipv4.address":
        # The broadcast address stands behind it, and is not shown.
        return [value.partition(" ")[0]]
    return [value]


def _signal_number(name: str) -> int:
    if match := _REALTIME.fullmatch(name):
        return int(getattr(signal, f"SIGRT{match[1]}")) + int(match[2])
    return int(name) if name.isdigit() else int(getattr(signal, name))

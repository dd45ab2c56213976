"""Real containers below directories, a bridge and a subnet of their own, made as the worker makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from containers.domain.addresses import next_address
from containers.domain.layout import Layout
from containers.domain.lxc_config import ConfigContext, render
from containers.domain.spec import ContainerSpec
from containers.host import config, directories, facts
from containers.host.command import CommandResult, Runner
from containers.host.lxc import Lxc
from tests.support.recorder import KeepingRecorder

IDMAP_BASE = 100_000
IDMAP_SIZE = 65_536
LAYER = "base"
SLEEP = {"cmd": "sleep 1000", "halt": "SIGKILL"}


@dataclass
class Box:
    """Makes containers and remembers them; `clear` removes whatever is left of them."""

    layout: Layout
    bridge: str
    subnet: IPv4Network
    prefix: str
    recorder: KeepingRecorder = field(default_factory=KeepingRecorder)
    addresses: dict[str, str] = field(default_factory=dict)
    volumes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.runner = Runner(self.recorder)
        self.lxc = Lxc(self.layout, self.runner)

    @property
    def context(self) -> ConfigContext:
        return ConfigContext(
            layout=self.layout,
            bridge=self.bridge,
            subnet=self.subnet,
            idmap_base=IDMAP_BASE,
            idmap_size=IDMAP_SIZE,
            cgroup2=facts.has_cgroup2(),
            apparmor=facts.has_apparmor(),
        )

    def make(self, word: str = "web", *, limits: Mapping[str, Any] | None = None, **definition: Any) -> str:
        """Create a stopped container and return its name, which no other test process uses."""
        name = f"{self.prefix}-{word}"
        self.addresses.setdefault(name, next_address(self.subnet, self.addresses.values()))
        self.write(name, limits=limits, **definition)
        return name

    def write(self, name: str, *, limits: Mapping[str, Any] | None = None, **definition: Any) -> bool:
        """Write a container's directories, volumes and configuration anew; return whether the latter changed."""
        data = {"name": name, "definition": {"layers": [LAYER], **SLEEP, **definition}, "limits": dict(limits or {})}
        spec = ContainerSpec.parse(data, idmap_size=IDMAP_SIZE)
        directories.create(self.layout, name, idmap_base=IDMAP_BASE)
        for mount in spec.definition.mount_specs:
            ids = {key: IDMAP_BASE + int(getattr(spec.definition, key) or 0) for key in ("uid", "gid")}
            directories.ensure_volume(self.layout, mount.volume, is_file=mount.is_file, **ids)
            self.volumes.add(mount.volume)
        return config.write(self.layout, name, render(spec, self.addresses[name], self.context), self.runner)

    def start(self, word: str = "web", **definition: Any) -> str:
        """Create a container and start it."""
        name = self.make(word, **definition)
        self.lxc.start(name, timeout_s=120)
        return name

    def shell(self, name: str, script: str, **options: Any) -> CommandResult:
        """Run a script in a running container; any exit code will do."""
        return self.lxc.attach(name, ["/bin/sh", "-c", script], timeout_s=120, ok_codes=None, **options)

    def clear(self) -> None:
        """Kill and remove what a test has made."""
        lxc = Lxc(self.layout, Runner())
        for name in self.addresses:
            lxc.kill(name)
            directories.destroy(self.layout, name, Runner())
        for volume in self.volumes:
            directories.remove_volume(self.layout, volume)

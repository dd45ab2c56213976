"""The LXC configuration of a container as its next start will write it."""

from __future__ import annotations

from django.conf import settings

from containers.domain.lxc_config import ConfigContext, render
from containers.models import Container, Host
from containers.services import logs, specs


def preview(container: Container) -> str:
    """Return the text; load the rows with `with_definition()` first. Raises InvalidRequest where they are not valid."""
    return render(specs.spec_of(container), container.address, _context(container.host))


def _context(host: Host) -> ConfigContext:
    return ConfigContext(
        layout=logs.layout(),
        bridge=settings.BRIDGE,
        subnet=settings.SUBNET,
        idmap_base=settings.IDMAP_BASE,
        idmap_size=settings.IDMAP_SIZE,
        cgroup2=host.cgroup2,
        apparmor=host.apparmor,
    )

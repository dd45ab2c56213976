"""The monitor's look for what is other than it should be.

It costs a read and a checksum per container; what a file says is compared only where that is another one than was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.utils import timezone

from containers.choices import ACTIVE_JOB_STATES
from containers.domain import drift
from containers.domain.drift import Entry
from containers.domain.layout import Layout
from containers.domain.limits import Limits
from containers.domain.names import container_name
from containers.domain.states import State
from containers.errors import InvalidRequest
from containers.host import config, live_limits, metrics, rootfs
from containers.host.facts import Look
from containers.models import Container, Host, JobContainer
from containers.services import configs
from containers.services import drift as service
from containers.services.hosts import is_name

# Between these nothing is expected to hold.
_SETTLED = frozenset({State.STOPPED, State.RUNNING, State.FROZEN})


@dataclass(frozen=True)
class Drifting:
    """One look at all containers of a host."""

    host: Host
    layout: Layout

    def look(self, looks: Mapping[str, Look]) -> None:
        """Compare rows and host, and write what differs; what a job is at is left for the next time."""
        looked_at = timezone.now()
        mounted = rootfs.mounted_names(self.layout)
        rows = Container.objects.filter(host=self.host, is_created=True).exclude(name__in=self._busy())
        settled = [row for row in rows if self._is_settled(row, looks)]
        texts = self._changed_texts(settled)
        found = {
            row.name: [
                *texts.get(row.name, ()),
                *self._of_limits(row, looks[row.name]),
                *_of_rootfs(row, looks[row.name], mounted),
            ]
            for row in settled
        }
        # A job may have begun while this was looked at.
        busy = self._busy()
        service.record(self.host, {name: entries for name, entries in found.items() if name not in busy}, looked_at)

    def _busy(self) -> set[str]:
        active = JobContainer.objects.filter(job__host=self.host, job__state__in=ACTIVE_JOB_STATES)
        return set(active.values_list("name", flat=True))

    def _is_settled(self, row: Container, looks: Mapping[str, Look]) -> bool:
        """Whether the row says what LXC said: otherwise something has just happened."""
        look = looks.get(row.name)
        return is_name(container_name, row.name) and look is not None and look.state in _SETTLED and look.state == row.state

    def _changed_texts(self, rows: Sequence[Container]) -> dict[str, tuple[Entry, ...]]:
        """Compare what LXC reads of a file with what it should, where the file is another one than was written last."""
        changed = {row.name: text for row in rows if row.config_digest and (text := self._changed_text(row)) is not _SAME}
        known = Container.objects.filter(host=self.host, name__in=changed).select_related("host").with_definition()
        return {row.name: _of_config(row, changed[row.name]) for row in known}

    def _changed_text(self, row: Container) -> str | None:
        content = config.read(self.layout, row.name)
        if content is not None and sha256(content).hexdigest() == row.config_digest:
            return _SAME
        return None if content is None else content.decode(errors="replace")

    def _of_limits(self, row: Container, look: Look) -> tuple[Entry, ...]:
        # A change that waits for a restart is told as such.
        if look.pid is None or row.is_pending or not row.applied_digest:
            return ()
        groups = metrics.groups_of(row.name, look.pid)
        live = live_limits.read(groups) if groups else None
        try:
            return drift.of_limits(Limits.parse(row.limits.model_dump()), live) if live else ()
        except InvalidRequest:
            # Its row is broken: that is told where it is used.
            return ()


# A text that no file has: told apart from one that is gone.
_SAME = "\0"


def _of_config(row: Container, text: str | None) -> tuple[Entry, ...]:
    try:
        wanted = configs.preview(row)
    except InvalidRequest:
        return ()
    return drift.of_config(wanted, text)


def _of_rootfs(row: Container, look: Look, mounted: set[str]) -> tuple[Entry, ...]:
    is_running = look.state != State.STOPPED
    return drift.of_rootfs(is_running=is_running, is_mounted=row.name in mounted, should_be_mounted=row.is_mounted)

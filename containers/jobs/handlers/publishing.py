"""Ports of the host that lead to containers of installed apps."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from containers.domain.plan import Action, PlanStep
from containers.host import network, ports
from containers.host.command import Runner
from containers.host.ports import Forward
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.models import Host
from containers.services import app_rows


def wanted(host: Host) -> list[Forward]:
    """Return what the rows say. What a program of the host listens on stays the program's."""
    taken = ports.listening()
    return [Forward(*row) for row in app_rows.forwards(host) if row[0] not in taken]


def look(host: Host, runner: Runner) -> list[str]:
    """Return what differs from what the rows say, as a sentence."""
    if ports.is_set(settings.BRIDGE, settings.SUBNET, wanted(host), runner):
        return []
    return ["the ports of the host that lead to apps are not those that they should be"]


class PublishHandler(Handler):
    """Leads on exactly the ports that the rows say; safe to repeat. The bridge's lock keeps two from undoing each other."""

    def scope(self) -> frozenset[str]:
        """Lock the bridge."""
        return frozenset({f"bridge:{settings.BRIDGE}"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """One step, with all ports as its reason."""
        self._wanted = wanted(self.job.host)
        what = ", ".join(str(item.port) for item in self._wanted)
        return [PlanStep(1, "", Action.PUBLISH, f"ports of the host that lead to apps: {what or 'none'}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Replace the table."""
        if self._wanted:
            network.ensure(settings.BRIDGE, settings.SUBNET, self.runner(recorder))
        ports.ensure(settings.BRIDGE, settings.SUBNET, self._wanted, self.runner(recorder))

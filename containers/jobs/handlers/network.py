"""The bridge, its address, forwarding and masquerading."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from containers.domain.plan import Action, PlanStep
from containers.host import network, ports
from containers.host.command import Runner
from containers.jobs.handlers import publishing
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.services import network as service


class NetworkHandler(Handler):
    """Sets up what is missing of the containers' network; safe to repeat."""

    def scope(self) -> frozenset[str]:
        """Lock the bridge; no container is touched."""
        return frozenset({f"bridge:{settings.BRIDGE}"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """One step, with what is missing as its reason."""
        missing = self._look()
        self._ports = publishing.wanted(self.job.host)
        return [PlanStep(1, "", Action.NETWORK, "; ".join(missing) or "nothing is missing", ())]

    def run(self) -> None:
        """Set it up, and write what is missing still."""
        super().run()
        looked_at = timezone.now()
        service.record_look(self.job.host, self._look(), looked_at)

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Set up bridge, forwarding and masquerading, and the ports that lead to apps."""
        network.ensure(settings.BRIDGE, settings.SUBNET, self.runner(recorder))
        ports.ensure(settings.BRIDGE, settings.SUBNET, self._ports, self.runner(recorder))

    def _look(self) -> list[str]:
        return [*network.look(settings.BRIDGE, settings.SUBNET), *publishing.look(self.job.host, Runner())]

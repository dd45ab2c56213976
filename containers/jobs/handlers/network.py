"""The bridge, its address, forwarding and masquerading."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from containers.domain.plan import Action, PlanStep
from containers.host import network
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder


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
        missing = network.look(settings.BRIDGE, settings.SUBNET)
        return [PlanStep(1, "", Action.NETWORK, "; ".join(missing) or "nothing is missing", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Set up bridge, forwarding and masquerading."""
        network.ensure(settings.BRIDGE, settings.SUBNET, self.runner(recorder))

"""Measuring of volumes, and removal of those that nothing mounts."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from containers.domain import names
from containers.domain.plan import Action, PlanStep
from containers.errors import Conflict
from containers.host import volumes
from containers.jobs import messages
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.services import hosts
from containers.services import volumes as service


class VolumeScanHandler(Handler):
    """Measures every volume, one after the other: the disk is the limit. What goes meanwhile is left out."""

    def scope(self) -> frozenset[str]:
        """One measuring at a time; containers go on."""
        return frozenset({"volumes:all"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """One step; what is on the host is written down at once."""
        self._names = sorted(found := volumes.listing(self.layout))
        service.record_made(self.job.host, found)
        return [PlanStep(1, "", Action.MEASURE, f"{len(found)} volumes", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Ask du for each; each is told as soon as it is known. What a killed removal left goes first: it is nobody's."""
        volumes.remove_set_aside(self.layout)
        for name in self._names:
            recorder.note(f"measures {name}")
            try:
                size = volumes.measure(self.layout, self.runner(recorder), name)
            except FileNotFoundError:
                # Removed since it was listed.
                continue
            recorder.tell(messages.VolumeMeasured(step=step.number, volume=name, size_bytes=size))

    def keep(self, message: messages.Message) -> None:
        """Write a size to its row."""
        if isinstance(message, messages.VolumeMeasured):
            service.record_size(self.job.host, message.volume, message.size_bytes, message.at)


class VolumeRemoveHandler(Handler):
    """Removes a volume that no definition mounts and no container runs with.

    It is taken out of the way while nobody can save a definition; removed is what lies aside. A second run finds that, too.
    """

    def name(self) -> str:
        """Return the volume's name from the job's row, checked again."""
        return self.target_name("volume", names.volume_name)

    def scope(self) -> frozenset[str]:
        """Lock the volume."""
        return frozenset({f"volume:{self.name()}"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """One step: the removal. Raises Conflict while the volume is used."""
        name = self.name()
        with transaction.atomic():
            hosts.lock()
            service.check_unused(name)
            if running := volumes.running_users(self.layout, name):
                resolution = "Restart them, so that they run without it."
                raise Conflict(f"{', '.join(running)} runs with the volume {name} still", resolution=resolution)
            volumes.set_aside(self.layout, name)
            service.record_removed(self.job.host, [name])
        return [PlanStep(1, "", Action.REMOVE, f"volume {name}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Remove what lies aside; what is gone already is fine."""
        recorder.note(f"removes {self.layout.volume(self.name())}")
        volumes.remove_set_aside(self.layout)

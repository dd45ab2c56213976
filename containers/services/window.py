"""Of the live events, those that somebody may see."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections

from containers.services import hosts, typed
from containers.services.sight import Sight
from containers.services.stream import LiveEvent

# Jobs that are remembered; one that is older is looked up again.
MOST_JOBS: Final = 500


@dataclass
class Window:
    """One who listens. Who sees everything costs nothing; for others each job is looked up once."""

    sight: Sight
    _jobs: OrderedDict[int, bool] = field(default_factory=OrderedDict)

    async def of(self, event: LiveEvent) -> LiveEvent | None:
        """Return the event, or what may be seen of it, or None."""
        if event.kind == "command" and self.sight.typed is not None:
            # Whose command it is, is not asked for each: the job's page has it.
            event = replace(event, data={**event.data, "argv": _without_inside(event.data.get("argv"))})
        if self.sight.scopes is None:
            return event
        data = event.data
        match event.kind:
            case "container":
                return event if self.sight.covers(str(data.get("name"))) else None
            case "terminal":
                return event if self.sight.covers(str(data.get("container"))) else None
            case "sample":
                containers = data.get("containers")
                seen = containers if isinstance(containers, dict) else {}
                return replace(event, data={**data, "containers": {n: v for n, v in seen.items() if self.sight.covers(n)}})
        number = data.get("id") if event.kind == "job" else data.get("job")
        return event if isinstance(number, int) and await self._sees(number) else None

    async def _sees(self, number: int) -> bool:
        if number not in self._jobs:
            self._jobs[number] = await sync_to_async(self._ask)(number)
            while len(self._jobs) > MOST_JOBS:
                self._jobs.popitem(last=False)
        return self._jobs[number]

    def _ask(self, number: int) -> bool:
        close_old_connections()
        try:
            return 0 < number <= hosts.MAX_ID and self.sight.jobs().filter(pk=number).exists()
        except DatabaseError:
            # Nobody knows: it is not shown, and the page asks again by itself.
            return False
        finally:
            close_old_connections()


def _without_inside(argv: object) -> list[object]:
    return typed.without_inside(argv) if isinstance(argv, list) else []

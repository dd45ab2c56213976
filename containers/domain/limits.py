"""How much of the host a container may use, and how long its changes of state may take. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field

from containers.domain.values import Value

MIN_MEMORY_BYTES: Final = 4 * 1024 * 1024
MAX_MEMORY_BYTES: Final = 2**60
# The kernel's own bound on process ids (PID_MAX_LIMIT): more processes than that there cannot be.
MAX_PIDS: Final = 4_194_304

Seconds = Annotated[int, Field(ge=1, le=86_400)]


class Limits(Value):
    """Upper bounds of a container's resources; None is no bound."""

    memory_bytes: Annotated[int, Field(ge=MIN_MEMORY_BYTES, le=MAX_MEMORY_BYTES)] | None = None
    cpus: Annotated[float, Field(ge=0.01, le=1024)] | None = None
    pids: Annotated[int, Field(ge=1, le=MAX_PIDS)] | None = None

    @classmethod
    def parse(cls, data: object, *, field: str = "limits") -> Self:
        """Return the limits that JSON `data` describes; raise InvalidRequest with every error at once."""
        return cls.validate_as(data, field=field)

    def export(self) -> dict[str, object]:
        """Return the JSON form without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Timeouts(Value):
    """Seconds until a start, a readiness check or a stop counts as failed."""

    start: Seconds = 30
    ready: Seconds = 30
    stop: Seconds = 30

    @classmethod
    def parse(cls, data: object, *, field: str = "timeouts") -> Self:
        """Return the timeouts that JSON `data` describes; raise InvalidRequest with every error at once."""
        return cls.validate_as(data, field=field)

    def export(self) -> dict[str, object]:
        """Return the JSON form without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

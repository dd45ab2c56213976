"""A container as it is created, changed, imported and kept in revisions: the definition and all beside it. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Self

from pydantic import AfterValidator

from containers.domain import overlay
from containers.domain.definition import DEFAULT_IDMAP_SIZE, ContainerName, Definition
from containers.domain.limits import Limits, Timeouts
from containers.domain.text import MAX_DESCRIPTION, check_text
from containers.domain.values import Value
from containers.errors import InvalidRequest


def _description(value: str) -> str:
    return check_text(value, max_length=MAX_DESCRIPTION)


class ContainerSpec(Value):
    """All that a person decides about one container."""

    name: ContainerName
    definition: Definition
    description: Annotated[str, AfterValidator(_description)] = ""
    autostart: bool = False
    protected: bool = False
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()

    @classmethod
    def parse(cls, data: object, *, idmap_size: int = DEFAULT_IDMAP_SIZE, field: str = "") -> Self:
        """Return the container that JSON `data` describes; raise InvalidRequest with every error at once."""
        spec = cls.validate_as(data, field=field, context={"idmap_size": idmap_size})
        try:
            overlay.check(spec.name, spec.definition.layers, build=spec.definition.build)
        except ValueError as error:
            raise InvalidRequest.of(".".join(filter(None, (field, "definition.layers"))), str(error)) from error
        return spec

    def export(self) -> dict[str, object]:
        """Return the JSON form, which `parse` takes: keys in order, those that hold their default left out."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def revision_data(self) -> dict[str, object]:
        """Return what a revision keeps: everything but the name, which never changes."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"name"})

    def digest(self, address: str) -> str:
        """Return the SHA-256 of all that a start puts into effect.

        A running container whose digest has changed since its start needs a restart. Dependencies and the
        readiness check are left out: they are looked up anew whenever they are used.
        """
        effect = {
            "definition": self.definition.model_dump(mode="json", exclude_defaults=True, exclude={"depends", "ready"}),
            "limits": self.limits.export(),
            "address": address,
        }
        return hashlib.sha256(json.dumps(effect, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

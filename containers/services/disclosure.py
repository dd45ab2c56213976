"""Definitions as who looks may see them: what looks like a secret is hidden from who may not edit the container.

The only way from rows to pages and the API. Root's own processes and commands, as whom nobody looks, see everything; what
is stored and what is run never comes from here.
"""

from __future__ import annotations

from typing import Any

from containers.domain import secrecy
from containers.domain.drift import Entry
from containers.models import Container, Revision
from containers.services import configs, drift, sight, specs


def data_of(container: Container) -> dict[str, Any]:
    """Return the container in its JSON form, defaults left out; load the rows with `with_definition()` first."""
    return _shown(container.name, specs.data_of(container))


def definition_of(container: Container) -> dict[str, Any]:
    """Return the definition in its JSON form, defaults left out."""
    return _shown(container.name, specs.definition_of(container))


def revision_of(revision: Revision) -> dict[str, Any]:
    """Return what a save made of the container."""
    return _shown(revision.container_name, revision.data)


def config_of(container: Container) -> str:
    """Return the LXC configuration as the next start will write it. Raises InvalidRequest where the rows are not valid."""
    text = configs.preview(container)
    return text if is_clear(container.name) else secrecy.masked_config(text)


def drift_of(container: Container) -> list[Entry]:
    """Return what differs between the definition and the host."""
    entries = drift.entries(container)
    return entries if is_clear(container.name) else [entry.masked() for entry in entries]


def defaults(data: dict[str, Any]) -> dict[str, Any]:
    """Return what an image gives to containers made of it: clear for who may make some, wherever."""
    masked: dict[str, Any] = data if sight.current().clear != frozenset() else secrecy.masked(data)
    return masked


def is_clear(name: str) -> bool:
    """Return whether who looks sees the secrets of the container, too."""
    return sight.current().is_clear(name)


def shown(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return what a container called `name` is to become, in its JSON form."""
    return _shown(name, data)


def _shown(name: str, data: dict[str, Any]) -> dict[str, Any]:
    masked: dict[str, Any] = data if is_clear(name) else secrecy.masked(data)
    return masked

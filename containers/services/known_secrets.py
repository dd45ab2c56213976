"""What is known to be secret of a container, so that no record of a job tells it, whoever prints it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db.models import F

from containers.domain.answers import as_text
from containers.domain.secrecy import values_of
from containers.errors import HostError
from containers.models import Container, Installation, Revision
from containers.services import hosts, vault


def of_containers(rows: Sequence[Container]) -> dict[str, set[str]]:
    """Return {container: secrets}: its variables', as saved and as in effect, and those of its app's answers.

    Load the rows with `with_definition()` first; two queries more, whatever their number.
    """
    found = {row.name: values_of({one.key: one.value for one in row.environment.all()}) for row in rows}
    for name, env in _in_effect(rows):
        found[name] |= values_of(env)
    for name, answers in _of_apps(rows):
        found[name] |= answers
    return found


def of_name(name: str) -> set[str]:
    """Return the secrets of the container of this host that is called `name`."""
    return of_containers(list(hosts.containers().filter(name=name).with_definition())).get(name, set())


def _in_effect(rows: Sequence[Container]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    names = {row.pk: row.name for row in rows if row.applied_revision not in (None, row.revision)}
    if not names:
        return
    older = Revision.objects.filter(container__in=names, number=F("container__applied_revision"))
    for key, data in older.values_list("container", "data"):
        definition = data.get("definition") if isinstance(data, dict) else None
        env = definition.get("env") if isinstance(definition, dict) else None
        if isinstance(env, dict):
            yield names[key], env


def _of_apps(rows: Sequence[Container]) -> Iterable[tuple[str, set[str]]]:
    columns = ("containers__container__name", "secrets", "next_secrets")
    for name, *sealed in Installation.objects.filter(containers__container__in=rows).values_list(*columns):
        yield name, set().union(*map(_answers, sealed))


def _answers(sealed: str) -> set[str]:
    # A container is stopped all the same where its app's answers cannot be read any more.
    with suppress(HostError, ValueError, AttributeError):
        return {as_text(value) for value in json.loads(vault.open(sealed)).values() if value} if sealed else set()
    return set()

"""What is known of a backup before it is restored: its app, which answers are public, which volumes it would make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from containers.catalog import apps
from containers.catalog.apps import App
from containers.domain.backup import BackupFacts, BackupHeader
from containers.domain.questions import QuestionType
from containers.errors import FieldError, InvalidRequest, SpocError
from containers.models import Backup, Volume
from containers.services import hosts, vault


def app_in(backups: QuerySet[Backup], file_name: str) -> App | None:
    """Return the app that one of the host's own backups is of, as the catalogue has it."""
    backup = backups.filter(file_name=file_name).first() if file_name else None
    try:
        return apps.find(backup.app) if backup else None
    except SpocError:
        return None


def facts(header: BackupHeader, volumes: Mapping[str, int], key: str) -> BackupFacts:
    """Return what is told of a backup, of what root has read in it. `volumes` are bytes by what the app calls them."""
    about = {name: getattr(header, name) for name in ("app", "version", "installation", "created_at", "source")}
    ports = {name: value for name in _port_questions(header.app) if type(value := header.answers.get(name)) is int}
    return BackupFacts(**about, volumes=dict(volumes), ports=ports, key=key)


def kept_answers(given: Mapping[str, Any], app: App | None) -> dict[str, Any]:
    """Return answers as a job's row may hold them: sealed, but for those to questions that are known not to be secret."""
    public = {question.name for question in app.manifest.questions if not question.is_secret} if app else set()
    plain = {name: value for name, value in given.items() if name in public}
    hidden = {name: value for name, value in given.items() if name not in public}
    return {**({"answers": plain} if plain else {}), **({"sealed": vault.seal(json.dumps(hidden))} if hidden else {})}


def require_no_volumes(name: str, app: App | None, adopt: Mapping[str, str]) -> None:
    """Raise InvalidRequest where volumes are there that those of a backup of the app would be."""
    new = {f"{name}-{key}": key for key in app.manifest.volumes if key not in adopt} if app else {}
    there = Volume.objects.filter(host__name=hosts.current_name(), name__in=new).values_list("name", flat=True)
    if taken := sorted(there):
        text = "there is a volume {} already: adopt it, or choose another name"
        raise InvalidRequest.all(tuple(FieldError(f"adopt.{new[volume]}", text.format(volume)) for volume in taken))


def _port_questions(name: str) -> list[str]:
    try:
        questions = apps.find(name).manifest.questions
    except SpocError:
        return []
    return [question.name for question in questions if question.type == QuestionType.PORT]

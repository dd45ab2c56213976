"""Rows as the contract's JSON. They judge nothing: a row that was changed behind the forms' back is shown, too."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from containers.domain.entries import export
from containers.domain.questions import Question
from containers.domain.repository import OWN, Index
from containers.models import Command, Container, Image, Job, Layer, Line, Repository, Revision, Step
from containers.services import disclosure, exported, specs, ways_back
from containers.services import images as service
from containers.services.app_sources import OfferedApp
from containers.services.repositories import Offered
from containers.services.typed import Typed
from containers.services.ways_back import WayBack


def container(row: Container) -> dict[str, Any]:
    return {
        "name": row.name,
        "definition": disclosure.definition_of(row),
        "description": row.description,
        "autostart": row.autostart,
        "protected": row.protected,
        "limits": specs.limits_of(row),
        "timeouts": specs.timeouts_of(row),
        "state": row.state,
        "pid": row.pid,
        "address": row.address,
        "pending": row.is_pending,
        "revision": row.revision,
        "job": row.last_job_id,
    }


def revision(row: Revision) -> dict[str, Any]:
    return {
        "number": row.number,
        "user": row.user_name or None,
        "via": row.via,
        "created_at": row.created_at,
        "data": disclosure.revision_of(row),
    }


def job_summary(row: Job) -> dict[str, Any]:
    return {
        "id": row.pk,
        "operation": row.operation,
        "targets": row.targets,
        "inputs": Typed.of(row).inputs,
        "state": row.state,
        "reason": row.reason,
        "error": row.error,
        "user": row.user_name or None,
        "via": row.via,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "retry_of": row.retry_of_id,
    }


def job(row: Job) -> dict[str, Any]:
    """Return a job with its steps; load them with `with_journal()`."""
    typed = Typed.of(row)
    return {**job_summary(row), "steps": [_step(step, typed) for step in row.steps.all()]}


def _step(row: Step, typed: Typed) -> dict[str, Any]:
    return {
        "container": row.container,
        "action": row.action,
        "state": row.state,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "commands": [_command(command, typed.argv(command, row.container)) for command in row.commands.all()],
    }


def _command(row: Command, argv: list[Any]) -> dict[str, Any]:
    return {"argv": argv, "exit_code": row.exit_code, "duration_ms": row.duration_ms, "output": row.output}


def line(row: Line) -> dict[str, Any]:
    return {"number": row.number, "at": row.at, "text": row.text}


def layer(row: Layer) -> dict[str, Any]:
    """Return a layer; load `with_users()` first."""
    return layers([row])[0]


def layers(rows: Collection[Layer]) -> list[dict[str, Any]]:
    """Return layers; load `with_users()` first. One query for who can go back to them."""
    ways_back.mark(rows)
    return [_layer(row) for row in rows]


def _layer(row: Layer) -> dict[str, Any]:
    return {
        "name": row.name,
        "available": row.is_available,
        "size": row.size_bytes,
        "digest": row.digest or None,
        "source": row.source,
        "origin": row.origin,
        "used_by": sorted(use.container.name for use in row.uses.all()),
        "images": sorted(str(use.image) for use in row.image_uses.all()),
        "ways_back": [str(back) for back in row.ways_back],
        "created_at": row.created_at,
    }


def images(rows: Collection[Image]) -> list[dict[str, Any]]:
    """Return images; load `with_layers()` first. Two queries for who stands on them."""
    used_by, backs = service.used_by(rows), service.ways_back_on(rows)
    return [_image(row, used_by[row.pk], backs[row.pk]) for row in rows]


def _image(row: Image, used_by: list[str], backs: list[WayBack]) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "layers": service.layer_names(row),
        "defaults": disclosure.defaults(row.defaults),
        "size": service.size(row),
        "used_by": used_by,
        "ways_back": [str(back) for back in backs],
    }


def repository(row: Repository) -> dict[str, Any]:
    return {
        "name": row.name,
        "location": row.location,
        "public_key": row.public_key,
        "serial": row.serial,
        "checked_at": row.checked_at,
    }


def own_repository(index: Index, images: Iterable[Offered], apps: Iterable[OfferedApp]) -> dict[str, Any]:
    """Return the host's own repository; without a serial before the first export."""
    return {
        "name": OWN,
        "location": str(exported.directory()),
        "public_key": exported.public_key(),
        "serial": index.serial if index.entries else None,
        "checked_at": None,
        "images": offers(images),
        "apps": offered_apps(apps),
    }


def offered_apps(apps: Iterable[OfferedApp]) -> list[dict[str, Any]]:
    return [{**item.entry.model_dump(mode="json"), "here": item.offer} for item in apps]


def offers(images: Iterable[Offered]) -> list[dict[str, Any]]:
    return [{**_offer(item), "here": item.offer} for item in images]


def _offer(item: Offered) -> dict[str, Any]:
    data = export(item.entry)
    return {**data, "defaults": disclosure.defaults(data["defaults"])}


def question(one: Question) -> dict[str, Any]:
    keys = ("name", "label", "help", "default", "required")
    return {
        **{key: getattr(one, key) for key in keys},
        "type": str(one.type),
        "secret": one.is_secret,
        "choices": [choice.value for choice in one.choices],
    }

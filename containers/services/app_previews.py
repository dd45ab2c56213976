"""What an app would be while somebody still types: as far as it can be told, with all that is wrong beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings

from containers.catalog.apps import App
from containers.domain import answers as answering
from containers.domain.installation import Outline, VolumeFile, outline
from containers.domain.manifest import instance_name
from containers.domain.plan import Plan
from containers.domain.samples import answers_for
from containers.domain.secrecy import MASK
from containers.domain.spec import ContainerSpec
from containers.errors import FieldError, InvalidRequest
from containers.services import app_images, hosts, installations
from containers.services.app_images import Expected

_ANSWER: Final = "answers."


@dataclass(frozen=True)
class Look:
    """What can be told of an installation, and what is wrong with what was asked for.

    Without a `plan` it is not what would be installed: examples stand in the place of what is missing or wrong. Without an
    `outline` nothing can be told.
    """

    errors: tuple[FieldError, ...] = ()
    outline: Outline | None = None
    specs: tuple[ContainerSpec, ...] = ()
    plan: Plan | None = None
    images: tuple[Expected, ...] = ()
    # With secrets masked.
    files: tuple[VolumeFile, ...] = ()


def look(app: App, instance: str, given: Mapping[str, Any], adopt: Mapping[str, str]) -> Look:
    """Return what an installation would be. Touches nothing."""
    try:
        found = installations.preview(app, instance, given, adopt)
    except InvalidRequest as error:
        return _sample(app, instance, given, error.errors or (FieldError("", error.brief),))
    images = tuple(app_images.expected(app))
    return Look((), found.outline, found.specs, found.plan, images, _files(app, found.outline))


def _sample(app: App, instance: str, given: Mapping[str, Any], errors: tuple[FieldError, ...]) -> Look:
    wrong = {error.field.removeprefix(_ANSWER) for error in errors if error.field.startswith(_ANSWER)}
    samples = answers_for(app.manifest.questions).values
    # An example need not fit a pattern.
    questions = [one.model_copy(update={"pattern": ""}) if one.name in wrong else one for one in app.manifest.questions]
    try:
        answers = answering.check(
            questions, {**given, **{name: samples[name] for name in wrong if name in samples}}, lenient=True
        )
        made = outline(app.manifest, instance if hosts.is_name(instance_name, instance) else app.name, answers)
        images = tuple(app_images.expected(app))
        specs = made.specs({image.key: image.stack for image in images}, idmap_size=settings.IDMAP_SIZE)
    except InvalidRequest as error:
        known = {item.field for item in errors}
        return Look((*errors, *(item for item in error.errors if item.field not in known)))
    return Look(errors, made, tuple(specs), None, images, _files(app, made))


def _files(app: App, made: Outline) -> tuple[VolumeFile, ...]:
    masked = {name: MASK if name in made.answers.secret_names else value for name, value in made.answers.values.items()}
    return tuple(replace(made, answers=replace(made.answers, values=masked)).files(app.files))

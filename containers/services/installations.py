"""Installed apps: what an installation would be, and what there is. What a job does to one stands in `app_requests`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet

from containers.catalog import apps, installed
from containers.catalog.apps import App
from containers.choices import ContainerState, MountKind
from containers.domain import answers as answering
from containers.domain.answers import Answers
from containers.domain.installation import Outline, outline
from containers.domain.manifest import Phase, instance_name
from containers.domain.plan import Action, Plan, PlanStep
from containers.domain.questions import QuestionType
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.domain.text import shown
from containers.errors import Conflict, FieldError, InvalidRequest, NotFound
from containers.models import Container, Installation, InstallationContainer, InstallationPort, Mount, Volume
from containers.services import access, app_images, hosts, sight, vault
from containers.services.access import Who

FIRST_PORT: Final = 8080
LAST_PORT: Final = 65_535


@dataclass(frozen=True)
class Preview:
    """What an installation would be: its outline, its containers' definitions, and what is done in which order."""

    outline: Outline
    specs: tuple[ContainerSpec, ...]
    plan: Plan


def get(name: str) -> Installation:
    """Return the installation of that name. Raises NotFound, also for what cannot be a name."""
    found = rows().filter(name=name).select_related("host", "job").first() if hosts.is_name(instance_name, name) else None
    if found is None:
        raise NotFound(f"There is no installation {shown(name, max_length=40)}")
    return found


def rows() -> QuerySet[Installation]:
    """Return the installations of this host, by name."""
    return Installation.objects.filter(host__name=hosts.current_name())


def app_of(row: Installation) -> App:
    """Return the app as it is installed, from root's copy. Raises NotFound, InvalidRequest, Conflict."""
    # What is being installed has no copy yet, nor has what was installed before there were any.
    app = installed.find(row.name, row.kept) if row.kept else apps.find(row.app)
    if (app.name, app.manifest.version) != (row.app, row.version):
        raise Conflict(f"what there is of {row} is {app.manifest.title} {app.manifest.version}, and not {row.app} {row.version}")
    return app


def next_app(row: Installation) -> App:
    """Return the app that an update leads to: the catalogue's, or the installed one where it has left the catalogue."""
    try:
        return apps.find(row.app)
    except NotFound:
        return app_of(row)


def seen() -> list[Installation]:
    """Return the installations whose containers may all be seen by who looks; two queries."""
    sees = sight.current()
    return [row for row in rows().prefetch_related("containers__container") if not sees.unseen(names_of(row))]


def see(name: str) -> Installation:
    """Return the installation of that name. Raises NotFound, also where its containers may not all be seen."""
    found = get(name)
    if sight.current().unseen(names_of(found)):
        raise NotFound(f"There is no installation {name}")
    return found


def names_of(row: Installation) -> list[str]:
    """Return what an installation's containers are called; before they are there, what all their names begin with."""
    return [member.container.name for member in row.containers.all()] or [row.name]


def preview(app: App, instance: str, given: Mapping[str, Any], adopt: Mapping[str, str] | None = None) -> Preview:
    """Return what the app under the name `instance` would be. `given` are answers, `adopt` is {volume of the app: volume}.

    Touches nothing. Raises InvalidRequest with every error at once, Conflict.
    """
    made = draft(app, instance, given, adopt)
    images = app_images.expected(app)
    specs = made.specs({image.key: image.stack for image in images}, idmap_size=settings.IDMAP_SIZE)
    return Preview(made, tuple(specs), plan(app, made))


def draft(
    app: App,
    instance: str,
    given: Mapping[str, Any],
    adopt: Mapping[str, str] | None = None,
    *,
    own: Installation | None = None,
    lenient: bool = False,
) -> Outline:
    """Return the outline of an app under a name, judged against all that is there beside it.

    `own` is the installation itself, where it is there already; `lenient` as in `answers.check`. Raises InvalidRequest.
    """
    answers = _checked(app, instance, given, own, lenient=lenient)
    made = outline(app.manifest, instance, answers, adopt)
    errors = [*_names(made, own), *_volumes(made, own, adopt or {}), *_ports(made, own), *_needed(app, answers)]
    if errors:
        raise InvalidRequest.all(tuple(errors))
    return made


def require_volumes(who: Who, made: Outline, adopt: Mapping[str, str] | None = None, *, own: Collection[str] = ()) -> None:
    """Raise Refused where who may install only some apps would take over what somebody else kept.

    Whose a volume is that nothing mounts is not known any more. `own` are those that the installation has.
    """
    if access.may(who, "install"):
        return
    taken = [use.name for use in made.volumes if use.name != f"{made.instance}-{use.key}" or use.key in (adopt or {})]
    _refuse(who, made.instance, sorted(set(taken) - set(own)))


def require_free(who: Who, name: str, adopt: Mapping[str, str]) -> None:
    """Check volumes that are to be taken over where the app is not known yet. Raises InvalidRequest, and Refused as above."""
    if not access.may(who, "install"):
        _refuse(who, name, sorted(adopt.values()))
    free = {volume.name for volume in free_volumes()} if adopt else set()
    wrong = [
        FieldError(f"adopt.{key}", f"there is no volume {volume} on the host, it is a file, or a container has it")
        for key, volume in adopt.items()
        if volume not in free
    ]
    if wrong:
        raise InvalidRequest.all(tuple(wrong))


def _refuse(who: Who, name: str, foreign: Sequence[str]) -> None:
    if foreign:
        raise access.Refused(f"You may not take over volume {foreign[0]}: others keep data in it", who, "install", name)


def answers_of(installation: Installation) -> dict[str, Any]:
    """Return all that was answered, secrets too. Raises HostError where they cannot be opened."""
    return opened(installation.answers, installation.secrets)


def opened(plain: object, secrets: str) -> dict[str, Any]:
    """Return answers that are kept in two parts as one."""
    hidden = json.loads(vault.open(secrets)) if secrets else {}
    return {**(plain if isinstance(plain, dict) else {}), **(hidden if isinstance(hidden, dict) else {})}


def adopted(installation: Installation) -> dict[str, str]:
    """Return the volumes that the installation has, {what the app calls it: its name}."""
    return dict(installation.volumes.values_list("key", "name"))


def sealed(answers: Answers) -> str:
    """Return the secret answers as one text that can be stored."""
    return vault.seal(json.dumps(answers.secrets)) if answers.secrets else ""


def free_port(beside: Sequence[int] = ()) -> int:
    """Return a port of the host that no installation has. Whether a program has it, the job asks."""
    taken = {*taken_ports(None), *beside}
    return next(port for port in range(FIRST_PORT, LAST_PORT) if port not in taken)


def offering(capability: str | None) -> list[str]:
    """Return the running containers that offer what is needed, all that run where nothing in particular is."""
    running = sight.containers().lasting().filter(state=ContainerState.RUNNING)
    if capability is None:
        return list(running.values_list("name", flat=True))
    found = InstallationContainer.objects.filter(container__in=running).values_list("container__name", "offers")
    return sorted(name for name, offers in found if isinstance(offers, list) and capability in offers)


def free_volumes() -> list[Volume]:
    """Return the directories on the host that are in no definition: what can be adopted. An app has no volume that is a file."""
    mounted = Mount.objects.filter(container__in=hosts.containers()).values("volume")
    there = Volume.objects.filter(host__name=hosts.current_name(), kind=MountKind.DIRECTORY)
    return list(there.exclude(name__in=mounted).order_by("name"))


def plan(app: App, made: Outline) -> Plan:
    """Return what an installation does, in order and with reasons."""
    steps: list[PlanStep] = []

    def add(container: str, action: Action, reason: str) -> None:
        steps.append(PlanStep(len(steps) + 1, container, action, reason, (len(steps),) if steps else ()))

    for base in app_images.missing_bases(app):
        add("", Action.BUILD, f"base system {base}")
    for image in app_images.expected(app):
        if not image.is_there:
            add("", Action.BUILD, f"image {image.ref}")
    for name in made.containers.values():
        add(name, Action.CREATE, f"{made.manifest.title} needs it")
    for file in app.manifest.files:
        add("", Action.WRITE, f"file {file.path} in the volume {made.instance}-{file.volume}")
    for name in made.containers.values():
        add(name, Action.START, "its dependencies are ready")
    for step in made.steps(Phase.INSTALL):
        add(step.container, Action.EXECUTE, step.title)
    for port in made.ports:
        add(port.container, Action.PUBLISH, f"port {port.port} of the host leads to its port {port.container_port}")
    return Plan(Operation.APP_INSTALL, (made.instance,), tuple(steps))


def _checked(app: App, instance: str, given: Mapping[str, Any], own: Installation | None, *, lenient: bool) -> Answers:
    """Return the answers. Raises InvalidRequest with what is wrong with them and with the name, at once."""
    wrong = _name_errors(instance, own)
    try:
        answers = answering.check(app.manifest.questions, given, lenient=lenient)
    except InvalidRequest as error:
        raise InvalidRequest.all(
            (*wrong, *error.errors, *_taken(app, given, own, {item.field for item in error.errors}))
        ) from error
    if wrong:
        raise InvalidRequest.all(tuple(wrong))
    return answers


def _name_errors(instance: str, own: Installation | None) -> list[FieldError]:
    try:
        instance_name(instance)
    except ValueError as error:
        return [FieldError("name", str(error))]
    if own is None and rows().filter(name=instance).exists():
        return [FieldError("name", f"there is an installation {instance} already")]
    return []


def _names(made: Outline, own: Installation | None) -> list[FieldError]:
    mine = set(own.containers.values_list("container__name", flat=True)) if own else set()
    taken = hosts.containers().filter(name__in=set(made.containers.values()) - mine).values_list("name", flat=True)
    return [FieldError("name", f"there is a container {name} already") for name in taken]


def _volumes(made: Outline, own: Installation | None, adopt: Mapping[str, str]) -> list[FieldError]:
    mine = set(own.volumes.values_list("name", flat=True)) if own else set()
    there = set(Volume.objects.filter(host__name=hosts.current_name()).values_list("name", flat=True))
    used = dict(
        Mount.objects.filter(container__in=hosts.containers())
        .exclude(container__installed__installation=own)
        .values_list("volume", "container__name")
    )
    errors = []
    for use in made.volumes:
        question = made.manifest.volumes[use.key].question
        field = f"adopt.{use.key}" if use.key in adopt else f"answers.{question}" if question in made.answers.asked else "name"
        is_named = field != "name" and use.name == (adopt.get(use.key) or made.answers.values.get(question or ""))
        if use.name in used:
            errors.append(FieldError(field, f"the volume {use.name} is mounted by {used[use.name]}"))
        elif is_named and use.name not in there | mine:
            errors.append(FieldError(field, f"there is no volume {use.name} on the host"))
        elif not is_named and use.name in there - mine:
            errors.append(FieldError(field, f"there is a volume {use.name} already: adopt it, or choose another name"))
    return errors


def taken_ports(own: Installation | None = None) -> dict[int, str]:
    """Return {port of the host: the installation that it leads to}, without those of `own`."""
    taken = InstallationPort.objects.filter(host__name=hosts.current_name()).select_related("installation")
    return {row.port: row.installation.name for row in (taken.exclude(installation=own) if own else taken)}


def _ports(made: Outline, own: Installation | None) -> list[FieldError]:
    taken = taken_ports(own)
    panel = settings.BIND.rpartition(":")[2]
    fields = {made.answers.values[part.question]: f"answers.{part.question}" for part in made.manifest.ports}
    errors = []
    for port in made.ports:
        if port.port in taken:
            errors.append(FieldError(fields[port.port], f"port {port.port} leads to {taken[port.port]} already"))
        elif str(port.port) == panel:
            errors.append(FieldError(fields[port.port], f"port {port.port} is the panel's own"))
    return errors


def _taken(app: App, given: Mapping[str, Any], own: Installation | None, wrong: Collection[str]) -> list[FieldError]:
    """Return which of the ports that were answered lead to others, where other answers are wrong: all is said at once."""
    taken = taken_ports(own)
    errors = []
    for part in app.manifest.ports:
        field, question = f"answers.{part.question}", app.manifest.question(part.question)
        if question is None or question.visible_if or field in wrong or not given.get(part.question):
            continue
        port = question.check(given[part.question])
        if port in taken:
            errors.append(FieldError(field, f"port {port} leads to {taken[int(port)]} already"))
    return errors


def _needed(app: App, answers: Answers) -> list[FieldError]:
    errors = []
    for question in app.manifest.questions:
        if question.type != QuestionType.CONTAINER or question.name not in answers.asked or not answers.values[question.name]:
            continue
        if answers.values[question.name] not in offering(question.offers):
            what = f"offers {question.offers}" if question.offers else "has that name"
            errors.append(FieldError(f"answers.{question.name}", f"no running container {what}: {answers.values[question.name]}"))
    return errors


def containers_of(installation: Installation) -> dict[str, Container]:
    """Return the containers of an installation, by what the app calls them."""
    found = installation.containers.select_related("container")
    return {row.key: row.container for row in found}

"""Apps: updated, and back again.

Until the new version has proved itself, all of the old one stays: its layers, its definitions, a copy of each volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from containers.catalog.apps import App
from containers.choices import InstallationState
from containers.domain.installation import Outline
from containers.domain.manifest import Phase
from containers.domain.names import MAX_NAME
from containers.domain.states import Operation
from containers.errors import Conflict, SpocError
from containers.jobs.handlers import apps as handlers
from containers.jobs.handlers.app_work import Work
from containers.jobs.handlers.apps import AppHandler
from containers.models import Installation, InstallationVersion
from containers.services import app_publishers, app_rows, hosts, installations, ways_back


class AppUpdateHandler(AppHandler):
    """Brings an installation to the catalogue's version and to new answers; where that fails, back to what it was."""

    def carry_out(self) -> None:
        """Build first, then stop, copy, change, start, run the steps."""
        row = self.find()
        app = installations.next_app(row)
        app_publishers.require(row, app, self.inputs.get("source", ""))
        given = {**installations.answers_of(row), **next_answers(row)}
        adopt = {key: name for key, name in installations.adopted(row).items() if key in app.manifest.volumes}
        made = installations.draft(app, row.name, given, adopt, own=row, lenient=True)
        installations.require_volumes(self.actor, made, own=installations.adopted(row).values())
        app_rows.set_state(row, InstallationState.PREPARING, job=self.job)
        with handlers.put_right_on_failure(self.work, row, let_be):
            self.work.check_host(app, made)
            self.work.images(app)
            version = row.version
            self._begin(row)
        with self._back_on_failure(row, version):
            kept = self.work.keep_app(row, app)
            self._change(row, app, made)
            self._end(row, app, made, kept)

    def _begin(self, row: Installation) -> None:
        """Forget the version before the last, and write down all that a way back needs."""
        forget_previous(self.work, row)
        row = Installation.objects.select_related("host").get(pk=row.pk)
        copies = {name: copy_name(name, row.version) for name in row.volumes.values_list("name", flat=True)}
        was_up = handlers.running_beside(self.work, row)
        with transaction.atomic():
            app_rows.remember(row, copies)
            app_rows.set_state(row, InstallationState.UPDATING, job=self.job, was_up=was_up)

    def _change(self, row: Installation, app: App, made: Outline) -> None:
        row.refresh_from_db()
        self.work.do(Operation.STOP, self.work.names(row))
        self.work.copy_volumes(row.previous.copies)
        obsolete = list(row.containers.exclude(key__in=made.containers).values_list("container__name", flat=True))
        with transaction.atomic():
            app_rows.write_volumes(row, made, row.previous.volumes)
            app_rows.write_ports(row, made)
        specs = self.work.specs(app, made)
        offers = {key: part.offers for key, part in app.manifest.containers.items()}
        app_rows.write_containers(row, self.work.actor, specs, offers)
        self.work.do(Operation.DESTROY, obsolete)
        self.work.fill(app, made)
        self.work.do(Operation.CREATE, made.containers.values())
        self.work.do(Operation.START, [*made.containers.values()])
        self.work.steps(made, Phase.UPDATE)

    def _end(self, row: Installation, app: App, made: Outline, kept: str) -> None:
        was_up = list(row.was_up)
        new = {"version": app.manifest.version, "title": app.manifest.title, "kept": kept, "answers": made.answers.plain}
        secrets = installations.sealed(made.answers)
        handlers.finish(self.work, row, made, **new, secrets=secrets, next_answers={}, next_secrets="", was_up=[])
        if not was_up:
            self.work.do(Operation.STOP, made.containers.values())
        else:
            self.work.do(Operation.START, was_up)

    @contextmanager
    def _back_on_failure(self, row: Installation, version: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            fresh = Installation.objects.select_related("host", "job", "previous").get(pk=row.pk)
            if fresh.state != InstallationState.UPDATING:
                # The new version has proved itself: what failed was to bring the others up again.
                raise
            go_back(self.work.uninterrupted(), fresh)
            if isinstance(error, SpocError):
                error.brief = f"{error.brief}; {row} is back on version {version}, volumes included"
            raise


class AppBackHandler(AppHandler):
    """Goes back to the version before the last update: definitions and volumes as they were then."""

    def carry_out(self) -> None:
        """Stop, put back, start."""
        row = self.find()
        previous = ways_back.find(row)
        if previous is None:
            raise Conflict(f"{row} has no version to go back to")
        self._check_layers(previous)
        was_up = handlers.running_beside(self.work, row)
        app_rows.set_state(row, InstallationState.GOING_BACK, job=self.job, was_up=was_up)
        go_back(self.work.uninterrupted(), row)

    def _check_layers(self, previous: InstallationVersion) -> None:
        """Raise Conflict where something removed a layer of the version before: nothing is stopped for what cannot start."""
        wanted = {name for spec in app_rows.previous_specs(previous).values() for name in spec.definition.layers}
        if missing := sorted(wanted - set(hosts.layers().available().values_list("name", flat=True))):
            raise Conflict(f"{', '.join(missing)} of version {previous.version} is gone: there is no way back")


class AppForgetHandler(AppHandler):
    """Gives up the way back: the copies of volumes go, and nothing keeps the layers of the version before any more."""

    def carry_out(self) -> None:
        """Remove the copies, then the row."""
        row = self.find()
        app_rows.set_state(row, InstallationState.PREPARING, job=self.job)
        forget_previous(self.work.uninterrupted(), row)
        app_rows.set_state(row, InstallationState.INSTALLED)


def forget_previous(work: Work, row: Installation) -> None:
    """Give up the way back, if there is one; safe to repeat. From its first moment on no way leads back to half of it."""
    InstallationVersion.objects.filter(installation=row).update(is_given_up=True)
    work.remove_volumes(list(handlers.copies_of(row).values()))
    InstallationVersion.objects.filter(installation=row).delete()
    work.forget_apps(row, row.kept)


def let_be(work: Work, row: Installation) -> None:
    """End what was prepared for an update that does not come: what it made goes, what runs was not touched."""
    if handlers.is_given_up(row):
        forget_previous(work, row)
    work.remove_images(row)
    app_rows.set_state(row, InstallationState.INSTALLED, next_answers={}, next_secrets="")


def go_back(work: Work, row: Installation) -> None:
    """Make the installation what it was before its update; safe to repeat, wherever the update or a way back ended."""
    previous = row.previous
    specs = app_rows.previous_specs(previous)
    work.do(Operation.STOP, work.names(row))
    app_rows.set_state(row, InstallationState.GOING_BACK)
    obsolete = list(row.containers.exclude(key__in=specs).values_list("container__name", flat=True))
    new = row.volumes.filter(is_adopted=False).exclude(key__in=previous.volumes)
    new_volumes = list(new.values_list("name", flat=True))
    with transaction.atomic():
        app_rows.put_ports(row, previous.ports)
        app_rows.write_containers(row, work.actor, specs, previous.offers)
    work.do(Operation.DESTROY, obsolete)
    work.put_back(previous.copies)
    used = app_rows.mounted_elsewhere(row, new_volumes)
    work.remove_volumes([name for name in new_volumes if name not in used])
    row.volumes.exclude(key__in=previous.volumes).delete()
    work.do(Operation.CREATE, [spec.name for spec in specs.values()])
    try:
        work.do(Operation.START, row.was_up)
    finally:
        # What was there before is there again, whether it starts or not. Nothing stays of what was new.
        work.remove_images(row)
        work.forget_apps(row, previous.kept)
        _settle(row, previous)
        work.publish()


def _settle(row: Installation, previous: InstallationVersion) -> None:
    with transaction.atomic():
        then = {field: getattr(previous, field) for field in ("version", "title", "kept", "answers", "secrets", "notes")}
        app_rows.set_state(row, InstallationState.INSTALLED, **then, next_answers={}, next_secrets="", was_up=[])
        InstallationVersion.objects.filter(installation=row).delete()


def next_answers(row: Installation) -> dict[str, object]:
    """Return what an update that was asked for is to answer, secrets too."""
    return installations.opened(row.next_answers, row.next_secrets)


def copy_name(volume: str, version: str) -> str:
    """Return what the copy of a volume is called that an update of this version makes."""
    stem = "".join(character if character.isalnum() or character == "." else "-" for character in version.lower())
    end = f".before-{stem}".replace("..", ".")[:30].rstrip(".-")
    return f"{volume[: MAX_NAME - len(end)].rstrip('.-_')}{end}"

"""Apps: installed, removed, and brought in order after a job that vanished.

A row says what is being done to an installation. What a job does not bring to an end, the next look brings forward or back:
an installation that was begun is undone, a removal that was begun is ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db import transaction

from containers.catalog.apps import App
from containers.choices import InstallationState
from containers.domain.installation import Outline
from containers.domain.manifest import Phase, instance_name
from containers.domain.plan import PlanStep
from containers.domain.states import Operation
from containers.errors import Conflict, NotFound, SpocError
from containers.host import facts
from containers.jobs.handlers.app_work import Work
from containers.jobs.handlers.base import Handler
from containers.jobs.parts import Parts
from containers.models import Installation, InstallationVersion
from containers.services import access, app_requests, app_rows, hosts, installations, plans

logger = logging.getLogger(__name__)


class AppHandler(Handler):
    """A job on one installed app: parts, one after the other, and the installation locked all the while."""

    # What it may find the installation in.
    states: ClassVar[tuple[InstallationState, ...]] = (InstallationState.INSTALLED,)
    work: Work

    def name(self) -> str:
        """Return the installation's name from the job's row, checked again."""
        return self.target_name("installation", instance_name)

    def scope(self) -> frozenset[str]:
        """Lock the installation and its containers."""
        names = Installation.objects.filter(host=self.job.host_id, name=self.name()).values_list(
            "containers__container__name", flat=True
        )
        return frozenset({f"app:{self.name()}", *(name for name in names if name)})

    def containers(self) -> frozenset[str]:
        """Name no container: the parts do."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """There are none beside those of the parts."""
        return []

    def run(self) -> None:
        """Do the work. Raises what makes the job failed, cancelled or errored."""
        self.check_right(())
        self.work = Work(self.job, Parts(self.job, self.journal, self.cancel, self.scope()), self.layout)
        self.carry_out()

    def authorise(self, steps: Sequence[PlanStep]) -> None:
        """Raise Refused unless who asked may keep this installation up now. What is not there yet is asked about later."""
        row = Installation.objects.filter(host=self.job.host_id, name=self.name()).first()
        if row is None:
            access.require_somewhere(self.actor, "install")
        else:
            app_requests.require(self.actor, row)

    def carry_out(self) -> None:
        """Do the parts, one after the other."""
        raise NotImplementedError

    def find(self) -> Installation:
        """Return the installation's row. Raises NotFound, and Conflict while it is in another job's hands."""
        row = Installation.objects.select_related("host", "job").filter(host=self.job.host_id, name=self.name()).first()
        if row is None:
            raise NotFound(f"there is no installation {self.name()}")
        if row.state not in self.states:
            raise Conflict(f"{row} is {row.get_state_display().lower()}", resolution="It is brought in order within a minute.")
        return row


class AppInstallHandler(AppHandler):
    """Installs an app whose row was written when it was asked for. Any failure undoes what this job made."""

    states = (InstallationState.INSTALLING,)

    def carry_out(self) -> None:
        """Check, build, fill, make, start, run the steps, publish."""
        row = self.find()
        with put_right_on_failure(self.work, row, undo):
            app = installations.app_of(row)
            adopt = dict(row.volumes.filter(is_adopted=True).values_list("key", "name"))
            given = installations.answers_of(row)
            made = installations.draft(app, row.name, given, adopt, own=row)
            installations.require_volumes(self.actor, made, adopt)
            with transaction.atomic():
                app_rows.write_volumes(row, made, adopt)
                app_rows.write_ports(row, made)
            new = list(row.volumes.filter(is_adopted=False).values_list("name", flat=True))
            self.work.check_host(app, made, new_volumes=new)
            # From here on they are this job's: nobody else has them, on the disk neither.
            app_rows.set_state(row, InstallationState.INSTALLING, removes=new)
            kept = self.work.keep_app(row, app)
            bring_up(self.work, row, app, made)
            self.work.steps(made, Phase.INSTALL)
            finish(self.work, row, made, kept=kept)


class AppUninstallHandler(AppHandler):
    """Removes an installation: its containers, and of its volumes those that were asked for by name."""

    def carry_out(self) -> None:
        """Run the app's own steps first: where one fails, everything stays. From then on there is only the way forward."""
        row = self.find()
        self._check_not_needed(row)
        if not self.inputs.get("force", False):
            self._say_good_bye(row)
        removes = [name for name in self.inputs.get("volumes", ()) if row.volumes.filter(name=name).exists()]
        app_rows.set_state(row, InstallationState.REMOVING, removes=removes, job=self.job)
        remove(self.work, row)

    def _say_good_bye(self, row: Installation) -> None:
        try:
            app = installations.app_of(row)
            made = draft_as_it_is(app, row)
        except SpocError as error:
            raise Conflict(
                f"{row} cannot run its last steps: {error.brief}", resolution="Uninstall it by force, which leaves them out."
            ) from error
        self.work.steps(made, Phase.UNINSTALL)

    def _check_not_needed(self, row: Installation) -> None:
        own = set(self.work.names(row))
        edges = hosts.containers().edges()
        users = sorted(name for name, needs in edges.items() if name not in own and own.intersection(needs))
        if users:
            raise Conflict(f"{row} is needed by {', '.join(users)}", resolution="Take it out of their dependencies first.")


def draft_as_it_is(app: App, row: Installation) -> Outline:
    """Return the outline of what is installed."""
    return installations.draft(app, row.name, installations.answers_of(row), installations.adopted(row), own=row, lenient=True)


def bring_up(work: Work, row: Installation, app: App, made: Outline, *, start: bool = True) -> None:
    """Build what is missing, write rows, fill volumes, make and start the containers."""
    work.images(app)
    specs = work.specs(app, made)
    offers = {key: part.offers for key, part in app.manifest.containers.items()}
    app_rows.write_containers(row, work.actor, specs, offers)
    work.fill(app, made)
    work.do(Operation.CREATE, made.containers.values())
    if start:
        work.do(Operation.START, made.containers.values())


def finish(work: Work, row: Installation, made: Outline, **more: Any) -> None:
    """Lead on the ports, and write that the installation is what it should be."""
    work.publish()
    app_rows.set_state(row, InstallationState.INSTALLED, notes=made.notes, job=work.job, removes=[], **more)


@contextmanager
def put_right_on_failure(work: Work, row: Installation, put_right: Callable[[Work, Installation], None]) -> Iterator[None]:
    """Have what was begun put right where it fails, whatever makes it fail."""
    try:
        yield
    except BaseException as error:
        try:
            put_right(work.uninterrupted(), row)
        except Exception as second:
            # The next look tries again; why the job failed is what a person has to read.
            logger.exception("installation %s could not be put right yet", row)
            error.add_note(f"It could not be put right yet: {second}")
        raise


def undo(work: Work, row: Installation) -> None:
    """Remove all that an installation made: containers, new volumes, images, the row itself."""
    names = volumes_to_remove(row)
    work.do(Operation.DESTROY, work.names(row))
    used = app_rows.mounted_elsewhere(row, names)
    work.remove_volumes([name for name in names if name not in used])
    work.remove_images(row)
    work.forget_apps(row)
    Installation.objects.filter(pk=row.pk).delete()
    work.publish()


def remove(work: Work, row: Installation) -> None:
    """Remove containers, the volumes that were asked for, copies, and the row: safe to repeat, wherever it ended."""
    removes = volumes_to_remove(row)
    work.uninterrupted().do(Operation.DESTROY, work.names(row))
    used = app_rows.mounted_elsewhere(row, removes)
    work.remove_volumes([*(name for name in removes if name not in used), *copies_of(row).values()])
    work.uninterrupted().forget_apps(row)
    Installation.objects.filter(pk=row.pk).delete()
    work.publish()


def volumes_to_remove(row: Installation) -> list[str]:
    """Return the volumes that go with the installation: its own that the row says."""
    own = set(row.volumes.values_list("name", flat=True))
    return [name for name in row.removes if name in own] if isinstance(row.removes, list) else []


def copies_of(row: Installation) -> Mapping[str, str]:
    """Return the copies of volumes that belong to the version before."""
    previous = InstallationVersion.objects.filter(installation=row).first()
    return previous.copies if previous and isinstance(previous.copies, dict) else {}


def is_given_up(row: Installation) -> bool:
    """Return whether the way back to the version before is being removed."""
    return InstallationVersion.objects.filter(installation=row, is_given_up=True).exists()


def running_beside(work: Work, row: Installation) -> list[str]:
    """Return the containers that a stop of the installation takes down: its own that run, and those that need them."""
    own = work.names(row)
    running = facts.running_names(work.layout)
    graph = plans.graph(own)
    return sorted(name for name in {*own, *graph.dependents(own)} if name in running)

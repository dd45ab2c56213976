"""What the page of an installation shows: state, links, containers, answers without secrets, versions, backups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import InstallationState
from containers.domain.answers import as_text
from containers.domain.origin import NewPublisher, Publisher
from containers.domain.questions import Question, QuestionType
from containers.domain.secrecy import MASK
from containers.errors import SpocError
from containers.forms import amounts
from containers.forms.upkeep import ScheduleForm
from containers.models import Backup, BackupSchedule, Installation, InstallationPort, InstallationVersion, Job, Volume
from containers.services import access, app_publishers, app_sources, backup_schedules, hosts, installations, sight, ways_back
from containers.services.app_sources import Newer
from containers.views import activities, states
from containers.views.activities import Shown
from containers.views.states import Badge

LAST_JOBS: Final = 10


@dataclass(frozen=True)
class Answered:
    """One question and what was answered, in words; of a secret, that there is one."""

    label: str
    text: str
    is_secret: bool


@dataclass(frozen=True)
class Link:
    """A port of the host: an address to open where there is something for a browser."""

    port: InstallationPort
    url: str

    @property
    def title(self) -> str:
        return self.port.title or _("Port %(port)d") % {"port": self.port.port}


@dataclass
class InstallationPage:
    """Some ten queries, whatever there is; the manifest is read for the words of the questions."""

    row: Installation
    # The name under which the panel was asked for: the ports are there, too.
    host_name: str
    user: User

    @cached_property
    def may_install(self) -> bool:
        """Whether who looks may keep it up."""
        return access.may_install(self.user, self.row.app, self.row.name)

    @cached_property
    def app(self) -> App | None:
        """The app as the catalogue has it now; None where it is gone or broken."""
        try:
            return apps.find(self.row.app)
        except SpocError:
            return None

    @cached_property
    def installed(self) -> App | None:
        """The app as it was installed; None where that cannot be read any more."""
        try:
            return installations.app_of(self.row)
        except SpocError:
            return None

    @cached_property
    def publisher(self) -> Publisher | None:
        """Who it is from, where that is known."""
        return app_publishers.of(self.row)

    @cached_property
    def new_publisher(self) -> NewPublisher | None:
        """Who the catalogue's version is from, where that is somebody else."""
        return app_publishers.change(self.row, self.app) if self.app else None

    @property
    def containers(self) -> list[Shown]:
        rows = hosts.containers().filter(installed__installation=self.row).select_related("last_job").order_by("name")
        return activities.show(list(rows))

    @property
    def links(self) -> list[Link]:
        return [Link(port, url_of(port, self.host_name)) for port in self.row.ports.all()]

    @cached_property
    def volumes(self) -> list[tuple[str, Volume | None, bool]]:
        """Its volumes: name, the row where it is on the host, and whether it was there before."""
        known = {row.name: row for row in Volume.objects.filter(host=self.row.host_id)}
        return [(use.name, known.get(use.name), use.is_adopted) for use in self.row.volumes.all()]

    @property
    def has_unmeasured(self) -> bool:
        """Whether the size of one of its volumes is not known yet."""
        return any(row is not None and row.size_bytes is None for _name, row, _is_adopted in self.volumes)

    @property
    def answers(self) -> list[Answered]:
        questions = self.installed.manifest.questions if self.installed else ()
        plain = self.row.answers if isinstance(self.row.answers, dict) else {}
        known = [_answered(question, plain) for question in questions if question.is_secret or question.name in plain]
        gone = sorted(set(plain) - {question.name for question in questions})
        return known + [Answered(name, as_text(plain[name]), is_secret=False) for name in gone]

    @property
    def has_secrets(self) -> bool:
        return bool(self.row.secrets)

    def named(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return answers beside what was asked, {question: answer}, in the order of the questions."""
        labels = {question.name: question.label for question in self.app.manifest.questions} if self.app else {}
        known = [name for name in labels if name in values]
        return [(labels.get(name, name), values[name]) for name in [*known, *sorted(set(values) - set(known))]]

    @cached_property
    def jobs(self) -> list[Job]:
        """The last jobs on the installation itself; those on its containers stand on their pages."""
        return list(jobs_of(self.row)[:LAST_JOBS])

    @cached_property
    def previous(self) -> InstallationVersion | None:
        return ways_back.find(self.row)

    @cached_property
    def schedule(self) -> BackupSchedule | None:
        return backup_schedules.find(self.row)

    @property
    def schedule_form(self) -> ScheduleForm:
        return ScheduleForm.of(self.schedule)

    @cached_property
    def backups(self) -> list[Backup]:
        return list(Backup.objects.filter(host=self.row.host_id, installation=self.row.name))

    @property
    def badge(self) -> Badge:
        return badge(self.row)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being done to it."""
        return self.row.state == InstallationState.INSTALLED

    @property
    def update(self) -> str:
        """The version that the catalogue has, where it is another one."""
        version = self.app.manifest.version if self.app else ""
        return version if version != self.row.version else ""

    @cached_property
    def newer(self) -> Newer | None:
        """The version that the repository of the app has, where it is newer than the catalogue's."""
        return app_sources.newer([self.app]).get(self.row.app) if self.app else None


def copies_of(previous: InstallationVersion | None) -> list[tuple[str, Volume | None]]:
    """Return the copies of volumes that a way back needs: name, and the row where it is on the host."""
    names = sorted(previous.copies.values()) if previous and isinstance(previous.copies, dict) else []
    known = {row.name: row for row in Volume.objects.filter(host__name=hosts.current_name(), name__in=names)}
    return [(name, known.get(name)) for name in names]


def jobs_of(row: Installation) -> QuerySet[Job]:
    """Return the jobs that were asked for on an installation, the newest first."""
    return sight.jobs().filter(operation__startswith="app-", targets=[row.name]).order_by("-pk")


def badge(row: Installation) -> Badge:
    """Return the state of an installation as it is shown."""
    if row.state == InstallationState.INSTALLED:
        return states.INSTALLED
    return Badge(row.state, row.get_state_display(), "starting", "move", is_loud=True, turns=True)


def url_of(port: InstallationPort, host_name: str) -> str:
    """Return the address of what a port leads to, empty where it is nothing for a browser."""
    return f"{port.scheme}://{host_name}:{port.port}{port.path}" if port.scheme in {"http", "https"} else ""


def host_name_of(request: HttpRequest) -> str:
    """Return the name by which the browser knows this host, without the panel's port."""
    name = request.get_host()
    return name if name.endswith("]") else name.rsplit(":", 1)[0]


def sizes(volumes: list[tuple[str, Volume | None, bool]]) -> str:
    """Return what volumes take together, in words."""
    known = [row.size_bytes for _name, row, _adopted in volumes if row and row.size_bytes is not None]
    unknown = len(volumes) - len(known)
    text = amounts.size(sum(known)) if known else ""
    more = ngettext("%(n)d not measured", "%(n)d not measured", unknown) % {"n": unknown} if unknown else ""
    return ", ".join(part for part in (text, more) if part)


def _answered(question: Question, plain: dict[str, str | int | bool]) -> Answered:
    if question.is_secret:
        return Answered(question.label, MASK, is_secret=True)
    value = plain[question.name]
    if question.type == QuestionType.BOOLEAN:
        return Answered(question.label, _("Yes") if value is True else _("No"), is_secret=False)
    if question.type == QuestionType.SIZE and isinstance(value, int):
        return Answered(question.label, amounts.exact(value), is_secret=False)
    labels = {choice.value: choice.label or choice.value for choice in question.choices}
    return Answered(question.label, labels.get(str(value), as_text(value)), is_secret=False)

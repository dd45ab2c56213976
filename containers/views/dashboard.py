"""The first page: what there is, what needs a hand, what has been done, and how the host is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers.choices import JobState
from containers.forms.queries import ContainerQuery
from containers.models import Job, Revision
from containers.services import access, audit_signed, hosts, metrics, sight
from containers.services.entry import SEE
from containers.services.metrics import Now
from containers.views import attention, charts
from containers.views.access import Request, opens_to
from containers.views.charts import Span, Table
from containers.views.listing import NOTHING, Listing
from containers.views.states import CONTAINER_BADGES, JOB_BADGES, Badge

RECENT: Final = 8
BUSIEST: Final = 5
# What the page asks for again by itself.
PARTS: Final = ("containers", "jobs", "host")
# The figures of a day's jobs, and the states that each counts.
_FIGURES: Final = (
    (JobState.RUNNING, (JobState.RUNNING,)),
    (JobState.WAITING, (JobState.WAITING, JobState.QUEUED)),
    (JobState.FAILED, (JobState.FAILED, JobState.ERRORED, JobState.LOST)),
    (JobState.SUCCEEDED, (JobState.SUCCEEDED,)),
)


@require_GET
@opens_to(SEE)
def dashboard(request: Request) -> HttpResponse:
    part = request.GET.get("part")
    span = charts.span_of(request.GET.get("span"))
    context: dict[str, Any] = {
        "section": "dashboard",
        "dashboard": Dashboard(span, may_audit=access.may(request.user, "audit")),
        "may_operate": access.may_somewhere(request.user, "operate"),
        "spans": charts.SPANS.values(),
    }
    return render(request, f"dashboard/_{part}.html" if part in PARTS else "dashboard/page.html", context)


@dataclass(frozen=True)
class Segment:
    """Containers in one state, and their piece of the bar, which is 400 wide."""

    badge: Badge
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Figure:
    badge: Badge
    count: int
    url: str


@dataclass(frozen=True)
class Done:
    """A job or a saved revision in the list of what has been done."""

    at: datetime
    user: str
    via: str
    job: Job | None = None
    revision: Revision | None = None


@dataclass(frozen=True)
class Gauge:
    """One of the host's numbers: now, and over a time. `key` is what the page's script knows it by."""

    key: str
    title: str | Promise
    now: str
    of: str
    line: str
    area: str
    highest: str
    is_high: bool = False


@dataclass
class Dashboard:
    """Each part is read when its template asks: at most fifteen queries, whatever there is."""

    span: Span
    may_audit: bool = False

    @cached_property
    def listing(self) -> Listing:
        return Listing(ContainerQuery())

    @property
    def total(self) -> int:
        return len(self.listing.found)

    @cached_property
    def segments(self) -> list[Segment]:
        """The states that occur, running ones first, then in the order of the chips."""
        counted = {chip.badge.key: chip for chip in self.listing.chips}
        order = sorted(CONTAINER_BADGES, key=lambda badge: badge.ink != "ok")
        chips = [counted[badge.key] for badge in order if badge.key in counted]
        room, x, found = 400 - (len(chips) - 1), 0.0, []
        for chip in chips:
            width = room * chip.count / self.total
            found.append(Segment(chip.badge, chip.count, round(x, 1), round(width, 1)))
            x += width + 1
        return found

    @cached_property
    def attention(self) -> attention.Attention:
        signed = audit_signed.last() if self.may_audit else None
        return attention.look(self.listing.found, self.now.machine, hosts.monitor_seen_at(), signed)

    @cached_property
    def now(self) -> Now:
        return self.listing.now

    @cached_property
    def busiest(self) -> list[tuple[str, str, str]]:
        """(name, CPU, memory) of the containers that use most of the processors."""
        running = [row for row in self.listing.found if row.used is not NOTHING]
        running.sort(key=lambda row: (-(row.used.cpu or 0), row.name))
        return [(row.name, charts.percent(row.used.cpu), charts.size(row.used.memory_bytes)) for row in running[:BUSIEST]]

    @property
    def figures(self) -> list[Figure]:
        """Jobs that run or wait, and those that ended today. One query."""
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        today = Q(state__in=(JobState.RUNNING, JobState.WAITING, JobState.QUEUED)) | Q(ended_at__gte=midnight)
        counts = dict(sight.jobs().filter(today).order_by().values_list("state").annotate(n=Count("pk")))
        since = timezone.localdate().isoformat()
        return [
            Figure(JOB_BADGES[state], sum(counts.get(one, 0) for one in states), self._jobs_url(state, since))
            for state, states in _FIGURES
        ]

    @staticmethod
    def _jobs_url(state: JobState, since: str) -> str:
        url = f"{reverse('job-list')}?state={state.value}"
        return url if state in (JobState.RUNNING, JobState.WAITING) else f"{url}&since={since}"

    @property
    def recent(self) -> list[Done]:
        """The newest jobs and saved changes together. Two queries."""
        jobs = sight.jobs()[:RECENT]
        revisions = Revision.objects.filter(container__in=sight.containers(), number__gt=1).order_by("-created_at")
        done = [Done(job.created_at, job.user_name, job.via, job=job) for job in jobs]
        done += [Done(row.created_at, row.user_name, row.via, revision=row) for row in revisions.defer("data")[:RECENT]]
        return sorted(done, key=lambda one: one.at, reverse=True)[:RECENT]

    @cached_property
    def _history(self) -> metrics.Series:
        return metrics.of_host(self.span.begin, by_minute=True)

    @cached_property
    def _end(self) -> datetime:
        return timezone.now()

    @property
    def begin(self) -> datetime:
        return self._end - self.span.length

    @property
    def end(self) -> datetime:
        return self._end

    @property
    def table(self) -> Table:
        return charts.table(self._history, self._end, self.span, charts.HOST_COLUMNS)

    @property
    def gauges(self) -> list[Gauge]:
        """CPU, memory and disk of the host; none while nobody samples."""
        machine = self.now.machine
        if machine is None:
            return []
        used = [part.used for part in charts.parts(self._history, self._end, self.span.length, self.span.points)]

        def draw(key: str, title: str, now: str, of: str, shares: list[float | None], **more: bool) -> Gauge:
            highest = charts.percent(max((share for share in shares if share is not None), default=None))
            return Gauge(key, title, now, of, charts.line(shares, 1), charts.area(shares, 1), highest, **more)

        cpu = [None if one is None or one.cpu is None else one.cpu / one.processors for one in used]
        memory = [one and one.memory_bytes / one.memory_total_bytes for one in used]
        disk = [one and one.disk_bytes / one.disk_total_bytes for one in used]
        cores = _("of %(n)d processors") % {"n": machine.processors}
        share = machine.disk_bytes / machine.disk_total_bytes
        return [
            draw("cpu", _("CPU"), charts.percent(None if machine.cpu is None else machine.cpu / machine.processors), cores, cpu),
            draw("memory", _("Memory"), charts.size(machine.memory_bytes), _of(machine.memory_total_bytes), memory),
            draw("disk", _("Disk"), charts.percent(share), _of(machine.disk_total_bytes), disk, is_high=share >= attention.HIGH),
        ]


def _of(total: float) -> str:
    return _("of %(size)s") % {"size": charts.size(total)}

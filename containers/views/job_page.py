"""All that a job's page shows: steps with their commands and the end of their output, on one scale of time."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any, Final

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from containers.choices import JobState, Operation, StepState
from containers.domain.graph import Graph
from containers.domain.steps import Action
from containers.models import Command, Job, Line, Step
from containers.services import resuming, sight
from containers.services.resuming import Rest
from containers.services.typed import Typed
from containers.views import activities, made, reasons, spans, states, wording
from containers.views.job_steps import Segment, ShownCommand, ShownStep
from containers.views.made import Made
from containers.views.patches import Wanted
from containers.views.revisions import Since
from containers.views.states import Badge

# Lines that a page holds: of one command, and of all together; the rest is a link away.
MOST_LINES: Final = 200
MOST_LINES_OF_ALL: Final = 4_000
LEAST_LINES: Final = 5
# Of a tool's words above everything.
MOST_QUOTED: Final = 12
# Failed starts whose changes are looked up.
MOST_EXPLAINED: Final = 3
# The width of the pictures of time, in their own units.
SCALE: Final = 400

_SUMMARY: Final = (
    StepState.SUCCEEDED,
    StepState.SKIPPED,
    StepState.FAILED,
    StepState.LOST,
    StepState.CANCELLED,
    StepState.RUNNING,
    StepState.PENDING,
)


class JobPage:
    """Three queries more than the job itself: steps, commands, lines; and one for each command that printed very much.

    Of `wanted` steps only, if given, lines are loaded.
    """

    def __init__(self, job: Job, wanted: Wanted | None = None) -> None:
        self.job = job
        self._wanted = wanted

    @cached_property
    def steps(self) -> list[ShownStep]:
        rows = list(self.job.steps.all())
        commands = self._commands()
        return [self._shown(row, commands[row.pk], rows) for row in rows]

    def _shown(self, row: Step, commands: list[ShownCommand], rows: list[Step]) -> ShownStep:
        since = Since.last_good(self.job, row.container) if row.pk in self._explained(rows) else None
        return ShownStep(row, commands, self._bar(row), self._span(row), len(rows) == 1, self._waits_for(row, rows), since)

    def _explained(self, rows: list[Step]) -> list[int]:
        """Return the steps of which it is said what changed since it last went well: few, each costs two queries."""
        failed = [row.pk for row in rows if row.container and row.action == Action.START and row.state == StepState.FAILED]
        return failed[:MOST_EXPLAINED]

    @property
    def first_bad(self) -> ShownStep | None:
        return next((step for step in self.steps if step.is_bad), None)

    @property
    def is_bad(self) -> bool:
        return self.job.state in (JobState.FAILED, JobState.ERRORED, JobState.LOST) or self.first_bad is not None

    @property
    def leaves_others_up(self) -> bool:
        """Whether it failed at one of several containers; an installation, for one, takes back what it has made."""
        starts = (Operation.START, Operation.RESTART, Operation.AUTOSTART)
        return self.job.state == JobState.FAILED and self.job.operation in starts and len(self.steps) > 1

    @property
    def error_title(self) -> str:
        """What went wrong, in one sentence, as early as a step says so."""
        bad = self.first_bad
        if self.job.reason or not bad:
            return self.job.reason
        return bad.row.note if bad.row.note.startswith(bad.title) else f"{bad.title}: {bad.row.note}"

    @property
    def error_words(self) -> str:
        """The failing tool's own words: from the job, or while it goes on, from the failing command."""
        words = self.job.error.strip()
        if not words and (bad := self.first_bad) and bad.commands:
            last = Line.objects.filter(command=bad.commands[-1].row).order_by("-number")[: 10 * MOST_QUOTED]
            words = "\n".join(line.text for line in reversed(last))
        lines = [line for line, _group in groupby(words.splitlines())]
        return "\n".join(lines[-MOST_QUOTED:]) if words != self.job.reason else ""

    @property
    def is_traceback(self) -> bool:
        return self.job.state == JobState.ERRORED

    @property
    def waited(self) -> str:
        """How long it was in line; not worth a word where a worker took it at once."""
        if self.job.started_at is None:
            return ""
        seconds = (self.job.started_at - self.job.created_at).total_seconds()
        return spans.duration(seconds) if seconds >= 0.01 else ""

    @property
    def summary(self) -> list[tuple[Badge, int]]:
        """How many steps are in which state."""
        counts = Counter(step.row.state for step in self.steps)
        return [(states.STEP_BADGES[state], counts[state]) for state in _SUMMARY if counts[state]]

    @cached_property
    def rest(self) -> Rest | None:
        """What a retry from where it broke off would be about; None where that makes no sense."""
        return resuming.rest_of(self.job, [step.row for step in self.steps])

    @property
    def rest_is_all(self) -> bool:
        return self.rest is not None and self.rest.is_all_of(self.job)

    @property
    def rest_title(self) -> str:
        """What the rest is asked for as: "start app and web"."""
        if self.rest is None:
            return ""
        return wording.operation_on(wording.inside(wording.operation_label(self.rest.operation)), self.rest.targets)

    @property
    def scale(self) -> list[str]:
        """The beginning, the middle and the end of the time that the bars stand on."""
        if self.job.started_at is None or not any(step.bar for step in self.steps):
            return []
        whole = (self._now - self.job.started_at).total_seconds()
        return [spans.short(0), spans.duration(whole / 2), spans.duration(whole)]

    @property
    def segments(self) -> list[Segment]:
        """The same as one bar."""
        total, x, segments = len(self.steps), 0.0, []
        for badge, count in self.summary:
            width = SCALE * count / total
            segments.append(Segment(badge.ink, round(x, 1), round(width - 1, 1)))
            x += width
        return segments

    @cached_property
    def made(self) -> Made | None:
        """What there is to go on with; one query more for jobs that make layers and images."""
        return made.of(self.job)

    @cached_property
    def containers(self) -> list[str]:
        return list(self.job.containers.values_list("name", flat=True))

    @property
    def retries(self) -> list[Job]:
        return list(self.job.retries.order_by("id"))

    @cached_property
    def last_number(self) -> int:
        """The last line that the page holds: a follower asks for those after it."""
        return max((command.last_number for step in self.steps for command in step.commands), default=0)

    @cached_property
    def _now(self) -> datetime:
        return self.job.ended_at or timezone.now()

    @cached_property
    def _graph(self) -> Graph:
        return Graph(sight.edges())

    def _waits_for(self, row: Step, rows: list[Step]) -> SafeString | None:
        if row.state != StepState.PENDING or not row.container or not self.job.is_active:
            return None
        unended = [step.container for step in rows if step.state in activities.UNENDED]
        names = activities.blockers(row.container, row.action, self._graph, unended)
        return reasons.waits_for(names) if names else None

    def _span(self, row: Step) -> str:
        if row.started_at is None or self.job.started_at is None:
            return ""
        begin = max((row.started_at - self.job.started_at).total_seconds(), 0)
        took = ((row.ended_at or self._now) - row.started_at).total_seconds()
        return _("begun after %(begin)s, took %(took)s") % {"begin": spans.duration(begin), "took": spans.duration(took)}

    def _bar(self, row: Step) -> Segment | None:
        if row.started_at is None or self.job.started_at is None:
            return None
        whole = max((self._now - self.job.started_at).total_seconds(), 0.001)
        begin = (row.started_at - self.job.started_at).total_seconds() / whole
        end = ((row.ended_at or self._now) - self.job.started_at).total_seconds() / whole
        x = round(max(0.0, min(begin, 0.99)) * SCALE, 1)
        # A step that took no time is still to be seen.
        return Segment(states.STEP_BADGES[StepState(row.state)].ink, x, round(max(3.0, min(end, 1.0) * SCALE - x), 1))

    def _commands(self) -> dict[int, list[ShownCommand]]:
        # Counted by the index alone: a join would group a hundred thousand lines by all that a command has.
        counted = Line.objects.filter(command=OuterRef("pk")).order_by().values("command").annotate(n=Count("pk"))
        rows = Command.objects.filter(step__job=self.job).annotate(line_count=Coalesce(Subquery(counted.values("n")), 0))
        found = list(rows.order_by("step", "number").select_related("step"))
        lines = self._lines(found, max(LEAST_LINES, min(MOST_LINES, MOST_LINES_OF_ALL // max(len(found), 1))))
        commands: dict[int, list[ShownCommand]] = defaultdict(list)
        typed = Typed.of(self.job)
        for row in found:
            commands[row.step_id].append(ShownCommand(row, typed.argv(row, row.step.container), lines[row.pk], row.line_count))
        return commands

    def _lines(self, commands: list[Any], most: int) -> dict[int, list[Line]]:
        """Return the last lines of each command: one that printed a hundred thousand must not be loaded whole."""
        if self._wanted and not self._wanted.is_all:
            commands = [row for row in commands if row.step.number in self._wanted.numbers]
        long = [row.pk for row in commands if row.line_count > most]
        short = [row.pk for row in commands if 0 < row.line_count <= most]
        lines: dict[int, list[Line]] = defaultdict(list)
        for key in long:
            lines[key] = list(Line.objects.filter(command=key).order_by("-number")[:most])[::-1]
        for line in Line.objects.filter(command__in=short).order_by("number"):
            lines[line.command_id or 0].append(line)
        return lines

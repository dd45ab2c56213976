"""The whole graph for its page: tiers, drawing, and what a simulation says; a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import escape, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from containers.choices import Operation
from containers.domain.drawing import Drawing, draw
from containers.domain.graph import Graph
from containers.domain.steps import Action
from containers.errors import InvalidRequest, SpocError
from containers.forms.queries import GraphQuery
from containers.services import sight, simulation, timings
from containers.services.simulation import Scenario, Simulation
from containers.views import activities, marks, spans, wording
from containers.views.activities import Shown
from containers.views.graph_shapes import Picture
from containers.views.plan_page import ACTIONS, reason_text
from containers.views.skeletons import skeleton
from containers.views.states import Badge

SCENARIOS: Final[dict[Scenario, str | Promise]] = {
    Scenario.START: _("Start"),
    Scenario.STOP: _("Stop"),
    Scenario.RESTART: _("Restart"),
    Scenario.REBOOT: _("Reboot host"),
}
BAR: Final = 400
_ROW_KEYS: Final = ("name", "state", "needs", "neededby", "readyafter", "numbers")


@dataclass(frozen=True)
class TierRow:
    shown: Shown
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]
    ready_after: str
    numbers: str

    @property
    def name(self) -> str:
        return self.shown.name

    @property
    def html(self) -> SafeString:
        """The row of the table."""
        flags = {"has_needs": bool(self.needs), "is_needed": bool(self.needed_by), "has_numbers": bool(self.numbers)}
        html = skeleton("dependencies/_row.html", _ROW_KEYS, **flags)
        return SafeString(
            html.format(
                name=self.name,
                state=_badge(get_language() or "", self.shown.badge),
                needs=_tags(self.needs),
                neededby=_tags(self.needed_by),
                readyafter=escape(self.ready_after),
                numbers=escape(self.numbers),
            )
        )


@lru_cache(maxsize=8)
def _drawing(edges: tuple[tuple[str, tuple[str, ...]], ...]) -> Drawing:
    """Return the drawing of a graph. Of a large one it takes longer than to fill it in, and it seldom changes."""
    return draw(Graph(dict(edges)))


def _tags(names: tuple[str, ...]) -> SafeString:
    return format_html_join(" ", '<a class="sw-tag" href="#row-{0}">{0}</a>', ((name,) for name in names))


@lru_cache(maxsize=256)
def _badge(language: str, badge: Badge) -> SafeString:
    return marks.badge(badge)


@dataclass(frozen=True)
class SimulatedStep:
    """One line of a simulated plan; the bar's measures are of a width of 400."""

    number: int
    container: str
    action: str
    reason: str
    lasts: str
    bar_x: float
    bar_width: float
    is_target: bool
    is_skipped: bool
    is_critical: bool


@dataclass
class GraphPage:
    query: GraphQuery
    error: SpocError | None = None

    def __post_init__(self) -> None:
        rows = list(sight.containers().select_related("last_job").order_by("name"))
        self.graph = Graph(sight.edges())
        self.shown = {shown.name: shown for shown in activities.show(rows, self.graph)}

    @property
    def digest(self) -> str:
        """Tells one graph from another: a page whose graph is not this one needs a new drawing."""
        return sha256(repr(sorted(self.graph.edges.items())).encode()).hexdigest()[:16]

    @cached_property
    def fault(self) -> InvalidRequest | None:
        """What keeps the graph from having an order: rows that were changed behind the forms' back."""
        try:
            self.graph.check()
        except InvalidRequest as error:
            return error
        return None

    @cached_property
    def picture(self) -> Picture | None:
        if self.fault:
            return None
        return Picture(_drawing(tuple(sorted(self.graph.edges.items()))), self.graph, self.shown, self.numbers)

    @cached_property
    def tiers(self) -> list[list[TierRow]]:
        """The rows of the table; without an order, all in one."""
        tiers = [sorted(self.graph.names)] if self.fault else self.graph.tiers()
        found = [[self._row(self.shown[name]) for name in tier if name in self.shown] for tier in tiers]
        return [tier for tier in found if tier]

    def _row(self, shown: Shown) -> TierRow:
        seconds = self._ready_after.get((shown.name, Action.START.value))
        ready_after = "–" if seconds is None else spans.duration(seconds)
        needs, needed_by = self.graph.needs(shown.name), self.graph.needed_by(shown.name)
        return TierRow(shown, needs, needed_by, ready_after, self.numbers.get(shown.name, ""))

    @cached_property
    def _ready_after(self) -> dict[tuple[str, str], float]:
        return timings.medians()

    @cached_property
    def simulation(self) -> Simulation | None:
        """What the query asks to simulate; what forbids it is kept in `error`."""
        scenario = self.query.scenario
        if scenario is None or not (scenario.is_whole_host or self.query.containers):
            return None
        try:
            return simulation.simulate(scenario, self.query.containers)
        except SpocError as error:
            self.error = error
            return None

    @property
    def simulation_title(self) -> str:
        if self.query.scenario is None:
            return ""
        return wording.operation_on(str(SCENARIOS[self.query.scenario]), self.query.containers)

    @cached_property
    def numbers(self) -> dict[str, str]:
        """{container: the numbers of its steps}, of those that would do something."""
        found: dict[str, list[str]] = {}
        for timing in self.simulation.estimate.timings if self.simulation else ():
            if timing.step.action != Action.SKIP:
                found.setdefault(timing.step.container, []).append(str(timing.step.number))
        return {name: ", ".join(numbers) for name, numbers in found.items()}

    @property
    def steps(self) -> list[SimulatedStep]:
        if self.simulation is None:
            return []
        estimate, targets = self.simulation.estimate, self.simulation.targets
        scale = BAR / (estimate.total_s or 1)
        critical = set(estimate.critical)
        return [
            SimulatedStep(
                number=timing.step.number,
                container=timing.step.container,
                action=str(ACTIONS.get(timing.step.action, "")),
                reason=reason_text(timing.step),
                lasts="" if timing.lasts_s is None else spans.duration(timing.lasts_s),
                bar_x=round(timing.begins_s * scale, 1),
                bar_width=round(max(2, (timing.lasts_s or 0) * scale), 1),
                is_target=timing.step.container in targets,
                is_skipped=timing.step.action == Action.SKIP,
                is_critical=timing.step.number in critical,
            )
            for timing in estimate.timings
        ]

    @property
    def real(self) -> str:
        """The address of the plan that does what is simulated; empty where no click does that."""
        scenario, names = self.query.scenario, self.query.containers
        if scenario is None or scenario.is_whole_host or len(names) != 1 or not self.numbers:
            return ""
        return reverse("container-operate", args=[names[0], Operation(scenario.value)])

    @property
    def total(self) -> str:
        """How long it takes by all runs that are on record; empty where none is."""
        known = self.simulation and any(timing.lasts_s for timing in self.simulation.estimate.timings)
        return spans.duration(self.simulation.estimate.total_s) if self.simulation and known else ""

    @property
    def unknown(self) -> tuple[str, ...]:
        return self.simulation.estimate.unknown if self.simulation else ()

    @property
    def lead(self) -> str:
        """ "3 containers, one after the other"."""
        count = len(self.numbers)
        text = ngettext("%d container", "%d containers", count) % count
        order = _("side by side where they may") if self._overlaps else _("one after the other")
        return f"{text}, {order}" if count > 1 else text

    @property
    def _overlaps(self) -> bool:
        timings = (
            [timing for timing in self.simulation.estimate.timings if timing.step.action != Action.SKIP]
            if self.simulation
            else []
        )
        return any(after.begins_s < before.ends_s for before, after in zip(timings, timings[1:], strict=False))

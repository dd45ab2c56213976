"""What one container uses: now, beside its limits, and over an hour or a day, drawn and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.domain.usage import Usage
from containers.models import Container
from containers.services import metrics
from containers.views import charts
from containers.views.charts import Span, Table

# A share of its limit from which a meter warns.
_HIGH: Final = 0.9


@dataclass(frozen=True)
class Plot:
    """One drawing: the API's columns in it, a column that limits them, and how the page's script writes the values."""

    title: str | Promise
    columns: str
    write: str
    limit: str = ""


PLOTS: Final = (
    Plot(gettext_lazy("CPU"), "cpu", "percent"),
    Plot(gettext_lazy("Memory"), "memory_bytes", "size", "memory_limit_bytes"),
    Plot(gettext_lazy("Network"), "received_bytes_s sent_bytes_s", "rate"),
    Plot(gettext_lazy("Processes"), "processes", "count"),
)


@dataclass(frozen=True)
class Meter:
    """A number of now, and of what it is a part where that is known. `use` is what the samples call it, `key` the API."""

    key: str
    title: str
    text: str
    of: str = ""
    value: float = 0
    limit: float | None = None
    use: str = ""

    @property
    def high(self) -> float:
        return _HIGH * (self.limit or 0)


@dataclass
class Use:
    """Two queries: now and history."""

    container: Container
    span: Span

    spans = tuple(charts.SPANS.values())
    plots = PLOTS

    @cached_property
    def table(self) -> Table:
        history = metrics.of_container(self.container, self.span.begin, by_minute=self.span is not charts.HOUR)
        return charts.table(history, timezone.now(), self.span, charts.CONTAINER_COLUMNS)

    @cached_property
    def meters(self) -> list[Meter]:
        used = metrics.now().containers.get(self.container.pk, Usage())
        return [*self._limited(used), *self._free(used)]

    def _limited(self, used: Usage) -> list[Meter]:
        memory, cpus, pids = used.memory_limit_bytes or self.container.memory_bytes, self.container.cpus, self.container.pids
        return [
            Meter(
                "memory_bytes",
                _("Memory"),
                charts.size(used.memory_bytes),
                _("of %(limit)s") % {"limit": charts.size(memory)} if memory else "",
                used.memory_bytes or 0,
                memory,
                "memory",
            ),
            Meter(
                "cpu",
                _("CPU"),
                charts.percent(used.cpu),
                _("of %(limit)s") % {"limit": charts.percent(cpus)} if cpus else _("of one processor"),
                used.cpu or 0,
                cpus,
                "cpu",
            ),
            Meter(
                "processes",
                _("Processes"),
                charts.count(used.processes),
                _("of %(limit)s") % {"limit": pids} if pids else "",
                used.processes or 0,
                pids,
            ),
        ]

    def _free(self, used: Usage) -> list[Meter]:
        return [
            Meter("received_bytes_s", _("Received"), charts.rate(used.received_bytes_s)),
            Meter("sent_bytes_s", _("Sent"), charts.rate(used.sent_bytes_s)),
        ]

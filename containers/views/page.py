"""What stands on every tab of a container's page: its head, what holds it, and the tabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.choices import ContainerState, JobState
from containers.domain.graph import Graph
from containers.errors import InvalidRequest
from containers.models import Container, Installation, Job, JobContainer
from containers.services import drift, sight
from containers.views import activities
from containers.views.access import Request
from containers.views.activities import Shown
from containers.views.may import May

# Tab: its URL's name and its title.
TABS: Final[dict[str, tuple[str, str | Promise]]] = {
    "overview": ("container-detail", _("Overview")),
    "definition": ("container-definition", _("Definition")),
    "config": ("container-config", _("LXC configuration")),
    "layers": ("container-layers", _("Layers")),
    "terminal": ("container-terminal", _("Terminal")),
    "log": ("container-log", _("Log")),
    "dependencies": ("container-dependencies", _("Dependencies")),
    "drift": ("container-drift", _("Drift")),
    "jobs": ("container-jobs", _("Jobs")),
    "history": ("container-history", _("History")),
}


@dataclass(frozen=True)
class Tab:
    url: str
    title: str | Promise
    count: int | None
    is_current: bool


@dataclass(frozen=True)
class ContainerPage:
    container: Container
    shown: Shown
    tab: str
    graph: Graph
    holder: Job | None
    # The installation of an app that it belongs to.
    app: str | None
    job_count: int
    may: May

    @classmethod
    def load(cls, request: Request, container: Container, tab: str) -> ContainerPage:
        jobs = sight.jobs().filter(containers__name=container.name)
        graph = Graph(sight.edges())
        return cls(
            container=container,
            shown=activities.show([container], graph)[0],
            tab=tab,
            graph=graph,
            app=Installation.objects.filter(containers__container=container).values_list("name", flat=True).first(),
            holder=jobs.filter(state=JobState.RUNNING).order_by("id").first(),
            job_count=JobContainer.objects.filter(name=container.name, job__host=container.host_id).count(),
            may=May(request.user, container.name),
        )

    @property
    def context(self) -> dict[str, Any]:
        return {"section": "containers", "page": self, "container": self.container, "shown": self.shown}

    @property
    def tabs(self) -> list[Tab]:
        counts = {"jobs": self.job_count, "history": self.container.revision}
        if self.container.drift_digest:
            counts["drift"] = len(drift.entries(self.container))
        shown = {key: tab for key, tab in TABS.items() if key != "terminal" or self.may["terminal"]}
        return [Tab(url, title, counts.get(key), key == self.tab) for key, (url, title) in shown.items()]

    @property
    def tier(self) -> int | None:
        """Its place in the order of starting; None where the rows go round in a circle."""
        try:
            tiers = self.graph.tiers()
        except InvalidRequest:
            return None
        return next((number for number, tier in enumerate(tiers, start=1) if self.container.name in tier), None)

    @property
    def is_up(self) -> bool:
        return self.container.state != ContainerState.STOPPED

"""A start for nobody, as far as Python goes: what a worker does while it has nothing to do.

Django, pydantic and Python prepare a part of themselves at their first use, and a forked process copies each page that it is
the first to touch. Done here, that is not on the way of a job.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from containers.choices import PENDING_JOB_STATES
from containers.domain import plan
from containers.domain.addresses import next_address
from containers.domain.graph import Graph
from containers.domain.layout import Layout
from containers.domain.lxc_config import render
from containers.domain.plan import Fact
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation, State
from containers.jobs.handlers import actions
from containers.jobs.journal import find_job
from containers.models import Container
from containers.services import known_secrets, specs

# No row has it.
_NOBODY: Final = 0
_NAME: Final = "nobody"


def rehearse() -> None:
    """Ask what every start asks, and work out what it works out, for a container that is not there. Leaves no trace."""
    find_job(_NOBODY, PENDING_JOB_STATES)
    rows = Container.objects.filter(host=_NOBODY)
    rows.edges()
    list(rows.filter(name__in=[_NAME]).with_definition())
    row = Container(pk=_NOBODY, name=_NAME, cmd="/bin/true")
    Container.objects.load_definition(row)
    known_secrets.of_containers([row])
    plan.plan(Operation.START, [_NAME], Graph({_NAME: ()}), {_NAME: Fact(State.STOPPED, is_ready=None, has_ready_check=False)})
    _render(specs.data_of(row))
    # The one thing that is written, to no row.
    rows.filter(name=_NAME).update(pid=None)


def _render(data: dict[str, Any]) -> None:
    data["definition"] |= {"layers": ["base"], "mounts": {"data": "srv"}, "env": {"LANG": "C.UTF-8"}}
    spec = ContainerSpec.parse(data, idmap_size=settings.IDMAP_SIZE)
    layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
    render(spec, next_address(settings.SUBNET, ()), actions.config_context(layout))

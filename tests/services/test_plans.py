"""Plans from rows."""

from __future__ import annotations

from typing import Any

import pytest

from containers.choices import ContainerState
from containers.domain.plan import Fact
from containers.domain.states import Operation, State
from containers.errors import InvalidRequest, NotFound
from containers.models import Container
from containers.services import plans
from tests.support import rows

pytestmark = pytest.mark.django_db


def test_a_start_is_planned_in_order_with_reasons() -> None:
    rows.chain()
    Container.objects.filter(name="db").update(state=ContainerState.RUNNING)
    assert plans.preview(Operation.START, ["web"]).export() == {
        "operation": "start",
        "targets": ["web"],
        "steps": [
            {"container": "db", "action": "skip", "reason": "already running"},
            {"container": "app", "action": "start", "reason": "needed by web"},
            {"container": "web", "action": "start", "reason": "asked for"},
        ],
    }


def test_a_stop_takes_the_running_dependents_first() -> None:
    rows.chain(state=ContainerState.RUNNING)
    assert plans.preview(Operation.STOP, ["db"]).export()["steps"] == [
        {"container": "web", "action": "stop", "reason": "needs app"},
        {"container": "app", "action": "stop", "reason": "needs db"},
        {"container": "db", "action": "stop", "reason": "asked for"},
    ]


def test_facts_are_what_the_rows_say() -> None:
    rows.container("a", state=ContainerState.RUNNING, is_ready=True, ready="true", autostart=True)
    rows.container("b")
    Container.objects.filter(name="b").update(is_mounted=True)
    assert plans.facts() == {
        "a": Fact(State.RUNNING, True, True, False, True),
        "b": Fact(State.STOPPED, None, False, True, False),
    }
    assert set(plans.facts(["b", "c"])) == {"b"}


def test_the_whole_host_needs_no_names() -> None:
    rows.chain(state=ContainerState.RUNNING)
    assert plans.preview(Operation.SHUTDOWN).targets == ("app", "db", "web")
    assert plans.preview(Operation.AUTOSTART).export() == {"operation": "autostart", "targets": [], "steps": []}


@pytest.mark.parametrize(("operation", "names", "error"), [("start", ["b"], NotFound), ("start", [], InvalidRequest)])
def test_bad_names_are_refused(operation: str, names: list[str], error: type[Exception]) -> None:
    rows.container("a")
    with pytest.raises(error):
        plans.preview(Operation(operation), names)


def test_a_plan_takes_two_queries(django_assert_num_queries: Any) -> None:
    rows.chain()
    with django_assert_num_queries(2):
        plans.preview(Operation.START, ["web"])
    with django_assert_num_queries(2):
        plans.preview(Operation.SHUTDOWN)

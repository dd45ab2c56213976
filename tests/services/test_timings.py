"""Medians of past steps, and what is made of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.choices import ContainerState, JobState, Operation, StepState, Via
from containers.errors import InvalidRequest, NotFound
from containers.models import Job, Step
from containers.services import simulation, timings
from containers.services.simulation import Scenario
from tests.support import rows

pytestmark = pytest.mark.django_db


def past(name: str, action: str, *seconds: float, state: StepState = StepState.SUCCEEDED) -> None:
    """Put runs on record, the oldest first."""
    for span in seconds:
        job = Job.objects.create(host=rows.host(), operation=Operation.START, state=JobState.SUCCEEDED, via=Via.WEB)
        end = timezone.now()
        begun = end - timedelta(seconds=span)
        Step.objects.create(job=job, number=1, container=name, action=action, state=state, started_at=begun, ended_at=end)


def test_the_median_is_of_each_container_and_action() -> None:
    past("db", "start", 1, 9, 2)
    past("db", "stop", 4)
    past("app", "start", 6, 8)
    assert timings.medians() == {("db", "start"): 2.0, ("db", "stop"): 4.0, ("app", "start"): 7.0}
    assert timings.medians(["app"]) == {("app", "start"): 7.0}


def test_only_the_last_runs_count() -> None:
    past("db", "start", *[100.0] * 20, *[1.0] * timings.LAST_RUNS)
    assert timings.medians() == {("db", "start"): 1.0}


def test_what_failed_or_was_skipped_does_not_count() -> None:
    past("db", "start", 60, state=StepState.FAILED)
    past("db", "start", 60, state=StepState.SKIPPED)
    past("db", "execute", 60)
    assert timings.medians() == {}


def test_steps_of_long_ago_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    past("db", "start", 50)
    monkeypatch.setattr(timings, "NEWEST_STEPS", 2)
    past("app", "start", 1, 1)
    assert timings.medians() == {("app", "start"): 1.0}


def test_a_simulation_has_order_and_expected_time(settings: Any) -> None:
    settings.JOB_CONCURRENCY = 4
    rows.chain(state=ContainerState.RUNNING)
    for name, seconds in (("db", 1.0), ("app", 2.0), ("web", 4.0)):
        past(name, "stop", seconds)
    found = simulation.simulate(Scenario.STOP, ["db"])
    assert [timing.step.container for timing in found.estimate.timings] == ["web", "app", "db"]
    assert found.targets == ("db",)
    assert found.estimate.total_s == pytest.approx(7.0)


def test_a_reboot_is_about_all_containers() -> None:
    rows.container("db", state=ContainerState.RUNNING, autostart=True)
    rows.container("mail", state=ContainerState.RUNNING)
    steps = [timing.step for timing in simulation.simulate(Scenario.REBOOT).estimate.timings]
    assert [(step.container, step.action.value) for step in steps] == [("db", "stop"), ("mail", "stop"), ("db", "start")]


def test_what_does_not_exist_cannot_be_simulated() -> None:
    with pytest.raises(NotFound, match="there is no container|There is no container"):
        simulation.simulate(Scenario.START, ["nothing"])
    with pytest.raises(InvalidRequest):
        simulation.simulate(Scenario.START)


@pytest.mark.parametrize("scenario", [Scenario.STOP, Scenario.REBOOT])
def test_more_containers_need_no_more_queries(scenario: Scenario, django_assert_num_queries: Any) -> None:
    rows.chain(state=ContainerState.RUNNING)
    with django_assert_num_queries(4):
        simulation.simulate(scenario, ["db"])
    for number in range(20):
        rows.container(f"more-{number}", depends=["db"], state=ContainerState.RUNNING)
    with django_assert_num_queries(4):
        simulation.simulate(scenario, ["db"])

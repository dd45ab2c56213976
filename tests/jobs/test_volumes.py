"""Jobs on volumes, with real containers."""

from __future__ import annotations

from typing import Any

import pytest

from containers.choices import JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.errors import Conflict
from containers.host import volumes as host_volumes
from containers.jobs.monitor import Monitor
from containers.models import Host, Mount, Volume
from containers.services import hosts, volumes
from tests.jobs.conftest import SYSTEM, Panel

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lxc]


def names(host: Host) -> dict[str, str]:
    return dict(Volume.objects.filter(host=host).values_list("name", "kind"))


def test_volumes_that_a_job_makes_are_known_at_once(panel: Panel) -> None:
    panel.add("web", mounts={"data": "srv", "conf": "etc/web.toml:file"})
    assert names(panel.host) == {"data": "directory", "conf": "file"}
    panel.do(Operation.DESTROY, "web", volumes=["data"])
    assert names(panel.host) == {"conf": "file"}


def test_the_monitor_finds_what_came_and_went_by_hand(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv"})
    (layout.volumes / "data").rename(layout.volumes / "moved")
    Monitor(panel.host)._list_volumes()
    assert names(panel.host) == {"moved": "directory"}
    assert hosts.current().volumes_seen_at is not None
    listed = {volume.name: volume for volume in volumes.listing()}
    assert (listed["data"].is_missing, listed["moved"].is_orphan) == (True, True)
    (layout.volumes / "moved").rmdir()


def test_what_the_network_lacks_is_known_until_the_job_has_set_it_up(panel: Panel, make_job: Any) -> None:
    Host.objects.update(network_missing=["there is no bridge"])
    assert panel.run(make_job("network")).state == JobState.SUCCEEDED
    panel.host.refresh_from_db()
    assert panel.host.network_missing == []
    assert panel.host.network_seen_at is not None


def test_measuring_writes_sizes_and_their_time(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv"})
    (layout.volumes / "data/file").write_bytes(b"x" * 100_000)
    job = panel.run(volumes.request_scan(SYSTEM))
    assert job.state == JobState.SUCCEEDED, job.error
    row = Volume.objects.get(name="data")
    assert row.size_bytes is not None
    assert row.size_bytes >= 100_000
    assert row.measured_at is not None


def test_an_unused_volume_is_removed_and_a_second_run_finds_nothing(panel: Panel, layout: Layout, make_job: Any) -> None:
    panel.add("web", mounts={"data": "srv"})
    (layout.volumes / "data/file").touch()
    panel.do(Operation.DESTROY, "web")
    job = panel.run(volumes.request_remove(SYSTEM, volumes.get("data")))
    assert job.state == JobState.SUCCEEDED, job.error
    assert list(layout.volumes.glob("*data*")) == []
    assert names(panel.host) == {}
    again = panel.run(make_job("volume-remove", "data"))
    assert again.state == JobState.SUCCEEDED, again.error


def test_a_volume_of_a_definition_is_refused_by_the_service_and_by_the_worker(
    panel: Panel, layout: Layout, make_job: Any
) -> None:
    panel.add("web", mounts={"data": "srv"})
    with pytest.raises(Conflict, match="mounted by web"):
        volumes.request_remove(SYSTEM, volumes.get("data"))
    job = panel.run(make_job("volume-remove", "data"))
    assert job.state == JobState.FAILED
    assert "mounted by web" in job.error
    assert (layout.volumes / "data").is_dir()


def test_a_volume_that_a_container_runs_with_is_refused_although_its_definition_has_it_no_more(
    panel: Panel, layout: Layout, make_job: Any
) -> None:
    panel.add("web", mounts={"data": "srv"})
    panel.do(Operation.START, "web")
    Mount.objects.all().delete()
    job = panel.run(make_job("volume-remove", "data"))
    assert job.state == JobState.FAILED
    assert "web runs with the volume data still" in job.error
    assert (layout.volumes / "data").is_dir()


@pytest.mark.parametrize("targets", [[], ["a", "b"], ["../etc"], [7], "data", [".unfinished-x"]])
def test_hostile_targets_end_in_a_failed_job(panel: Panel, make_job: Any, targets: Any) -> None:
    job = make_job("volume-remove")
    job.targets = targets
    job.save()
    assert panel.run(job).state == JobState.FAILED


def test_what_a_killed_removal_left_goes_with_the_next_one(panel: Panel, layout: Layout, make_job: Any) -> None:
    (layout.volumes / "data").mkdir()
    host_volumes.set_aside(layout, "data")
    assert panel.run(make_job("volume-remove", "other")).state == JobState.SUCCEEDED
    assert list(layout.volumes.glob(".unfinished-*")) == []

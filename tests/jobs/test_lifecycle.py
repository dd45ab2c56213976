"""Every operation on real containers, from the row to the host and back (DESIGN: lifecycle semantics)."""

from __future__ import annotations

import socket
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from containers.choices import Cancel, JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.errors import Conflict
from containers.jobs.runner import run_job
from containers.models import Container, Job, Step
from containers.services import containers, demo
from tests.jobs.conftest import SYSTEM, Panel, steps
from tests.support import lxc

pytestmark = pytest.mark.lxc

SERVE = "/bin/sh -c 'sleep 0.2; touch /tmp/up; exec sleep 1000'"
IS_UP = "test -e /tmp/up"


def chain(panel: Panel) -> None:
    panel.add("db", cmd=SERVE, ready=IS_UP)
    panel.add("app", cmd=SERVE, ready=IS_UP, depends=["db"])
    panel.add("web", cmd=SERVE, ready=IS_UP, depends=["app"])


def test_create_makes_what_the_contract_says(panel: Panel, layout: Layout) -> None:
    container = panel.add("web", mounts={"data": "srv/data"}, uid="1000", gid="1001")
    base = Path(layout.container("web"))
    assert sorted(path.name for path in base.iterdir()) == ["config", "ephemeral", "olwork", "rootfs"]
    config = base / "config"
    assert (config.stat().st_uid, config.stat().st_gid, config.stat().st_mode & 0o777) == (0, 0, 0o640)
    volume = Path(layout.volume("data")).stat()
    assert (volume.st_uid, volume.st_gid) == (settings.IDMAP_BASE + 1000, settings.IDMAP_BASE + 1001)
    assert f"{container.address} web" in " ".join(Path(layout.hosts).read_text().split())
    assert container.is_created
    assert container.state == "STOPPED"


def test_a_job_says_which_revisions_it_worked_with(panel: Panel) -> None:
    panel.add("db")
    panel.add("web", depends=["db"])
    containers.update_container(SYSTEM, panel.row("web"), {"description": "second"})
    assert panel.do(Operation.START, "web").revisions == {"db": 1, "web": 2}
    # Of what runs already, nothing is used.
    assert panel.do(Operation.RESTART, "web").revisions == {"web": 2}
    assert panel.do(Operation.STOP, "db").revisions == {}


def test_start_brings_up_what_it_needs_first(panel: Panel, layout: Layout) -> None:
    chain(panel)
    job = panel.do(Operation.START, "web")
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert steps(job) == [
        ("db", "start", "succeeded"),
        ("app", "start", "succeeded"),
        ("web", "start", "succeeded"),
    ]
    ends = {step.container: (step.started_at, step.ended_at) for step in job.steps.all()}
    assert ends["db"][1] <= ends["app"][0] <= ends["app"][1] <= ends["web"][0]
    assert {lxc.state(layout, name) for name in ("db", "app", "web")} == {"RUNNING"}
    row = panel.row("web")
    assert (row.state, row.is_ready, row.is_pending, row.failure) == ("RUNNING", True, False, "")
    assert row.pid
    assert Path(f"/proc/{row.pid}").exists()


def test_every_command_of_a_start_is_on_record(panel: Panel) -> None:
    panel.add("web", cmd=SERVE, ready=f"echo looking; {IS_UP}")
    job = panel.do(Operation.START, "web")
    (step,) = job.steps.all()
    commands = list(step.commands.all())
    programs = [command.argv[0].rpartition("/")[2] for command in commands]
    assert "lxc-start" in programs
    check = next(command for command in commands if command.argv[0].endswith("lxc-attach"))
    assert check.argv[-1] == f"echo looking; {IS_UP}"
    assert (check.exit_code, check.output) == (0, "looking\n")
    assert check.tries > 1
    assert all(command.duration_ms is not None for command in commands)


def test_a_second_start_finds_nothing_to_do(panel: Panel) -> None:
    chain(panel)
    panel.do(Operation.START, "app")
    job = panel.do(Operation.START, "web")
    assert [(c, a) for c, a, _ in steps(job)] == [("app", "skip"), ("db", "skip"), ("web", "start")] or [
        (c, a) for c, a, _ in steps(job)
    ] == [("db", "skip"), ("app", "skip"), ("web", "start")]
    again = panel.do(Operation.START, "web")
    assert again.state == JobState.SUCCEEDED
    assert {state for _, _, state in steps(again)} == {"skipped"}


def test_what_runs_but_is_not_ready_any_more_is_waited_for(panel: Panel) -> None:
    panel.add("db", ready="test ! -e /tmp/broken", timeouts={"ready": 1})
    panel.add("app", depends=["db"])
    panel.do(Operation.START, "db")
    panel.do(Operation.EXECUTE, "db", command=["touch", "/tmp/broken"])
    job = panel.do(Operation.START, "app")
    assert job.state == JobState.FAILED
    assert steps(job) == [("db", "wait", "failed"), ("app", "start", "skipped")]
    assert panel.states() == {"db": "RUNNING", "app": "STOPPED"}


def test_a_failed_dependency_stops_its_dependents_and_leaves_the_rest_up(panel: Panel) -> None:
    panel.add("db", ready="echo no such table; exit 3", timeouts={"ready": 1})
    panel.add("cache")
    panel.add("app", depends=["db", "cache"])
    job = panel.do(Operation.START, "app")
    assert job.state == JobState.FAILED
    assert "no such table" in job.error
    assert "db" in job.reason
    assert panel.states() == {"db": "RUNNING", "cache": "RUNNING", "app": "STOPPED"}
    assert "no such table" in panel.row("db").failure or "ready" in panel.row("db").failure
    assert panel.row("db").is_ready is not True


def test_stop_takes_down_what_depends_on_it_first(panel: Panel, layout: Layout) -> None:
    chain(panel)
    panel.do(Operation.START, "web")
    job = panel.do(Operation.STOP, "db")
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert steps(job) == [("web", "stop", "succeeded"), ("app", "stop", "succeeded"), ("db", "stop", "succeeded")]
    assert set(panel.states().values()) == {"STOPPED"}
    assert lxc.mounts(layout) == []


def test_the_ephemeral_layer_does_not_outlive_a_run_and_keeps_its_inode(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv"})
    inode = Path(layout.ephemeral("web")).stat().st_ino
    panel.do(Operation.START, "web")
    panel.do(Operation.EXECUTE, "web", command=["sh", "-c", "echo kept > /srv/file; echo lost > /file"])
    assert (Path(layout.ephemeral("web")) / "file").exists()
    panel.do(Operation.STOP, "web")
    assert list(Path(layout.ephemeral("web")).iterdir()) == []
    assert Path(layout.ephemeral("web")).stat().st_ino == inode
    assert (Path(layout.volume("data")) / "file").read_text() == "kept\n"


def test_restart_starts_again_what_was_running(panel: Panel, layout: Layout) -> None:
    chain(panel)
    panel.add("idle", depends=["db"])
    panel.do(Operation.START, "web")
    before = {name: panel.row(name).pid for name in ("db", "app", "web")}
    job = panel.do(Operation.RESTART, "db")
    assert job.state == JobState.SUCCEEDED, job.error
    assert [(c, a) for c, a, _ in steps(job)] == [
        ("web", "stop"),
        ("app", "stop"),
        ("db", "stop"),
        ("db", "start"),
        ("app", "start"),
        ("web", "start"),
    ]
    after = {name: panel.row(name).pid for name in ("db", "app", "web")}
    assert all(before[name] != after[name] for name in before)
    assert panel.row("idle").state == "STOPPED"


def test_kill_ends_at_once_and_leaves_nothing(panel: Panel, layout: Layout) -> None:
    panel.add("web", halt="SIGUSR1", timeouts={"stop": 600})
    panel.do(Operation.START, "web")
    job = panel.do(Operation.KILL, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    assert lxc.state(layout, "web") == "STOPPED"
    assert lxc.mounts(layout) == []


def test_an_init_that_ignores_the_halt_signal_is_killed_and_the_step_says_so(panel: Panel) -> None:
    panel.add("web", cmd="/bin/sh -c 'trap \"\" USR1; while :; do sleep 1; done'", halt="SIGUSR1", timeouts={"stop": 1})
    panel.do(Operation.START, "web")
    job = panel.do(Operation.STOP, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    assert "killed" in Step.objects.get(job=job).note


def test_freeze_and_unfreeze(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.do(Operation.START, "web")
    assert panel.do(Operation.FREEZE, "web").state == JobState.SUCCEEDED
    assert (lxc.state(layout, "web"), panel.row("web").state) == ("FROZEN", "FROZEN")
    assert panel.do(Operation.UNFREEZE, "web").state == JobState.SUCCEEDED
    assert (lxc.state(layout, "web"), panel.row("web").state) == ("RUNNING", "RUNNING")


def test_a_frozen_container_is_thawed_and_stopped(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.do(Operation.START, "web")
    panel.do(Operation.FREEZE, "web")
    assert panel.do(Operation.STOP, "web").state == JobState.SUCCEEDED
    assert lxc.state(layout, "web") == "STOPPED"


def test_execute_in_a_running_container_gives_output_and_exit_code(panel: Panel) -> None:
    panel.add("web", env={"SECRET": "of the container"})
    panel.do(Operation.START, "web")
    job = panel.do(Operation.EXECUTE, "web", command=["sh", "-c", "id -u; id -g; exit 3"], uid="nobody", gid="nogroup")
    assert job.state == JobState.FAILED
    command = job.steps.get().commands.order_by("-number").first()
    assert command is not None
    assert command.exit_code == 3
    assert command.output.split() == ["65534", "65534"]


def test_execute_gives_nothing_of_the_worker_to_the_container(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOCWEB_DATABASE_URL_SECRET", "hunter2")
    panel.add("web")
    panel.do(Operation.START, "web")
    job = panel.do(Operation.EXECUTE, "web", command=["env"])
    assert "hunter2" not in "".join(line.text for line in job.lines.all())
    assert "SPOCWEB" not in "".join(line.text for line in job.lines.all())


def test_execute_in_a_stopped_container_is_a_run_of_its_own(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv"})
    job = panel.do(Operation.EXECUTE, "web", command=["sh", "-c", "echo hello > /srv/made; echo done; exit 4"])
    assert job.state == JobState.FAILED
    assert "4" in job.reason
    assert "done" in [line.text for line in job.lines.all()]
    assert (Path(layout.volume("data")) / "made").read_text() == "hello\n"
    assert lxc.state(layout, "web") == "STOPPED"
    assert lxc.mounts(layout) == []


def test_a_one_off_command_replaces_init_for_this_start_alone(panel: Panel, layout: Layout) -> None:
    panel.add("db")
    panel.add("web", depends=["db"])
    job = panel.do(Operation.START, "web", command=["/bin/sleep", "2000"])
    assert job.state == JobState.SUCCEEDED, job.error
    arguments = {name: Path(f"/proc/{panel.row(name).pid}/cmdline").read_bytes().split(b"\0") for name in ("db", "web")}
    assert b"2000" in arguments["web"]
    assert b"1000" in arguments["db"]


def test_mount_and_unmount_of_a_stopped_root_filesystem(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    assert panel.do(Operation.MOUNT, "web").state == JobState.SUCCEEDED
    assert (Path(layout.rootfs("web")) / "bin/busybox").exists()
    assert panel.row("web").is_mounted
    assert panel.do(Operation.UNMOUNT, "web").state == JobState.SUCCEEDED
    assert lxc.mounts(layout) == []
    assert not panel.row("web").is_mounted


def test_a_mounted_container_can_be_started(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.do(Operation.MOUNT, "web")
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    panel.do(Operation.STOP, "web")
    assert lxc.mounts(layout) == []


def test_destroy_ends_it_removes_it_and_keeps_the_volume(panel: Panel, layout: Layout) -> None:
    container = panel.add("web", mounts={"data": "srv"})
    panel.do(Operation.START, "web")
    job = panel.do(Operation.DESTROY, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    assert not Path(layout.container("web")).exists()
    assert Path(layout.volume("data")).is_dir()
    assert not Container.objects.filter(name="web").exists()
    assert "web" not in Path(layout.hosts).read_text()
    assert panel.add("other").address == container.address


def test_destroy_removes_volumes_that_were_asked_for_by_name(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv", "conf": "etc/web"})
    panel.do(Operation.DESTROY, "web", volumes=["data"])
    assert not Path(layout.volume("data")).exists()
    assert Path(layout.volume("conf")).exists()


def test_destroy_of_what_others_need_is_refused(panel: Panel) -> None:
    chain(panel)
    with pytest.raises(Conflict, match="app"):
        panel.do(Operation.DESTROY, "db")


def test_destroy_tolerates_what_is_gone_already(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    for path in sorted(Path(layout.container("web")).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert panel.do(Operation.DESTROY, "web").state == JobState.SUCCEEDED


def test_autostart_and_shutdown_take_the_whole_graph(panel: Panel) -> None:
    chain(panel)
    panel.add("lone", autostart=True)
    Container.objects.filter(name="web").update(autostart=True)
    assert panel.do(Operation.AUTOSTART).state == JobState.SUCCEEDED
    assert set(panel.states().values()) == {"RUNNING"}
    job = panel.do(Operation.SHUTDOWN)
    assert job.state == JobState.SUCCEEDED
    assert [c for c, a, _ in steps(job) if c != "lone"] == ["web", "app", "db"]
    assert set(panel.states().values()) == {"STOPPED"}


def test_containers_reach_each_other_by_name(panel: Panel) -> None:
    panel.add("db", cmd="/bin/busybox nc -ll -p 5432 -e /bin/echo hello")
    panel.add("app", depends=["db"])
    panel.do(Operation.START, "app")
    job = panel.do(Operation.EXECUTE, "app", command=["sh", "-c", "nc db 5432 </dev/null"])
    assert "hello" in [line.text for line in job.lines.all()], job.error


def test_init_that_ends_at_once_fails_the_start(panel: Panel) -> None:
    panel.add("web", cmd="/bin/true")
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.FAILED
    assert "web" in job.reason
    assert panel.row("web").state == "STOPPED"
    assert panel.row("web").failure


@pytest.mark.parametrize("ready", [None, "false"])
def test_the_words_of_an_init_that_ends_are_the_reason(panel: Panel, ready: str | None) -> None:
    panel.add("web", cmd="/bin/sh -c 'echo of an earlier run; sleep 1000'")
    assert panel.do(Operation.START, "web").state == JobState.SUCCEEDED
    panel.do(Operation.KILL, "web")
    definition = {"cmd": "/bin/sh -c 'echo opens; echo; echo no data directory; exit 1'", "ready": ready, "layers": ["base"]}
    containers.update_container(SYSTEM, panel.row("web"), {"definition": definition})
    job = panel.do(Operation.START, "web")
    assert "ready" in job.reason or "right after" in job.reason
    assert ": no data directory" in job.reason
    assert job.error.splitlines() == ["opens", "no data directory"]


def test_an_init_that_is_not_there_fails_in_lxcs_words(panel: Panel, layout: Layout) -> None:
    panel.add("web", cmd="/no/such/init")
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.FAILED
    assert "/no/such/init" in job.error
    assert lxc.mounts(layout) == []


def test_a_limit_reaches_the_cgroup(panel: Panel) -> None:
    panel.add("web", limits={"memory_bytes": 64 * 2**20, "pids": 50})
    panel.do(Operation.START, "web")
    cgroups = Path(f"/proc/{panel.row('web').pid}/cgroup").read_text()
    path = next(line.split(":")[2] for line in cgroups.splitlines() if "pids" in line or line.startswith("0::"))
    found = list(Path("/sys/fs/cgroup").glob(f"*{path}/pids.max")) or list(Path("/sys/fs/cgroup").glob(f"{path[1:]}/pids.max"))
    # Init lies in a cgroup below the one that carries the limit.
    candidates = [parent / "pids.max" for file in found for parent in (file.parent, file.parent.parent)]
    assert "50" in {file.read_text().strip() for file in candidates if file.exists()}


def test_a_job_that_is_run_twice_runs_once(panel: Panel) -> None:
    panel.add("web")
    job = panel.do(Operation.START, "web")
    count = Step.objects.count()
    run_job(job.pk)
    assert Step.objects.count() == count


def test_a_cancel_before_it_begins_runs_nothing(panel: Panel, make_job: Any, layout: Layout) -> None:
    panel.add("web")
    job = make_job("start", "web")
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
    assert panel.run(job).steps.count() == 0
    assert lxc.state(layout, "web") == "STOPPED"


def test_cancel_now_ends_a_readiness_check_that_hangs(panel: Panel) -> None:
    panel.add("web", ready="sleep 1000", timeouts={"ready": 600})
    panel.add("front", depends=["web"])
    # Asked for before the job looks for the first time: noticed within one interval.
    job = Job.objects.create(host=panel.host, operation="start", targets=["front"], inputs={}, via="system", cancel=Cancel.NOW)
    panel.run(job)
    assert job.state == JobState.CANCELLED
    assert "not done" in job.reason
    assert panel.states() == {"web": "RUNNING", "front": "STOPPED"}


def test_overlapping_jobs_exclude_each_other_and_the_waiting_one_says_for_whom(
    panel: Panel, make_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from containers.host.locks import Locks

    panel.add("db")
    panel.add("app", depends=["db"])
    job = make_job("start", "app")
    with Locks(settings.RUN_DIR).try_acquire(["db"], "job 418"):
        panel.run(job)
        assert (job.state, job.reason) == (JobState.WAITING, "job 418 is changing db")
    assert panel.run(job).state == JobState.SUCCEEDED


def test_a_volume_that_became_a_link_is_refused_at_start(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv"})
    volume = Path(layout.volume("data"))
    volume.rmdir()
    volume.symlink_to("/etc")
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.FAILED
    assert "data" in job.reason + job.error
    assert panel.row("web").state == "STOPPED"
    assert lxc.mounts(layout) == []


def test_a_definition_changed_behind_the_form_is_refused_by_the_worker(panel: Panel, layout: Layout) -> None:
    panel.add("web", mounts={"data": "srv"})
    panel.row("web").mounts.update(volume="../../../etc")
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.FAILED
    assert "mounts" in job.reason
    assert panel.row("web").state == "STOPPED"


@pytest.mark.parametrize("value", ["a\nlxc.hook.pre-start = /bin/id", "a\rb", "a\x85b", "a\u2028b", "a\x1bb"])
def test_control_characters_behind_the_form_are_refused_by_the_worker(panel: Panel, value: str) -> None:
    panel.add("web", env={"A": "1"})
    panel.row("web").environment.update(value=value)
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.FAILED
    assert "env" in job.reason


def test_a_user_who_lost_the_right_is_refused_by_the_worker(panel: Panel, make_job: Any, django_user_model: Any) -> None:
    panel.add("web")
    job = make_job("start", "web")
    Job.objects.filter(pk=job.pk).update(user=django_user_model.objects.create(username="mallory"), via="web")
    assert panel.run(job).state == JobState.FAILED
    assert panel.row("web").state == "STOPPED"


def test_a_job_of_nobody_from_the_web_is_refused(panel: Panel, make_job: Any) -> None:
    panel.add("web")
    job = make_job("start", "web")
    Job.objects.filter(pk=job.pk).update(via="api")
    assert panel.run(job).state == JobState.FAILED


def test_hostile_targets_and_operations_end_in_a_failed_job(panel: Panel, make_job: Any) -> None:
    panel.add("web")
    for operation, targets in [("start", ["../../etc"]), ("start", "web"), ("destroy", [{"a": 1}]), ("rm -rf", ["web"])]:
        job = make_job("start")
        Job.objects.filter(pk=job.pk).update(operation=operation, targets=targets)
        assert panel.run(job).state == JobState.FAILED
    assert panel.row("web").state == "STOPPED"


def test_a_missing_bridge_is_set_up_before_the_start(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.do(Operation.START, "web")
    panel.do(Operation.STOP, "web")
    lxc.run("ip", "link", "delete", settings.BRIDGE)
    job = panel.do(Operation.START, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    assert (settings.BRIDGE, socket.if_nametoindex(settings.BRIDGE) > 0) == (settings.BRIDGE, True)


def test_steps_threads_leave_the_database_alone(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    original = connection.ensure_connection

    def note() -> None:
        used.add(threading.current_thread().name)
        original()

    monkeypatch.setattr(connection, "ensure_connection", note)
    panel.add("web", cmd=SERVE, ready=IS_UP)
    panel.do(Operation.START, "web")
    assert not {name for name in used if name.startswith("step")}


def test_the_demo_serves_a_page_that_came_all_the_way(panel: Panel) -> None:
    job = panel.run(demo.request_demo(SYSTEM))
    assert job.state == JobState.SUCCEEDED, job.error
    assert [action for _, action, _ in steps(job)] == ["build", "create", "create", "create"]
    started = panel.do(Operation.START, "demo-web")
    assert started.state == JobState.SUCCEEDED, started.error
    assert [name for name, _, _ in steps(started)] == ["demo-db", "demo-app", "demo-web"]
    with urllib.request.urlopen(f"http://{panel.row('demo-web').address}/", timeout=60) as answer:
        assert b"demo" in answer.read().lower()

"""The runner of programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from containers.errors import Cancelled, CommandFailed, CommandTimeout
from containers.host.command import Runner
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until


@pytest.fixture
def recorder() -> KeepingRecorder:
    return KeepingRecorder()


@pytest.fixture
def runner(recorder: KeepingRecorder) -> Runner:
    return Runner(recorder)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_result_has_exit_code_and_both_outputs(runner: Runner, recorder: KeepingRecorder) -> None:
    result = runner.run(["sh", "-c", "echo out; echo err >&2"], timeout_s=120)

    assert (result.argv[0], result.exit_code, result.output) == ("sh", 0, "out\nerr")
    assert [(command.lines, command.exit_code) for command in recorder.commands] == [(["out", "err"], 0)]


def test_the_environment_is_small_and_fixed(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")

    result = runner.run(["env"], timeout_s=120, env={"MORE": "1"})

    assert sorted(result.output.split("\n")) == ["LANG=C.UTF-8", "MORE=1", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]


def test_a_program_has_a_session_of_its_own_and_nothing_to_read(runner: Runner) -> None:
    result = runner.run(["sh", "-c", 'cat; pwd; ps -o pid=,pgid=,sid= -p "$$"'], timeout_s=120)

    directory, numbers = result.output.split("\n")
    assert directory == "/"
    assert len(set(numbers.split())) == 1


def test_input_is_what_it_reads(runner: Runner) -> None:
    data = os.urandom(2_000_000)

    assert runner.run(["wc", "-c"], timeout_s=120, input=data).output == "2000000"
    assert runner.run(["wc", "-c"], timeout_s=120, input=b"").output == "0"


def test_an_open_file_can_be_read(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with (tmp_path / "file").open() as stream:
        assert runner.run(["cat"], timeout_s=120, stdin=stream.fileno()).output == "content"


@pytest.mark.parametrize(
    ("argv", "exit_code", "brief"),
    [
        (["sh", "-c", "echo why; exit 3"], 3, "sh failed with exit code 3: why"),
        (["false"], 1, "false failed with exit code 1"),
        (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM, "sh was ended by SIGTERM"),
        (["/usr/bin/no-such-program"], 127, "no-such-program is not installed"),
    ],
)
def test_failures_are_one_sentence(
    runner: Runner, recorder: KeepingRecorder, argv: list[str], exit_code: int, brief: str
) -> None:
    with pytest.raises(CommandFailed) as caught:
        runner.run(argv, timeout_s=120)

    assert (caught.value.brief, caught.value.exit_code, caught.value.argv) == (brief, exit_code, tuple(argv))
    assert recorder.commands[-1].exit_code == exit_code


def test_exit_codes_can_be_allowed(runner: Runner) -> None:
    assert runner.run(["false"], timeout_s=120, ok_codes=(0, 1)).exit_code == 1
    assert runner.run(["sh", "-c", "exit 9"], timeout_s=120, ok_codes=None).exit_code == 9


def test_it_returns_when_the_program_ends_not_when_its_output_is_closed(runner: Runner) -> None:
    result = runner.run(["sh", "-c", "sleep 60 & echo $!"], timeout_s=120)

    child = int(result.output)
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


def test_a_timeout_ends_the_whole_group(runner: Runner, recorder: KeepingRecorder) -> None:
    with pytest.raises(CommandTimeout, match=r"^sh did not end within 5 s$") as caught:
        runner.run(["sh", "-c", "sleep 60 & echo $!; wait"], timeout_s=5)

    wait_until(lambda: not is_alive(int(caught.value.output)), "the child is gone")
    assert recorder.commands[-1].exit_code is not None


def test_what_ignores_being_asked_is_killed(runner: Runner) -> None:
    with pytest.raises(CommandTimeout) as caught:
        runner.run(["sh", "-c", "trap : TERM; echo $$; while :; do sleep 1; done"], timeout_s=5)

    wait_until(lambda: not is_alive(int(caught.value.output)), "it is gone")


def test_a_cancel_ends_what_runs_and_all_that_would_follow(recorder: KeepingRecorder) -> None:
    cancel = threading.Event()
    runner = Runner(recorder, cancel)
    threading.Thread(
        target=lambda: (wait_until(lambda: recorder.commands and recorder.commands[0].lines, "it runs"), cancel.set())
    ).start()

    with pytest.raises(Cancelled):
        runner.run(["sh", "-c", "echo $$; sleep 60"], timeout_s=60)
    assert not is_alive(int(recorder.commands[0].lines[0]))
    with pytest.raises(Cancelled):
        runner.run(["true"], timeout_s=60)

    assert len(recorder.commands) == 1
    assert runner.for_cleanup().run(["true"], timeout_s=60).exit_code == 0


def test_output_is_recorded_while_the_program_runs(runner: Runner, recorder: KeepingRecorder, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    thread = threading.Thread(
        target=lambda: (wait_until(lambda: recorder.commands and recorder.commands[0].lines == ["now"], "a line"), seen.touch())
    )
    thread.start()

    runner.run(["sh", "-c", f"echo now; until [ -e {seen} ]; do sleep 0.01; done; echo then"], timeout_s=120)

    thread.join()
    assert recorder.commands[0].lines == ["now", "then"]


def test_secrets_are_masked_everywhere(runner: Runner, recorder: KeepingRecorder) -> None:
    with pytest.raises(CommandFailed) as caught:
        runner.run(["sh", "-c", "echo got hunter2; exit 1"], timeout_s=120, secrets=["hunter2"])

    kept = f"{caught.value} {caught.value.argv} {caught.value.output} {recorder.commands}"
    assert "hunter2" not in kept
    assert kept.count("********") >= 3


def test_what_is_not_to_be_recorded_is_not(runner: Runner, recorder: KeepingRecorder) -> None:
    runner.run(["true"], timeout_s=120, record=False)

    assert recorder.commands == []


def test_threads_can_share_a_runner(runner: Runner, recorder: KeepingRecorder) -> None:
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda word=str(number): results.append(runner.run(["echo", word], timeout_s=120).output))  # type: ignore[misc]
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results, key=int) == [str(number) for number in range(20)]
    assert all(command.lines == [command.argv[1]] for command in recorder.commands)


def test_no_file_descriptors_are_left_or_passed_on(runner: Runner, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with (tmp_path / "open").open("w") as stream:
        os.set_inheritable(stream.fileno(), True)
        listed = runner.run(["sh", "-c", "readlink /proc/$$/fd/* || :"], timeout_s=120).output
    for _ in range(5):
        runner.run(["true"], timeout_s=120, input=b"x")
        with pytest.raises(CommandFailed):
            runner.run(["/nothing"], timeout_s=120)

    assert str(tmp_path) not in listed
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_program_outlives_the_death_of_who_runs_it(tmp_path: Path) -> None:
    """A killed worker's commands go on: what they began must not be cut off at any point."""
    done = tmp_path / "done"
    script = f"echo $$ > {done}.pid; sleep 1; touch {done}"
    code = f"from containers.host.command import Runner; Runner().run(['sh', '-c', {script!r}], timeout_s=60)"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        wait_until(lambda: Path(f"{done}.pid").exists(), "it runs")
        os.killpg(process.pid, signal.SIGKILL)

    wait_until(done.exists, "the program ends by itself")


def test_duration_is_measured(runner: Runner) -> None:
    began = time.monotonic()
    result = runner.run(["sleep", "0.2"], timeout_s=120)

    assert 200 <= result.duration_ms <= (time.monotonic() - began) * 1000 + 1

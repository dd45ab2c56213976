"""Figure 1: a start asked for through the API, against the same start with LXC's own tools."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from bench import byhand
from bench.database import moment
from bench.panel import Panel
from bench.report import Figure, Report
from bench.samples import ratio, shown_ms

NAME = "bench-one"
WARM_UP = 3
LIMIT = 1.5

# What happened in the job, and when; LXC's own program is the job's one command.
PARTS = """
    SELECT job.started_at, step.started_at, command.started_at, command.duration_ms, job.ended_at
    FROM containers_job job
    JOIN containers_step step ON step.job_id = job.id
    JOIN containers_command command ON command.step_id = step.id
    WHERE job.id = ?
    ORDER BY command.number
"""


@dataclass(frozen=True)
class Start:
    """Until the observer saw RUNNING, and until all was done; in seconds from the beginning, as are the parts of it."""

    running_s: float
    done_s: float
    parts: Mapping[str, float] = field(default_factory=dict)


def measure(panel: Panel, *, pairs: int) -> Report:
    """Alternate both ways, so that what changes on the machine meanwhile changes both."""
    panel.add(NAME)
    container = panel.container(NAME)
    for _ in range(WARM_UP):
        start_by_hand(panel, container)
        start_by_api(panel, container)
    rounds = [_round(panel, container, swap=bool(number % 2)) for number in range(pairs)]
    report = _report(rounds)
    _measure_stops(panel, container, report, pairs=max(3, pairs // 2))
    panel.destroy([NAME])
    return report


def start_by_hand(panel: Panel, container: byhand.Container, path: str = byhand.SHELL) -> Start:
    """Start a stopped container with LXC's tools, look, and end it."""
    since = time.monotonic()
    container.start(path)
    done = time.monotonic()
    running = panel.observer.wait(container.name, "RUNNING", since)
    end(panel, container)
    return Start(running - since, done - since)


def end(panel: Panel, container: byhand.Container) -> None:
    """End what runs, however it was started."""
    panel.database.wait_quiet()
    panel.database.wait_state(container.name, "RUNNING")
    container.kill()
    panel.settle(container.name)


def start_by_api(panel: Panel, container: byhand.Container) -> Start:
    """Ask the panel for the start of a stopped container, look, and end it."""
    clock, since = time.time(), time.monotonic()
    job = panel.request(f"/containers/{container.name}/start/")
    answered = time.monotonic() - since
    # Asking the database again and again would take time from what is measured: first the line that comes by itself.
    running = panel.observer.wait(container.name, "RUNNING", since)
    done = panel.database.wait_job(job)
    begun, step, command, duration_ms, ended = panel.database.rows(PARTS, job)[0]
    end(panel, container)
    parts = {"answered": answered, "job begun": moment(begun) - clock, "step begun": moment(step) - clock}
    parts |= {"lxc-start begun": moment(command) - clock, "RUNNING": running - since}
    parts |= {"lxc-start ended": parts["lxc-start begun"] + duration_ms / 1000, "job ended": moment(ended) - clock}
    return Start(running - since, done - since, parts)


def _round(panel: Panel, container: byhand.Container, *, swap: bool) -> dict[str, Start]:
    """Return one start of each kind; who is first changes, too."""
    ways = {
        "api": partial(start_by_api, panel, container),
        "shell": partial(start_by_hand, panel, container),
        "bare": partial(start_by_hand, panel, container, byhand.PANEL),
    }
    return {kind: ways[kind]() for kind in (reversed(ways) if swap else ways)}


def _report(samples: list[dict[str, Start]]) -> Report:
    times = {kind: [sample[kind].running_s for sample in samples] for kind in ("api", "shell", "bare")}
    pairs = list(zip(times["api"], times["shell"], strict=True))
    measured = f"{shown_ms(times['api'])} against {shown_ms(times['shell'])}, {len(pairs)} pairs"
    report = Report([Figure("API call `start` → RUNNING ÷ bare `lxc-start -d` + `lxc-wait`", measured, ratio(pairs), LIMIT, "×")])
    strict = ratio(list(zip(times["api"], times["bare"], strict=True)))
    report.note(
        "the same ÷ a bare start without `newuidmap` on its path, as the panel's is", f"{strict:.2f} ×, {shown_ms(times['bare'])}"
    )
    done = [(sample["api"].done_s, sample["shell"].done_s) for sample in samples]
    report.note(
        "API call `start` → job ended, ÷ bare until `lxc-wait` ended",
        f"{ratio(done):.2f} ×, {shown_ms([first for first, _ in done])} against {shown_ms([second for _, second in done])}",
    )
    report.note("parts of a start by API, from the call", _timeline([sample["api"] for sample in samples]))
    return report


def _timeline(starts: list[Start]) -> str:
    times: dict[str, list[float]] = defaultdict(list)
    for start in starts:
        for name, at in start.parts.items():
            times[name].append(at)
    medians = sorted((median(values), name) for name, values in times.items())
    return ", ".join(f"{name} {at * 1000:.0f} ms" for at, name in medians)


def _measure_stops(panel: Panel, container: byhand.Container, report: Report, *, pairs: int) -> None:
    """Note how long until nothing of the run is left, for a container whose halt signal ends it at once."""
    times = [(_stop(panel, container, by_api=True), _stop(panel, container, by_api=False)) for _ in range(pairs)]
    measured = f"{shown_ms([first for first, _ in times])} against {shown_ms([second for _, second in times])}"
    report.note("API call `stop` → nothing left ÷ bare `lxc-stop`", f"{ratio(times):.2f} ×, {measured}")


def _stop(panel: Panel, container: byhand.Container, *, by_api: bool) -> float:
    container.start()
    panel.database.wait_state(container.name, "RUNNING")
    time.sleep(0.1)
    with byhand.Monitor(container) as monitor:
        since = time.monotonic()
        if by_api:
            panel.request(f"/containers/{NAME}/stop/")
        else:
            container.run("lxc-stop")
        monitor.wait()
        ended = time.monotonic()
    panel.settle(container.name)
    return ended - since

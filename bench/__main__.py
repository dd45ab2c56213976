"""`make bench`: measures a panel of its own and prints Markdown. ARGS="--quick" for a look, ARGS="starts" for some."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from bench import browsing, changes, images, levels, lists, machine, memory, starts, terminals, trail, watching
from bench.panel import Panel, running_panel
from bench.report import Report, markdown


@dataclass(frozen=True)
class Repetitions:
    """How often each thing is measured."""

    pairs: int = 25
    runs: int = 5
    cycles: int = 10
    imports: int = 5
    requests: int = 50
    keys: int = 200
    events: int = 1_000_000
    jobs: int = 20_000
    seconds: int = 5


QUICK = Repetitions(keys=30, events=50_000, jobs=1_000, pairs=4, runs=1, cycles=2, imports=2, requests=10, seconds=1)

Measurement = Callable[[Panel, Repetitions], Report]
# In this order: memory is looked at after work, and the list fills the panel.
MEASUREMENTS: dict[str, Measurement] = {
    "starts": lambda panel, much: starts.measure(panel, pairs=much.pairs),
    "levels": lambda panel, much: levels.measure(panel, runs=much.runs),
    "changes": lambda panel, much: changes.measure(panel, cycles=much.cycles),
    "terminals": lambda panel, much: terminals.measure(panel, keys=much.keys),
    "images": lambda panel, much: images.measure(panel, imports=much.imports, starts=much.cycles),
    "trail": lambda panel, much: trail.measure(events=much.events, jobs=much.jobs),
    "memory": lambda panel, much: memory.measure(panel),
    "watching": lambda panel, much: watching.measure(panel, cycles=much.cycles),
    "lists": lambda panel, much: lists.measure(panel, requests=much.requests, seconds=much.seconds),
    # Of the thousand that `lists` has made.
    "browsing": lambda panel, much: browsing.measure(panel, loads=much.cycles, seconds=4 * much.seconds),
}


def main() -> None:
    arguments = _arguments()
    if os.geteuid() != 0:
        sys.exit("bench: this needs root")
    # An end from outside takes everything away as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    described = machine.describe()
    wanted = arguments.measurement or list(MEASUREMENTS)
    reports: list[Report] = []
    try:
        with running_panel() as panel:
            for name in (name for name in MEASUREMENTS if name in wanted):
                print(f"bench: measuring {name}", file=sys.stderr, flush=True)
                reports.append(MEASUREMENTS[name](panel, QUICK if arguments.quick else Repetitions()))
    finally:
        # One that fails does not take the others' figures with it.
        print(markdown(described, reports), end="", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures a panel of its own and prints Markdown.")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("measurement", nargs="*", choices=[[], *MEASUREMENTS], help=f"{', '.join(MEASUREMENTS)}; all by default")
    return parser.parse_args()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

"""A recorder that keeps everything, for tests that look at what was run."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Command:
    argv: tuple[str, ...]
    lines: list[str] = field(default_factory=list)
    exit_code: int | None = None
    tries: int = 0

    @property
    def program(self) -> str:
        return self.argv[0].rpartition("/")[2]


class KeepingRecorder:
    """Implements `containers.host.command.Recorder`."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.notes: list[str] = []
        self._lock = threading.Lock()

    @property
    def programs(self) -> list[str]:
        return [command.program for command in self.commands]

    def started(self, argv: tuple[str, ...]) -> int:
        with self._lock:
            self.commands.append(Command(argv))
            return len(self.commands) - 1

    def output(self, command_id: int, lines: list[str]) -> None:
        self.commands[command_id].lines += lines

    def ended(self, command_id: int, exit_code: int, duration_ms: int) -> None:
        self.commands[command_id].exit_code = exit_code

    def tried(self, command_id: int, tries: int, exit_code: int) -> None:
        self.commands[command_id].tries = tries

    def note(self, text: str) -> None:
        self.notes.append(text)

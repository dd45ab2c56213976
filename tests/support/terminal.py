"""A terminal over the panel, as a program would use one: asked for by the API, then a WebSocket."""

from __future__ import annotations

from typing import Any, Self

from tests.support.stack import Stack
from tests.support.websocket import TEXT, WebSocket


class Terminal:
    """An open terminal, and all that it has printed."""

    def __init__(self, stack: Stack, admission: dict[str, Any], *, token: str = "", size: tuple[int, int] = (80, 24)) -> None:
        self.number = admission["terminal"]
        self.printed = b""
        self.told: list[dict[str, Any]] = []
        self._socket = WebSocket(stack.port, admission["socket"], {"Authorization": f"Bearer {token or stack.token}"})
        self._socket.send(TEXT, admission["ticket"].encode())
        self._socket.tell({"resize": list(size)})

    @classmethod
    def open(cls, stack: Stack, name: str, *, token: str = "", **given: Any) -> Self:
        """Ask for a terminal, open it, and wait until it is open."""
        answer = stack.call("POST", f"/containers/{name}/terminals/", given, token=token or None)
        assert answer.status == 201, answer
        terminal = cls(stack, answer.json, token=token)
        terminal.wait_told("opened")
        return terminal

    @classmethod
    def join(cls, stack: Stack, name: str, number: int, **more: Any) -> Self:
        """Join one that is open already."""
        answer = stack.call("POST", f"/containers/{name}/terminals/{number}/join/")
        assert answer.status == 201, answer
        terminal = cls(stack, answer.json, **more)
        terminal.wait_told("opened")
        return terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Go without a word."""
        self._socket.__exit__(None, None, None)

    def type(self, text: str) -> None:
        self._socket.type(text)

    def tell(self, message: dict[str, Any]) -> None:
        self._socket.tell(message)

    def send(self, opcode: int, payload: bytes) -> None:
        self._socket.send(opcode, payload)

    def expect(self, text: str) -> None:
        """Read until it has been printed; what came before is dropped."""
        while text.encode() not in self.printed:
            assert self._receive(), f"{text!r} was not printed: {self.printed!r}, {self.told}"
        self.printed = self.printed.partition(text.encode())[2]

    def wait_told(self, key: str) -> Any:
        """Read until something is told under this key, and return that."""
        while not (found := [message[key] for message in self.told if key in message]):
            assert self._receive(), f"{key} was not told: {self.told}, {self.printed!r}"
        return found[0]

    def _receive(self) -> bool:
        message = self._socket.receive()
        if isinstance(message, bytes):
            self.printed += message
        elif message is not None:
            self.told.append(message)
        return message is not None

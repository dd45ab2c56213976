"""The operations that look at one container and nothing around it: what each does in each state. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from containers.domain.states import Operation, State
from containers.domain.steps import ASKED_FOR, Action, Fact
from containers.errors import Conflict

# Takes a container's name and fact, returns what to do and why; raises Conflict where the state forbids it.
Rule = Callable[[str, Fact], tuple[Action, str]]


def _always(action: Action) -> Rule:
    return lambda _name, _fact: (action, ASKED_FOR)


def _kill(_name: str, fact: Fact) -> tuple[Action, str]:
    return (Action.SKIP, "already stopped") if fact.state == State.STOPPED else (Action.KILL, ASKED_FOR)


def _freeze(name: str, fact: Fact) -> tuple[Action, str]:
    if fact.state in {State.FROZEN, State.FREEZING}:
        return Action.SKIP, "already frozen"
    if not fact.is_up:
        raise Conflict(f"{_state_of(name, fact)}: only a running container can be frozen")
    return Action.FREEZE, ASKED_FOR


def _unfreeze(_name: str, fact: Fact) -> tuple[Action, str]:
    is_frozen = fact.state in {State.FROZEN, State.FREEZING, State.THAWED}
    return (Action.UNFREEZE, ASKED_FOR) if is_frozen else (Action.SKIP, "not frozen")


def _mount(name: str, fact: Fact) -> tuple[Action, str]:
    if fact.state != State.STOPPED:
        raise Conflict(f"{_state_of(name, fact)}: its root filesystem is mounted already")
    return (Action.SKIP, "already mounted") if fact.is_mounted else (Action.MOUNT, ASKED_FOR)


def _unmount(name: str, fact: Fact) -> tuple[Action, str]:
    if fact.state != State.STOPPED:
        raise Conflict(f"{_state_of(name, fact)}: its root filesystem is in use")
    return (Action.UNMOUNT, ASKED_FOR) if fact.is_mounted else (Action.SKIP, "not mounted")


def _state_of(name: str, fact: Fact) -> str:
    return f"LXC does not say whether {name} runs" if fact.state == State.UNKNOWN else f"{name} is {fact.state.value.lower()}"


RULES: Final[Mapping[Operation, Rule]] = {
    Operation.CREATE: _always(Action.CREATE),
    Operation.KILL: _kill,
    Operation.FREEZE: _freeze,
    Operation.UNFREEZE: _unfreeze,
    Operation.EXECUTE: _always(Action.EXECUTE),
    Operation.REPAIR: _always(Action.REPAIR),
    Operation.MOUNT: _mount,
    Operation.UNMOUNT: _unmount,
    Operation.TIDY: _always(Action.TIDY),
}

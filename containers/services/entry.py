"""Who is let in: the first question to a page and to an operation of the API, asked before anything of a request is read.

What exactly may be done, and with which containers, is asked again by the service that does it (`services.access`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from containers.domain.rights import Right
from containers.services import access
from containers.services.access import Who


@dataclass(frozen=True)
class Entry:
    """`require` raises Refused for who is not let in. `right` is what it takes, if it is one, `is_everywhere` on all there is."""

    name: str
    require: Callable[[Who], None]
    right: Right | None = None
    is_everywhere: bool = False


def _nothing(who: Who) -> None:
    """Ask for nothing."""


def _somewhere(right: Right) -> Entry:
    def require(who: Who) -> None:
        access.require_somewhere(who, right)

    return Entry(f"{right} somewhere", require, right)


def _everywhere(right: Right) -> Entry:
    def require(who: Who) -> None:
        access.require(who, right)

    return Entry(f"{right} everywhere", require, right, is_everywhere=True)


EVERYBODY: Final = Entry("everybody", _nothing)
# Whatever their rights: what is about oneself alone.
SIGNED_IN: Final = Entry("who is signed in", _nothing)
# What shows no more than who asks may see (`services.sight`), and what is about the host as a whole.
SEE: Final = _somewhere("view")
VIEW: Final = _everywhere("view")
# Who may do it on some container is let in; on which, the service that does it asks.
OPERATE: Final = _somewhere("operate")
EDIT: Final = _somewhere("edit")
EXECUTE: Final = _somewhere("execute")
DESTROY: Final = _somewhere("destroy")
TERMINAL: Final = _somewhere("terminal")
INSTALL: Final = _somewhere("install")
EXECUTE_ALL: Final = _everywhere("execute")
OPERATE_ALL: Final = _everywhere("operate")
EDIT_ALL: Final = _everywhere("edit")
DESTROY_ALL: Final = _everywhere("destroy")
AUDIT: Final = _everywhere("audit")
USERS: Final = _everywhere("users")
IMAGES: Final = _everywhere("images")
# Who may do more than look; what exactly it takes depends on what is asked for.
ACT: Final = Entry("more than look", access.require_act)

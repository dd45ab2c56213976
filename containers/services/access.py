"""Who may. Asked by pages, API and events alike, and by the worker again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from django.contrib.auth.models import AnonymousUser, User

from containers.choices import Via
from containers.errors import Forbidden
from containers.services.actor import Actor

Right = Literal["view", "operate", "terminal", "audit"]

OPERATE: Final = "containers.operate_container"
VIEW: Final = "containers.view_container"
TERMINAL: Final = "containers.open_terminal"
AUDIT: Final = "containers.read_audit"
# Who acts without an account: root on the host already, or spocweb itself.
ROOT_VIA: Final = (Via.CLI, Via.BOOT, Via.SYSTEM)


def require(who: Actor | User | AnonymousUser, right: Right) -> None:
    """Raise Forbidden unless `who` has `right`."""
    if not _has(who, right):
        raise Forbidden(_REASONS[right], resolution="Ask an administrator for the right.")


def may_operate(user: User | AnonymousUser) -> bool:
    """Return whether `user` may change containers and have host work done."""
    return user.is_active and user.has_perm(OPERATE)


def may_view(user: User | AnonymousUser) -> bool:
    """Return whether `user` may see containers and jobs: definitions and output can hold secrets, so not everybody."""
    return user.is_active and (user.has_perm(OPERATE) or user.has_perm(VIEW))


def may_open_terminal(user: User | AnonymousUser) -> bool:
    """Return whether `user` may be root in containers, in a terminal: a right of its own, for those who may see them."""
    return may_view(user) and user.has_perm(TERMINAL)


def may_audit(user: User | AnonymousUser) -> bool:
    """Return whether `user` may read the audit trail: all that everybody did, but no secrets."""
    return user.is_active and user.has_perm(AUDIT)


def _has(who: Actor | User | AnonymousUser, right: Right) -> bool:
    if isinstance(who, Actor):
        return _has(who.user, right) if who.user else who.via in ROOT_VIA
    return _CHECKS[right](who)


_CHECKS: Final[dict[Right, Callable[[User | AnonymousUser], bool]]] = {
    "view": may_view,
    "operate": may_operate,
    "terminal": may_open_terminal,
    "audit": may_audit,
}
_REASONS: Final[dict[Right, str]] = {
    "view": "You may not see containers and jobs",
    "operate": "You may not start, stop or change containers",
    "terminal": "You may not open terminals in containers",
    "audit": "You may not read the audit trail",
}

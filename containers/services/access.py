"""Who may. Asked by pages, API, events and terminals alike, and by the worker again: `verdict` is the one answer.

A right is held because an account is a superuser, by a role, by a grant of one's own, or by one of Django's permissions that
were given before there were roles. Asked for without a container, a right has to be held on all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db.models import Q

from containers.choices import Via
from containers.domain.rights import PERMISSIONS, RIGHTS, Right, Scope, right_of
from containers.domain.states import Operation
from containers.errors import Forbidden
from containers.models import Grant
from containers.services.actor import Actor

__all__ = [
    "Holding",
    "Refused",
    "Right",
    "Verdict",
    "everyone",
    "holdings",
    "limit",
    "may",
    "may_install",
    "may_somewhere",
    "require",
    "require_act",
    "require_install",
    "require_job",
    "require_somewhere",
    "verdict",
]

# Who acts without an account: root on the host already, or spocweb itself.
ROOT_VIA: Final = (Via.CLI, Via.BOOT, Via.SYSTEM)
Who = Actor | User | AnonymousUser
_HOLDINGS: Final = "_spocweb_holdings"
_LIMIT: Final = "_spocweb_limit"
# What makes sense for who may not look at containers; everything else is nothing without.
_APART: Final = frozenset({"view", "users", "audit"})
_CHANGING: Final[tuple[Right, ...]] = ("operate", "execute", "destroy", "edit", "install", "images")
# Names in a sentence: who asks for a thousand is not answered with all of them.
_MOST_NAMES: Final = 5


class Refused(Forbidden):
    """Somebody asked for what he may not: worth a line in the audit trail."""

    def __init__(self, brief: str, who: Who, right: Right, subject: str) -> None:
        super().__init__(brief, resolution="Ask an administrator for the right.")
        found = who.user if isinstance(who, Actor) else who
        self.user = found if isinstance(found, User) else None
        self.right = right
        self.subject = subject


@dataclass(frozen=True)
class Holding:
    """One right of somebody's. `source` says in words where it comes from."""

    right: Right
    scope: Scope
    source: str


@dataclass(frozen=True)
class Verdict:
    """Whether somebody may, and why: where the right comes from, or what is missing."""

    may: bool
    why: str


def holdings(who: Who) -> tuple[Holding, ...]:
    """Return all rights of an account; an account that is switched off has none. Two queries, once for each `User` object."""
    user = who.user if isinstance(who, Actor) else who
    if user is None:
        return _everything("root on the host") if isinstance(who, Actor) and who.via in ROOT_VIA else ()
    if not isinstance(user, User) or not user.is_active:
        return ()
    if not hasattr(user, _HOLDINGS):
        setattr(user, _HOLDINGS, _everything("superuser") if user.is_superuser else (*_granted(user), *_permitted(user)))
    limit: frozenset[str] | None = getattr(user, _LIMIT, None)
    found: tuple[Holding, ...] = getattr(user, _HOLDINGS)
    return found if limit is None else tuple(one for one in found if one.right in limit)


def limit(user: User, rights: Collection[str]) -> None:
    """Let this `User` object have no more than `rights`: it came with a token that is for less than its owner may."""
    setattr(user, _LIMIT, frozenset(rights))


def verdict(who: Who, right: Right, *names: str) -> Verdict:
    """Return whether `who` may do `right` on each of the containers `names`, or on all there are where none is named."""
    held = [one for one in holdings(who) if one.right == right]
    if right not in _APART and not may_somewhere(who, "view"):
        return Verdict(may=False, why="may not even view")
    if whole := next((one for one in held if one.scope.is_everywhere), None):
        return Verdict(may=True, why=whole.source)
    if not names:
        return Verdict(may=False, why="only on some containers" if held else "the right was not given")
    found = {name: next((one for one in held if one.scope.covers(name)), None) for name in names}
    if missing := [name for name, one in found.items() if one is None]:
        return Verdict(may=False, why=f"not on {_joined(missing)}" if held else "the right was not given")
    return Verdict(may=True, why=_joined(dict.fromkeys(one.source for one in found.values() if one)))


def may(who: Who, right: Right, *names: str) -> bool:
    """Return whether `who` may do `right` on each of the containers `names`, or on all there are."""
    return verdict(who, right, *names).may


def may_somewhere(who: Who, right: Right) -> bool:
    """Return whether there may be a container that `who` may do `right` on: what shows a button, and lets a request in."""
    rights = {one.right for one in holdings(who)}
    return right in rights and (right in _APART or "view" in rights)


def require(who: Who, right: Right, *names: str) -> None:
    """Raise Refused unless `who` may do `right` on each of the containers `names`, or on all there are where none is named."""
    found = verdict(who, right, *names)
    if not found.may:
        known = [name for name in names if may(who, "view", name)]
        where = f" {_joined(known)}" if known else ""
        raise Refused(f"{_REASONS[right]}{':' if where else ''}{where}", who, right, _joined(names))


def may_install(who: Who, app: str, name: str | None = None) -> bool:
    """Return whether `who` may install and keep up the installation `name` of an app; without a name, any of it."""
    held = (one.scope for one in holdings(who) if one.right == "install")
    return may_somewhere(who, "view") and any(scope.covers_installation(app, name) for scope in held)


def require_install(who: Who, app: str, name: str | None = None) -> None:
    """Raise Refused unless `who` may install and keep up the installation `name` of an app; without a name, any of it."""
    if not may_install(who, app, name):
        what = f" {app} as {name}" if name else f" {app}"
        raise Refused(_REASONS["install"].removesuffix(" apps") + what, who, "install", name or app)


def require_somewhere(who: Who, right: Right) -> None:
    """Raise Refused unless `who` may do `right` on some container: the first question, before anything is looked up."""
    if not may_somewhere(who, right):
        raise Refused(_REASONS[right], who, right, "")


def require_act(who: Who) -> None:
    """Raise Refused unless `who` may do more than look, on whatever."""
    if not any(may_somewhere(who, right) for right in _CHANGING):
        require_somewhere(who, "operate")


def require_job(
    who: Who, operation: Operation, inputs: Mapping[str, Any], targets: Collection[str], changed: Collection[str]
) -> None:
    """Raise Refused unless `who` may have a job done: on its `targets`, and on all else that it changes on its way.

    `targets` and `changed` are containers; a job without any is about the whole host. Asked when a job is queued, and by the
    worker once more, who knows better what has to be changed.
    """
    require(who, right_of(operation, inputs), *targets)
    if others := sorted(set(changed) - set(targets)):
        require(who, "destroy" if operation == Operation.DESTROY else "operate", *others)


def everyone() -> list[tuple[User, tuple[Holding, ...]]]:
    """Return all accounts by name, each with its rights as `holdings` answers; at most seven queries, whatever their number."""
    loaded = ("groups", "user_permissions__content_type", "groups__permissions__content_type")
    grants = list(Grant.objects.select_related("group"))
    return [(user, _loaded(user, grants)) for user in User.objects.order_by("username").prefetch_related(*loaded)]


def _loaded(user: User, grants: list[Grant]) -> tuple[Holding, ...]:
    """Return what `holdings` does, from what is loaded already."""
    if not user.is_active or user.is_superuser:
        return _everything("superuser") if user.is_active else ()
    groups = {group.pk: group for group in user.groups.all()}
    own = [grant for grant in grants if grant.user_id == user.pk or grant.group_id in groups]
    held = [
        Holding(right, one.scope, _source(one.group.name if one.group else None))
        for one in own
        for right in RIGHTS
        if right == one.right
    ]
    permissions = {*user.user_permissions.all(), *(one for group in groups.values() for one in group.permissions.all())}
    names = {one.codename for one in permissions if one.content_type.app_label == "containers"}
    return (*held, *_of_permissions(names))


def _source(group: str | None) -> str:
    return f"role {group}" if group else "granted in person"


def _of_permissions(names: Iterable[str]) -> list[Holding]:
    return [Holding(right, Scope(), f"permission {name}") for name in sorted(names) for right in PERMISSIONS.get(name, ())]


def _granted(user: User) -> list[Holding]:
    rows = Grant.objects.filter(Q(user=user) | Q(group__user=user)).values_list("right", "pattern", "app", "group__name")
    return [Holding(right, Scope(pattern, app), _source(group)) for right, pattern, app, group in rows if right in RIGHTS]


def _permitted(user: User) -> list[Holding]:
    rows = Permission.objects.filter(Q(user=user) | Q(group__user=user), content_type__app_label="containers")
    names = rows.filter(codename__in=PERMISSIONS).distinct().values_list("codename", flat=True)
    return _of_permissions(names)


def _everything(source: str) -> tuple[Holding, ...]:
    return tuple(Holding(right, Scope(), source) for right in RIGHTS)


def _joined(words: Collection[str]) -> str:
    shown = list(words)[:_MOST_NAMES]
    return ", ".join(shown) + (f" and {len(words) - _MOST_NAMES} more" if len(words) > _MOST_NAMES else "")


_REASONS: Final[dict[Right, str]] = {
    "view": "You may not see containers and jobs",
    "operate": "You may not start or stop containers",
    "edit": "You may not define or change containers",
    "terminal": "You may not open terminals in containers",
    "execute": "You may not run commands in containers",
    "destroy": "You may not destroy containers",
    "install": "You may not install apps",
    "images": "You may not change layers and images",
    "users": "You may not administer accounts",
    "audit": "You may not read the audit trail",
}

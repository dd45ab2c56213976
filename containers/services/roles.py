"""Roles and rights: given and taken away, by administrators and by root on the host."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from django.contrib.auth.models import Group, User
from django.db import transaction

from containers.choices import EventKind
from containers.domain.rights import RIGHTS, WHOLE, Right, Scope, is_pattern
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.models import Grant
from containers.services import access, audit
from containers.services.actor import Actor


@dataclass(frozen=True, order=True)
class Given:
    """A right and where it is held."""

    right: Right
    scope: Scope = Scope()

    @classmethod
    def parse(cls, right: str, pattern: str = "*", app: str = "") -> Given:
        """Return what the words say. Raises InvalidRequest."""
        known = next((one for one in RIGHTS if one == right), None)
        if known is None:
            raise InvalidRequest.of("right", f"must be one of {', '.join(RIGHTS)}")
        for field, text in (("pattern", pattern), ("app", app or "x")):
            if not is_pattern(text):
                raise InvalidRequest.of(field, "is made of a-z, 0-9, -, * and ?, at most 63 of them")
        scope = Scope(pattern, app)
        if known in WHOLE and not scope.is_everywhere:
            raise InvalidRequest.of("pattern", f"{known} is about no container in particular: it is held as a whole")
        return cls(known, scope)

    @classmethod
    def of(cls, row: Grant) -> Given:
        """Return what a row gives, whatever anybody has written there."""
        return cls(cast("Right", row.right), row.scope)


def give_role(actor: Actor, user: User, role: str) -> None:
    """Put `user` into a role; one that he has is no error. Raises Forbidden, NotFound."""
    access.require(actor, "users")
    group = _role(role)
    with transaction.atomic():
        if not user.groups.filter(pk=group.pk).exists():
            user.groups.add(group)
            audit.record(actor, EventKind.ROLE_GRANT, user.get_username(), {"role": role})


def take_role(actor: Actor, user: User, role: str) -> None:
    """Take `user` out of a role; one that he has not is no error. Raises Conflict for the last administrator."""
    access.require(actor, "users")
    group = _role(role)
    with transaction.atomic():
        if user.groups.filter(pk=group.pk).exists():
            user.groups.remove(group)
            check_administered()
            audit.record(actor, EventKind.ROLE_REVOKE, user.get_username(), {"role": role})


def give(actor: Actor, user: User, given: Given) -> None:
    """Give `user` a right in person; one that he has is no error."""
    access.require(actor, "users")
    with transaction.atomic():
        values = {"user": user, "right": given.right, "pattern": given.scope.pattern, "app": given.scope.app}
        if Grant.objects.get_or_create(**values, defaults={"created_by": actor.user_name})[1]:
            audit.record(actor, EventKind.ROLE_GRANT, user.get_username(), _about(given))


def take(actor: Actor, user: User, given: Given) -> None:
    """Take a right from `user` that he was given in person. Raises Conflict for the last administrator."""
    access.require(actor, "users")
    with transaction.atomic():
        rows = Grant.objects.filter(user=user, right=given.right, pattern=given.scope.pattern, app=given.scope.app)
        if rows.delete()[0]:
            check_administered()
            audit.record(actor, EventKind.ROLE_REVOKE, user.get_username(), _about(given))


def set_roles(actor: Actor, user: User, wanted: Collection[str]) -> None:
    """Give `user` these roles and no other. Raises Forbidden, NotFound, Conflict."""
    had = set(user.groups.values_list("name", flat=True))
    with transaction.atomic():
        # Given first: somebody has to be left who administers accounts.
        for role in sorted(set(wanted) - had):
            give_role(actor, user, role)
        for role in sorted(had - set(wanted)):
            take_role(actor, user, role)


def set_grants(actor: Actor, user: User, wanted: Collection[Given]) -> None:
    """Give `user` these rights in person and no other. Raises Forbidden, Conflict."""
    had = {Given.of(row) for row in Grant.objects.filter(user=user)}
    with transaction.atomic():
        for given in sorted(set(wanted) - had):
            give(actor, user, given)
        for given in sorted(had - set(wanted)):
            take(actor, user, given)


def check_administered() -> None:
    """Raise Conflict where nobody is left who may administer accounts; asked in the transaction of a change."""
    # One change at a time: two who take the right from each other would each see the other still have it.
    audit.hold_end()
    if not any(one.right == "users" and one.scope.is_everywhere for _user, held in access.everyone() for one in held):
        raise Conflict("Nobody would be left who may administer accounts", resolution="Make somebody else administrator first.")


def _role(name: str) -> Group:
    found = Group.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
        raise NotFound(f"There is no role {name[:40]!r}: there are {known}")
    return found


def _about(given: Given) -> dict[str, str]:
    return {"right": given.right, "pattern": given.scope.pattern, **({"app": given.scope.app} if given.scope.app else {})}

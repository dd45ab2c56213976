"""Second factors: what is on record of them, codes that are good once, and the way back for who lost theirs.

They are rows of django-allauth; its secrets are sealed (`services.vault`), as `views.adapters` tells it.
"""

from __future__ import annotations

import time
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction

from containers.choices import EventKind
from containers.services import audit
from containers.services.actor import Actor

# For so long a code of an authenticator app may be good: its half minute, and the one before and after.
CODE_LIVES_S: Final = 90
_USED: Final = "used"


def record_added(actor: Actor, factor: Authenticator) -> None:
    """Write that a second factor was added; recovery codes are made, not added."""
    if factor.type == Authenticator.Type.RECOVERY_CODES:
        record_codes_made(actor)
    else:
        audit.record(actor, EventKind.FACTOR_ADD, actor.user_name, about(factor))


def record_codes_made(actor: Actor) -> None:
    """Write that somebody has got new recovery codes; the ones before are good no more."""
    audit.record(actor, EventKind.RECOVERY_MAKE, actor.user_name, {})


def record_removed(actor: Actor, user: User, factor: Authenticator) -> None:
    """Write that a second factor of `user` was removed."""
    audit.record(actor, EventKind.FACTOR_REMOVE, user.get_username(), about(factor))


def kinds(user: User) -> list[str]:
    """Return the kinds of factors that `user` has besides the password, "totp" or "webauthn"; recovery codes are none."""
    found = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES).order_by("pk")
    return list(found.values_list("type", flat=True))


@transaction.atomic
def use(actor: Actor, factor: Authenticator, code: str) -> bool:
    """Take a code that is right; return False for one of an authenticator app that was used already.

    That a recovery code was used is put on record: whoever did may be no friend of the account's owner.
    """
    if factor.type == Authenticator.Type.TOTP:
        return _use_up(factor, code)
    audit.record(actor, EventKind.RECOVERY_USE, factor.user.get_username(), {})
    return True


@transaction.atomic
def remove_all(actor: Actor, user: User) -> int:
    """Remove all second factors of `user`, its recovery codes included, and put it on record; return how many there were."""
    found = list(Authenticator.objects.filter(user=user).order_by("pk"))
    for factor in found:
        factor.delete()
        audit.record(actor, EventKind.FACTOR_REMOVE, user.get_username(), about(factor))
    return len(found)


def about(factor: Authenticator) -> dict[str, Any]:
    """Return what a record says of a factor: what kind it is, and what its owner calls it."""
    name = factor.data.get("name")
    return {"factor": str(factor.type), **({"name": name} if name else {})}


def _use_up(factor: Authenticator, code: str) -> bool:
    # In the row, not in a cache: two web processes must not take the same code.
    row = Authenticator.objects.select_for_update().get(pk=factor.pk)
    now = time.time()
    used = {text: until for text, until in row.data.get(_USED, {}).items() if until > now}
    if code in used:
        return False
    row.data[_USED] = {**used, code: now + CODE_LIVES_S}
    row.save(update_fields=["data"])
    return True

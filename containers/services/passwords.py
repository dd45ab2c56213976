"""What is on record of passwords, which nobody but their owner ever has."""

from __future__ import annotations

from django.contrib.auth.models import User

from containers.choices import EventKind
from containers.services import audit
from containers.services.actor import Actor


def record_change(actor: Actor, user: User) -> None:
    """Write that the password of `user` was changed; all its other sessions end by that."""
    audit.record(actor, EventKind.PASSWORD_CHANGE, user.get_username(), {})

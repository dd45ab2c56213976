"""What a panel needs in its database before anyone signs in."""

from __future__ import annotations

import secrets
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from containers.choices import Via
from containers.models import Host
from containers.services import audit
from containers.services.actor import Actor

ADMINISTRATOR: Final = "admin"


def register_host(*, system: str, lxc_version: str, cgroup2: bool, apparmor: bool) -> Host:
    """Write down what kind of host this is. Safe to repeat."""
    facts = {"system": system[:100], "lxc_version": lxc_version[:20], "cgroup2": cgroup2, "apparmor": apparmor}
    return Host.objects.update_or_create(name=settings.HOST, defaults=facts)[0]


@transaction.atomic
def create_first_administrator() -> str | None:
    """Make the administrator and return the password, which cannot be had again; None if there is any user."""
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(15)
    User.objects.create_superuser(ADMINISTRATOR, password=password)
    audit.record(Actor(None, Via.SYSTEM, None), "user.create", ADMINISTRATOR, {"is_superuser": True})
    return password

"""The secret answers of installed apps, shown to who may install and asks: each time stands in the audit trail."""

from __future__ import annotations

from django.db import transaction

from containers.choices import EventKind
from containers.domain.answers import as_text
from containers.models import Installation
from containers.services import access, audit, installations
from containers.services.actor import Actor


def show(actor: Actor, row: Installation) -> dict[str, str]:
    """Return {question: secret answer}. Raises Refused, and HostError where they cannot be opened."""
    access.require_install(actor, row.app, row.name)
    with transaction.atomic():
        found = {name: as_text(value) for name, value in installations.opened({}, row.secrets).items() if value}
        audit.record(actor, EventKind.SECRET_SHOW, row.name, {"questions": sorted(found)})
    return found

"""What is in a backup, asked of root before it is restored; and backups that somebody sends, kept until then.

Nobody but root reads a backup. One that was sent is found again by who has sent it, by a sealed text; what is never restored is
for a clean-up.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.core.files import File

from containers.domain.backup import BackupFacts
from containers.errors import Forbidden, HostError, InvalidRequest
from containers.services import access, kept, tickets, uploads
from containers.services.actor import Actor
from containers.services.inputs import BackupPlace
from containers.services.sessions import Session

KIND: Final = "backup-facts"
_SEALED_FOR: Final = "a backup that was sent"


def look(actor: Actor, place: BackupPlace) -> BackupFacts:
    """Return what root reads in a backup, but for what its volumes hold.

    Raises Forbidden, InvalidRequest and Untrusted for what is no backup, HostError where root does not answer.
    """
    if actor.user is None:
        raise Forbidden("A backup is shown to somebody who is signed in")
    ticket = tickets.issue(actor, KIND, settings.HOST, place.export())
    with Session.open(ticket, user_id=actor.user.pk, kind=KIND, subject=settings.HOST) as session:
        return BackupFacts.model_validate_json(b"".join(frame.payload for frame in session))


def keep(actor: Actor, file: File[Any]) -> str:
    """Keep a backup that somebody sent; return what `find` finds it by. Of what root says is none nothing stays: see `look`."""
    access.require_somewhere(actor, "install")
    with uploads.kept(file) as stored:
        with suppress(HostError):
            look(actor, BackupPlace(upload=stored))
        return kept.keep(actor, _SEALED_FOR, stored)


def find(actor: Actor, sealed: str) -> str:
    """Return what a backup that `actor` has sent is called among the uploads. Raises InvalidRequest for what he has not sent."""
    found = kept.kept(actor, _SEALED_FOR, sealed)
    if not found:
        raise InvalidRequest("This is no backup that you have sent", resolution="Send the file again.")
    return found

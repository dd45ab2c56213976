"""Secrets that a person has typed into a form, given back to the browser sealed: a form that comes back tells none of them.

Nothing is stored. A sealed text opens only for who typed it, for the same place; for everything else it is none.
"""

from __future__ import annotations

import json

from containers.errors import HostError
from containers.services import vault
from containers.services.actor import Actor


def keep(actor: Actor, place: str, text: str) -> str:
    """Return `text` sealed for `actor` and `place`, the form and field that it was typed into. Raises HostError."""
    return vault.seal(json.dumps([_who(actor), place, text]))


def kept(actor: Actor, place: str, sealed: str) -> str:
    """Return what was kept, or nothing where `sealed` is none of this actor's or of this place's."""
    try:
        found = json.loads(vault.open(sealed)) if sealed else None
    except (HostError, ValueError):
        # What was sealed with a key that is gone is asked for again, like what was never typed.
        return ""
    match found:
        case [who, where, str(text)] if [who, where] == [_who(actor), place]:
            return text
    return ""


def _who(actor: Actor) -> int:
    return actor.user.pk if actor.user else 0

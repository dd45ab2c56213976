"""Root's part in the audit trail: it checks what was added, signs where the trail ends, and removes what is too old.

What has been signed cannot be written anew by whoever has the rights of the database: the key is root's, and the file lies in
a directory that only root writes in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from containers.choices import EventKind, Via
from containers.domain import chain, signature
from containers.domain.checkpoint import Checkpoint
from containers.domain.layout import Layout
from containers.errors import Untrusted
from containers.host import checkpoints, keys
from containers.host.locks import Busy, Locks
from containers.models import Event
from containers.services import audit, audit_retention
from containers.services.actor import Actor
from containers.services.audit_verify import Finding, Walk

logger = logging.getLogger(__name__)

# Held by whoever reads the trail as a whole, signs it or removes from it.
LOCK: Final = "audit:trail"
# Checked and signed at one look of the monitor: half a second at most.
AT_ONCE: Final = 20_000


class Keeper:
    """The audit trail of this host, for root."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.path = layout.checkpoints

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return keys.ensure_signing_key(self._layout)

    @property
    def public_key(self) -> str:
        """What its signatures are checked with."""
        return signature.public_key_of(self._key)

    def signed(self) -> Iterator[Checkpoint]:
        """Yield what was signed. Raises Untrusted for a line that this host's key did not sign."""
        for line in checkpoints.lines(self.path):
            yield Checkpoint.read(line, self.public_key)

    def last(self) -> Checkpoint | None:
        """Return what was signed last."""
        line = checkpoints.last(self.path)
        return None if line is None else Checkpoint.read(line, self.public_key)

    def look(self) -> None:
        """Sign what was added since the last look, if it follows from what was signed then; else say so, once.

        Costs next to nothing where nothing was added. Leaves it to the next look while somebody else is at it.
        """
        try:
            with Locks(settings.RUN_DIR).try_acquire([LOCK], "monitor"):
                found, _checkpoint = self.sign(AT_ONCE)
        except Busy:
            return
        if found:
            self._report(found)

    def sign(self, most: int | None = None, *, anyway: bool = False) -> tuple[list[Finding], Checkpoint | None]:
        """Check at most `most` events after the last checkpoint and sign the last of them; `anyway` signs what is broken, too.

        Return what is wrong, and the checkpoint: the one before where nothing was added, None where nothing was signed.
        """
        last = self.last()
        walk = Walk(self.public_key, last.event, last.digest) if last else Walk(self.public_key)
        found = [*_is_there(last)] if last else []
        found += walk.findings(None if most is None else walk.number + most)
        if found and not anyway:
            return found, None
        if walk.count == 0:
            return found, last
        checkpoint = Checkpoint(settings.HOST, str(chain.moment(timezone.now())), walk.number, walk.digest)
        checkpoints.append(self.path, checkpoint.signed(self._key))
        checkpoints.thin(self.path)
        return found, checkpoint

    def line_of(self, checkpoint: Checkpoint) -> bytes:
        """Return a checkpoint as it is written into a file."""
        return checkpoint.signed(self._key)

    def sweep(self) -> Iterator[int]:
        """Remove what is too old, batch by batch, of what was signed before the last; yield how many events each batch had."""
        try:
            if (last := self.last()) is None:
                return
            yield from audit_retention.sweep(self._key, last.event)
        except Untrusted as error:
            logger.error("retention leaves the audit trail as it is: %s", error)

    def _report(self, found: list[Finding]) -> None:
        logger.error("the audit trail is broken: %s; `manage.py audit verify` says more", found[0].text)
        if not Event.objects.filter(kind=EventKind.AUDIT_BROKEN, data__finding=found[0].text).exists():
            audit.record(Actor(None, Via.SYSTEM), EventKind.AUDIT_BROKEN, "", {"finding": found[0].text})


def _is_there(last: Checkpoint) -> Iterator[Finding]:
    """Look whether the event that was signed last is still the same; retention leaves it."""
    digest = Event.objects.filter(pk=last.event).values_list("digest", flat=True).first()
    if digest is None:
        yield Finding(f"event {last.event} is missing: it was signed at {last.at}", last.event, last.event)
    elif digest != last.digest:
        yield Finding(f"event {last.event} is not the one that was signed at {last.at}", last.event, last.event)

"""Puts a new key before those that secrets in the database are sealed with, and seals them anew."""

from __future__ import annotations

from django.conf import settings

from containers.errors import HostError
from containers.host import files, stack
from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.services import audit, vault
from spocweb import env

# The one before stays until the next rotation: somebody may be saving what he has just sealed with it.
KEPT = 2


class Command(UncheckedCommand):
    help = "Makes a new key, seals all secrets in the database with it, and forgets the key before the last one."

    def handle(self, *args: object, **options: object) -> None:
        """Broken off anywhere, it leaves every secret readable; the next run finishes."""
        stack.require_root()
        known = [env.vault_key(), *vault.keys()]
        _write(known)
        count = vault.reseal()
        _write(known[:KEPT])
        audit.record(root_actor(), "vault.rotate", settings.VAULT_FILE.name, {"sealed": count})
        self.stdout.write(f"{count} secrets are sealed with a new key")


def _write(known: list[str]) -> None:
    try:
        group = settings.VAULT_FILE.stat().st_gid
        files.replace(settings.VAULT_FILE, "\n".join([*known, ""]).encode(), mode=0o640, gid=group)
    except OSError as error:
        raise HostError(f"{settings.VAULT_FILE}: {error.strerror}") from error

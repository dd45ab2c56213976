"""What each kind of session does. `HANDLERS` is the closed list of what root opens for somebody who brings a ticket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from containers.services.tickets import Order
from containers.sessions import backups, files, terminals
from containers.sessions.connection import Connection

# Runs in a process of its own, which ends with it. May raise SpocError, which is told in its words, and Gone.
Handler = Callable[[Order, Connection], None]

HANDLERS: Final[dict[str, Handler]] = {
    "tree": files.look,
    "leftovers": files.count_leftovers,
    "file": files.read,
    "backup": files.read_backup,
    "backup-facts": backups.look,
    "terminal": terminals.serve,
}

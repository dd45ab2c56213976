"""What a session may be given beside its subject: judged when it is asked for, and by root again. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from containers.services.inputs import CommandWords, Identity, Inputs

# What both databases hold as a key.
Key = Annotated[int, Field(gt=0, lt=2**63)]


class TerminalInputs(Inputs):
    """What runs in a terminal, and as whom: a number, or a name that the container knows. Without: root's login shell."""

    command: CommandWords | None = None
    uid: Identity | None = None


class TerminalArguments(Inputs):
    """The row of the terminal that a ticket opens or joins again."""

    terminal: Key

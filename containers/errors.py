"""Everything that can go wrong and is not a bug: one tree, each with a stable code.

`brief` is shown to the user, `details` goes to the job's record, `resolution` says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass


class SpocError(Exception):
    """The root of all expected failures."""

    code = "error"
    status = 500

    def __init__(self, brief: str, details: str = "", resolution: str = "") -> None:
        super().__init__(brief)
        self.brief = brief
        self.details = details
        self.resolution = resolution

    def __str__(self) -> str:
        return f"{self.brief}. {self.resolution}" if self.resolution else self.brief


@dataclass(frozen=True)
class FieldError:
    """One refused value: `field` is its dotted path ("definition.env.PATH"), `message` a sentence."""

    field: str
    message: str


class InvalidRequest(SpocError):
    """What was asked for is not valid; `errors` names every field at once."""

    code = "invalid"
    status = 422

    def __init__(self, brief: str, errors: tuple[FieldError, ...] = (), **more: str) -> None:
        super().__init__(brief, **more)
        self.errors = errors

    @classmethod
    def of(cls, field: str, message: str) -> InvalidRequest:
        return cls(f"{field}: {message}" if field else message, (FieldError(field, message),))

    @classmethod
    def all(cls, errors: tuple[FieldError, ...]) -> InvalidRequest:
        return cls("; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in errors), errors)


class Malformed(SpocError):
    """What was sent cannot be read at all."""

    code = "malformed"
    status = 400


class TooLarge(SpocError):
    """What is sent has no room here."""

    code = "too-large"
    status = 413


class NotFound(SpocError):
    code = "not-found"
    status = 404


class Forbidden(SpocError):
    code = "forbidden"
    status = 403


class Conflict(SpocError):
    """The request is valid, the present state forbids it."""

    code = "conflict"
    status = 409


class Overtaken(Conflict):
    """Somebody else saved since what is to be saved was loaded."""


class AddressesExhausted(Conflict):
    code = "addresses-exhausted"


class Untrusted(SpocError):
    """What was fetched is not what its publisher signed, or is older than what was seen already."""

    code = "untrusted"
    status = 409


class Cancelled(SpocError):
    """The job was asked to end."""

    code = "cancelled"
    status = 409


class HostError(SpocError):
    """The host did not do what it was told."""

    code = "host"
    # On a page, or in an answer: root's session server does not answer.
    status = 503


class Unrecorded(SpocError):
    """What was asked for cannot be written into the audit trail: it is not done."""

    code = "unrecorded"
    status = 503


class CommandFailed(HostError):
    """A program ended with an exit code that does not mean success (negative: the signal that ended it)."""

    code = "command-failed"

    def __init__(self, brief: str, *, argv: tuple[str, ...], exit_code: int, output: str = "", resolution: str = "") -> None:
        super().__init__(brief, output, resolution)
        self.argv = argv
        self.exit_code = exit_code
        self.output = output


class CommandTimeout(CommandFailed):
    """A program was ended because its time was up."""

    code = "command-timeout"


class NotReady(HostError):
    """A container runs but its readiness check did not succeed."""

    code = "not-ready"


class MountFailed(HostError):
    code = "mount-failed"

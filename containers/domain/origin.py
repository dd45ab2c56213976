"""Where an app of the catalogue was fetched from: root's own record beside the app's files, believed before any row. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field

from containers.domain import repository, signature
from containers.domain.entries import AppEntry, Digest, Moment
from containers.domain.json_text import load_json
from containers.domain.values import Value
from containers.errors import InvalidRequest, Malformed, Untrusted

# Hidden: no app's folder has it among its files.
FILE_NAME: Final = ".origin.json"
# Beside what is kept of an installed app.
SOURCE_NAME: Final = ".source.json"
MAX_BYTES: Final = 4 << 10

_REMOVE: Final = "If that is right, remove the app from the catalogue, and fetch it again."


class Record(Value):
    """What root writes beside an app, as a file of JSON."""

    file_name: ClassVar[str]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read one. Raises InvalidRequest."""
        try:
            data = load_json(raw)
        except Malformed as error:
            raise InvalidRequest.of(cls.file_name, str(error)) from error
        return cls.validate_as(data, field=cls.file_name)

    def encode(self) -> bytes:
        """Return the file's content."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True) + "\n").encode()


class Origin(Record):
    """A repository by its name here, place and key; which index it was, what that said of the app, and when it was fetched."""

    file_name = FILE_NAME

    repository: repository.RepositoryName
    location: Annotated[str, AfterValidator(repository.location)]
    public_key: Annotated[str, AfterValidator(signature.public_key)]
    serial: Annotated[int, Field(ge=1, le=repository.MAX_SERIAL)]
    sha256: Digest
    created: Moment
    fetched: Moment

    def __str__(self) -> str:
        return f"the repository {self.repository} at {self.location}"

    @property
    def fetched_at(self) -> datetime:
        """Return when it was fetched."""
        return datetime.fromisoformat(self.fetched)

    def check_successor(self, entry: AppEntry, *, public_key: str, serial: int) -> None:
        """Check that `entry`, of an index of that key and number, can take the place of what is here. Raises Untrusted.

        The same that is asked of a whole index, and of root's own record: a row can be forgotten, or written by others.
        """
        if public_key != self.public_key:
            raise Untrusted(f"{entry.name} is here, signed with another key, {self.public_key}", resolution=_REMOVE)
        if serial < self.serial:
            raise Untrusted(
                f"{entry.name} is here from a newer index: its number is {self.serial}, this one's {serial}", resolution=_REMOVE
            )
        if entry.created < self.created:
            raise Untrusted(
                f"{entry.name} {entry.version} is older than what is here: made at {entry.created}, and that at {self.created}",
                resolution=_REMOVE,
            )


class Source(Record):
    """Where an installed app came from; `origin` is None for an app of the host's own folders."""

    file_name = SOURCE_NAME
    origin: Origin | None

    @property
    def publisher(self) -> Publisher:
        """Who an update is expected from."""
        return Publisher(self.origin.repository, self.origin.public_key) if self.origin else Publisher()

    def is_of(self, publisher: Publisher, *, signer: str) -> bool:
        """Return whether this, said in a backup that the key `signer` has signed, is `publisher`, in the words of this host.

        What a repository is called is for each host to say: keys are compared. Own apps of the host that made the backup are
        this host's own, which root alone can have put there, or those of the repository that it signs with the same key.
        """
        return publisher.key == self.origin.public_key if self.origin else publisher.key in {"", signer}


@dataclass(frozen=True)
class Publisher:
    """The repository that an app is from, by its name here, and its key; "own" for the host's own folders, without a key."""

    repository: str = repository.OWN
    key: str = ""

    def __str__(self) -> str:
        return f"the repository {self.repository}" if self.key else "this host"


@dataclass(frozen=True)
class NewPublisher:
    """An update that is not from where the installation is from."""

    before: Publisher
    after: Publisher

    @property
    def is_new_key(self) -> bool:
        """Whether only the key tells them apart."""
        return self.before.repository == self.after.repository

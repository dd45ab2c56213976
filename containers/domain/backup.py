"""What a backup of an installed app says of itself. Pure."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from containers.domain.image import image_version
from containers.domain.json_text import load_json
from containers.domain.manifest import app_name, instance_name
from containers.domain.origin import Source
from containers.domain.questions import Answer
from containers.domain.text import shown
from containers.domain.values import Value

MAX_ANSWERS: Final = 200
MAX_INDEX: Final = 64 << 10
# 1 had no index: no sums of what is in it. 2 has one. 3 says where the app is from.
FORMAT: Final = 3
FORMATS: Final = (1, 2, 3)
_WITH_SOURCE: Final = 3

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

Answers = Annotated[dict[str, Answer], Field(max_length=MAX_ANSWERS)]


def check_format(value: object) -> object:
    """Check the number of a backup's format. Raises ValueError."""
    if value not in FORMATS or isinstance(value, bool):
        raise ValueError(
            f"is the format {shown(str(value))}; this panel reads the formats 1 to {FORMAT}: a newer one has made the file"
        )
    return value


def _sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("must be 64 hexadecimal digits")
    return value


class BackupHeader(Value):
    """The first entry of a backup. Everything in it is judged again by the app's own questions."""

    backup: Annotated[int, BeforeValidator(check_format)]
    app: Annotated[str, AfterValidator(app_name)]
    version: Annotated[str, AfterValidator(image_version)]
    installation: Annotated[str, AfterValidator(instance_name)]
    created_at: Annotated[str, Field(max_length=40)] = ""
    answers: Answers = {}
    # As they are: whoever has the file has the volumes that they are in, too.
    secrets: Annotated[dict[str, str], Field(max_length=MAX_ANSWERS)] = {}
    # Where the installed app was from; None where that was not known.
    source: Source | None = None

    @model_validator(mode="after")
    def _no_source_before_there_was_one(self) -> Self:
        if self.source is not None and self.backup < _WITH_SOURCE:
            raise ValueError(f"the format {self.backup} has no source")
        return self

    def export(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self.model_dump(mode="json")


class BackupFacts(Value):
    """What is told of a backup before it is restored: of what was answered, ports alone. `key` has signed it; empty in format 1.

    `volumes` are bytes by what the app calls them.
    """

    app: str
    version: str
    installation: str
    created_at: str
    volumes: dict[str, int]
    # {question: port}, as far as this host's catalogue knows the app.
    ports: dict[str, int]
    source: Source | None
    key: str


class Sum(Value):
    """Length and SHA-256 of one file of a backup."""

    size: Annotated[int, Field(ge=0, le=2**60)]
    sha256: Annotated[str, AfterValidator(_sha256)]


class BackupIndex(Value):
    """The last entry of a backup but for its signature: what is before it, in order."""

    index: Literal[1]
    members: Annotated[dict[Annotated[str, Field(max_length=100)], Sum], Field(max_length=100)]

    def export(self) -> bytes:
        """Return the file's content."""
        return (json.dumps(self.model_dump(mode="json"), indent=1) + "\n").encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Return what a file's content says. Raises Malformed, InvalidRequest."""
        return cls.validate_as(load_json(content), field="index")

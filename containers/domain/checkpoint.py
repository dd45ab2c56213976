"""What root signs of the audit trail: where it ended at a time, and which events retention has removed. Pure.

Whoever has the rights of the database can compute all digests of the chain anew; what was signed before, with a key that
only root reads, then does not fit any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from containers.domain import chain, signature
from containers.domain.json_text import load_json
from containers.domain.values import Value
from containers.errors import InvalidRequest, Malformed, Untrusted

MAX_LINE_BYTES: Final = 2_000

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=1, lt=2**63)]


class _Line(Value):
    host: Annotated[str, Field(max_length=64)]
    at: Annotated[str, Field(max_length=40)]
    event: Number
    digest: Digest
    signature: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """On `host`, at `at`, the trail ended with event `event`, whose digest is `digest`."""

    host: str
    at: str
    event: int
    digest: str

    def signed(self, private: Ed25519PrivateKey) -> bytes:
        """Return the line of a file of checkpoints, signed."""
        made = json.loads(signature.sign(private, signature.CHECKPOINT, self._content()))
        return chain.canonical({**self.__dict__, "signature": made}) + b"\n"

    @classmethod
    def read(cls, line: bytes, key: str) -> Checkpoint:
        """Return what a line says. Raises Untrusted unless the key `key` has signed it."""
        try:
            if len(line) > MAX_LINE_BYTES:
                raise Malformed("The line is too long")
            found = _Line.validate_as(load_json(line), field="")
        except (InvalidRequest, Malformed) as error:
            raise Untrusted(f"A checkpoint cannot be read: {error.brief}") from error
        checkpoint = cls(found.host, found.at, found.event, found.digest)
        what = f"The checkpoint of event {found.event}"
        signature.verify(key, signature.CHECKPOINT, checkpoint._content(), json.dumps(found.signature).encode(), what=what)
        return checkpoint

    def _content(self) -> bytes:
        return chain.canonical(self.__dict__)


@dataclass(frozen=True)
class Gap:
    """Events `first` to `last`, `count` of them, are not kept: `previous` came before, `digest` is the last one's."""

    first: int
    last: int
    count: int
    until: str
    previous: str
    digest: str

    def sign(self, private: Ed25519PrivateKey) -> str:
        """Return the signature, as its row keeps it."""
        return signature.sign(private, signature.GAP, chain.canonical(self.__dict__)).decode()

    def verify(self, key: str, signed: str) -> None:
        """Raise Untrusted unless the key `key` has signed this gap."""
        what = f"The removal of events {self.first} to {self.last}"
        signature.verify(key, signature.GAP, chain.canonical(self.__dict__), signed.encode(errors="replace"), what=what)

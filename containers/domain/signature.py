"""Ed25519 signatures (RFC 8032) beside what they sign: made, read and checked. Pure.

A signature is over a line that names what it is for and the bytes as they are, so that one made for an image can never
pass as one for an index. Its file names the key: "made with another key" and "not what was signed" are two answers. It can
hold two signatures, for what is there and what is about to replace it: two files cannot be replaced as one.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AfterValidator, BeforeValidator, Field

from containers.domain.json_text import load_json
from containers.domain.values import Value
from containers.errors import InvalidRequest, Malformed, Untrusted

# What a signature can be for.
INDEX: Final = "spocweb repository index 1"
IMAGE: Final = "spocweb image 1"
BACKUP: Final = "spocweb backup 1"
CHECKPOINT: Final = "spocweb audit checkpoint 1"
GAP: Final = "spocweb audit gap 1"

MAX_SIGNATURE_BYTES: Final = 1024

_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}", re.ASCII)


def public_key(value: str) -> str:
    """Check a public key: 32 bytes in lower-case hexadecimal digits. Raises ValueError."""
    if not _KEY.fullmatch(value):
        raise ValueError("must be an Ed25519 public key: 64 hexadecimal digits, a-f in lower case")
    return value


def _as_tuple(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(value)


def _signature(value: str) -> str:
    if not _SIGNATURE.fullmatch(value):
        raise ValueError("must be 128 hexadecimal digits")
    return value


class Signature(Value):
    """What a signature file says: which key, and the signatures that it made."""

    key: Annotated[str, AfterValidator(public_key)]
    signatures: Annotated[
        tuple[Annotated[str, AfterValidator(_signature)], ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=2)
    ]

    def export(self) -> bytes:
        """Return the file's content."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")) + "\n").encode()


def public_key_of(private: Ed25519PrivateKey) -> str:
    """Return the public key that belongs to a private one."""
    return private.public_key().public_bytes_raw().hex()


def sign(private: Ed25519PrivateKey, purpose: str, content: bytes, *before: bytes) -> bytes:
    """Return the signature file of `content`, and of what it is to replace; the same always gets the same one."""
    made = tuple(private.sign(_message(purpose, text)).hex() for text in (content, *before))
    return Signature(key=public_key_of(private), signatures=made).export()


def verify(key: str, purpose: str, content: bytes, signature_file: bytes, *, what: str) -> None:
    """Check that the key `key` signed `content` for `purpose`. Raises Untrusted, naming `what`."""
    found = _read(signature_file, what)
    if found.key != key:
        raise Untrusted(f"{what} is signed with another key, {found.key}, not with {key}", resolution=_ANOTHER_KEY)
    if not any(_is_right(key, text, _message(purpose, content)) for text in found.signatures):
        raise Untrusted(f"{what} is not what was signed: its signature is wrong", resolution=_CHANGED)


def key_of(signature_file: bytes, *, what: str) -> str:
    """Return the key that a signature says it was made with: `verify` tells whether it was. Raises Untrusted."""
    return _read(signature_file, what).key


def _is_right(key: str, signature: str, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        # ValueError: not every 32 bytes are a point on the curve.
        return False
    return True


def _read(signature_file: bytes, what: str) -> Signature:
    try:
        if len(signature_file) > MAX_SIGNATURE_BYTES:
            raise ValueError("it is too long")
        return Signature.validate_as(load_json(signature_file), field="")
    except (ValueError, InvalidRequest, Malformed) as error:
        raise Untrusted(f"The signature of {what} cannot be read: {error}") from error


def _message(purpose: str, content: bytes) -> bytes:
    return purpose.encode() + b"\n" + content


_ANOTHER_KEY: Final = "Ask who runs the repository whether the key was changed, by a way that is not the repository itself."
_CHANGED: Final = "It may have been damaged on its way, or changed by somebody without the key."

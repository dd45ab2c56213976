"""Ed25519 signatures: the right key, the right bytes, the right purpose, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import signature
from containers.domain.signature import INDEX
from containers.errors import Untrusted

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = signature.public_key_of(KEY)
CONTENT = b'{"serial":1}\n'


def verify(content: bytes, file: bytes, key: str = PUBLIC) -> None:
    signature.verify(key, INDEX, content, file, what="The index")


def test_what_was_signed_is_accepted() -> None:
    file = signature.sign(KEY, INDEX, CONTENT)
    verify(CONTENT, file)
    assert file == signature.sign(KEY, INDEX, CONTENT)
    assert file.startswith(b'{"key":"' + PUBLIC.encode())


def test_two_can_stand_in_one_file() -> None:
    file = signature.sign(KEY, INDEX, CONTENT, b"before")
    verify(CONTENT, file)
    verify(b"before", file)
    with pytest.raises(Untrusted):
        verify(b"neither", file)


def test_it_is_what_rfc_8032_has() -> None:
    """Test 1 of section 7.1: the key pair, and with it that hexadecimal digits are the bytes in their order."""
    private = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert signature.public_key_of(private) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(content: bytes) -> None:
    if content != CONTENT:
        with pytest.raises(Untrusted, match="is not what was signed"):
            verify(content, signature.sign(KEY, INDEX, CONTENT))


def test_another_purpose_is_refused() -> None:
    with pytest.raises(Untrusted, match="is not what was signed"):
        verify(CONTENT, signature.sign(KEY, signature.IMAGE, CONTENT))


def test_another_key_is_named() -> None:
    other = signature.public_key_of(OTHER)
    with pytest.raises(Untrusted, match=f"is signed with another key, {other}, not with {PUBLIC}"):
        verify(CONTENT, signature.sign(OTHER, INDEX, CONTENT))


def test_a_key_that_is_only_claimed_is_refused() -> None:
    said = json.loads(signature.sign(OTHER, INDEX, CONTENT)) | {"key": PUBLIC}
    with pytest.raises(Untrusted, match="is not what was signed"):
        verify(CONTENT, json.dumps(said).encode())


GOOD = json.loads(signature.sign(KEY, INDEX, CONTENT))


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"{}",
        b"\xff",
        b"[" * 5000,
        json.dumps(GOOD | {"more": 1}).encode(),
        json.dumps(GOOD | {"signatures": []}).encode(),
        json.dumps(GOOD | {"signatures": GOOD["signatures"] * 3}).encode(),
        json.dumps(GOOD | {"signatures": "x"}).encode(),
        json.dumps(GOOD | {"signatures": ["00"]}).encode(),
        json.dumps(GOOD | {"key": PUBLIC.upper()}).encode(),
        json.dumps(GOOD).encode() + b" " * 2000,
    ],
)
def test_what_is_no_signature_file_is_refused(file: bytes) -> None:
    with pytest.raises(Untrusted, match="The signature of The index cannot be read"):
        verify(CONTENT, file)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(file: bytes) -> None:
    with pytest.raises(Untrusted):
        verify(CONTENT, file)


@pytest.mark.parametrize("value", ["", "x" * 64, "0" * 63, "0" * 65, "A" * 64, f"{'0' * 64}\n"])
def test_what_is_no_key_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must be an Ed25519 public key"):
        signature.public_key(value)


def test_a_key_that_is_no_point_signs_nothing() -> None:
    with pytest.raises(Untrusted):
        verify(CONTENT, json.dumps(GOOD | {"key": "f" * 64}).encode(), key="f" * 64)

"""Who we are to a registry: read from a file that may hold anything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import reference, registry_auth
from containers.domain.registry_auth import RegistryAuth

ENTRY = {"auth": base64.b64encode(b"team:secret").decode()}


def select(auths: Any, ref: str) -> list[str]:
    return list(registry_auth.select(json.dumps({"auths": auths}).encode(), ref).entries)


@pytest.mark.parametrize(
    ("ref", "registry"),
    [
        ("debian", "docker.io"),
        ("team/web:1", "docker.io"),
        ("docker.io/team/web", "docker.io"),
        ("index.docker.io/team/web", "docker.io"),
        ("registry.example.org/web", "registry.example.org"),
        ("localhost/web", "localhost"),
        ("registry:5000/web", "registry:5000"),
    ],
)
def test_the_registry_of_a_reference(ref: str, registry: str) -> None:
    assert reference.registry_of(ref) == registry


def test_only_what_is_for_that_registry_is_passed_on() -> None:
    auths = {
        "registry.example.org": ENTRY,
        "registry.example.org/team": ENTRY,
        "registry.example.org.evil.net": ENTRY,
        "registry.example.org:5000": ENTRY,
        "https://index.docker.io/v1/": ENTRY,
    }
    assert select(auths, "registry.example.org/web") == ["registry.example.org", "registry.example.org/team"]
    assert select(auths, "debian:12") == ["https://index.docker.io/v1/"]
    assert select(auths, "elsewhere.example.org/web") == []


def test_no_more_of_an_entry_than_is_needed() -> None:
    raw = json.dumps({"auths": {"a.b": {**ENTRY, "email": "x"}}, "credHelpers": {"a.b": "program"}, "credsStore": "p"}).encode()
    found = registry_auth.select(raw, "a.b/web")
    assert json.loads(found.encode()) == {"auths": {"a.b": ENTRY}}
    assert found.secrets == (ENTRY["auth"], "secret")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"auths": []}', b'{"auths": {"a.b": "secret"}}', b"\xff"])
def test_what_is_no_such_file_is_said_without_what_is_in_it(raw: bytes) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at
        registry_auth.select(raw, "a.b/web")
    assert "secret" not in str(caught.value)


JSON = st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.dictionaries(st.text(max_size=9), inner))


@given(st.dictionaries(st.sampled_from(["auths", "x"]), st.dictionaries(st.sampled_from(["a.b", "a.b/c", "c"]), JSON)))
def test_whatever_stands_there_becomes_text_or_is_refused(data: Any) -> None:
    try:
        found = registry_auth.select(json.dumps(data).encode(), "a.b/web")
    except ValueError:
        return
    assert isinstance(found, RegistryAuth)
    assert all(isinstance(value, str) for entry in found.entries.values() for value in entry.values())
    assert isinstance(found.secrets, tuple)

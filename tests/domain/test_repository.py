"""Indexes of repositories: read strictly, followed only by newer ones, never believed without a signature."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import entries, repository, signature
from containers.domain.definition import MAX_LAYERS
from containers.domain.entries import Entry
from containers.domain.image import ImageRef
from containers.domain.repository import Index, Seen
from containers.errors import InvalidRequest, NotFound, Untrusted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = signature.public_key_of(KEY)


def row(name: str = "debian", version: str = "12", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "file": entries.file_name(ImageRef(name, version), "a" * 64),
        "size": 1000,
        "sha256": "a" * 64,
        "layers": [{"digest": "b" * 64, "size": 5000}],
        "defaults": {"env": {"LANG": "C.UTF-8"}, "cmd": "/bin/sh"},
        "created": "2026-01-31T23:59:59Z",
    } | changes


def data(*images: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"serial": 7, "created": "2026-02-01T00:00:00Z", "images": list(images or [row()])} | changes


def index(*images: dict[str, Any], **changes: Any) -> Index:
    return Index.of(data(*images, **changes))


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def test_an_index_is_read_as_it_was_written() -> None:
    made = index(row("b"), row("a", "2"), row("a", "1"))
    again = Index.parse(made.encode())
    assert [str(entry.ref) for entry in again.images] == ["a:1", "a:2", "b:12"]
    assert again.encode() == made.encode()
    assert made.encode().startswith(b'{"created":"2026-02-01T00:00:00Z","images":[{"created":')
    assert made.encode().isascii()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (data(serial=0), "serial: must be at least 1"),
        (data(serial=2**63), "serial"),
        (data(serial=True), "serial"),
        (data(serial="7"), "serial"),
        (data(serial=7.0), "serial"),
        (data(created="yesterday"), "created"),
        (data(created="2026-02-30T00:00:00Z"), "created"),
        (data(created="2026-02-01T00:00:00+00:00"), "created"),
        (data(more=1), "more: is not a known key"),
        ({"serial": 1}, "created: is required"),
        (data(row(), row()), "debian:12 is there twice"),
        (data(row(), row(version="13", file="debian@12.aaaaaaaaaaaa.tar")), "is there twice"),
        (data(row(extra=1)), "images.0.extra: is not a known key"),
        (data(row(name="../x", file="x.tar")), "images.0.name"),
        (data(row(name="Debian", file="x.tar")), "images.0.name"),
        (data(row(version="1:2", file="x.tar")), "images.0.version"),
        (data(row(version="..", file="x.tar")), "images.0.version"),
        (data(row(file="../x.tar")), "images.0.file"),
        (data(row(file="a/x.tar")), "images.0.file"),
        (data(row(file=".x.tar")), "images.0.file"),
        (data(row(file="x..tar")), "images.0.file"),
        (data(row(file="index.json")), "images.0.file"),
        (data(row(file="x.tar\n")), "images.0.file"),
        (data(row(file="x.tar?a=b")), "images.0.file"),
        (data(row(file="x" * 300 + ".tar")), "images.0.file"),
        (data(row(size=-1)), "images.0.size"),
        (data(row(size=2**50)), "images.0.size"),
        (data(row(size="1")), "images.0.size"),
        (data(row(sha256="A" * 64)), "images.0.sha256"),
        (data(row(sha256="a" * 63)), "images.0.sha256"),
        (data(row(layers=[])), "images.0.layers"),
        (data(row(layers=[{"digest": "b" * 64, "size": 1}] * (MAX_LAYERS + 1))), "images.0.layers"),
        (data(row(layers=[{"digest": "b" * 64}])), "images.0.layers.0.size: is required"),
        (data(row(layers=[{"digest": "/", "size": 1}])), "images.0.layers.0.digest"),
        (data(row(defaults={"env": {"A": "a\nb"}})), "images.0.defaults.env"),
        (data(row(defaults={"layers": ["x"]})), "images.0.defaults.layers: is not a known key"),
        (data(row(defaults={"uid": "70000"})), "images.0.defaults.uid"),
        ([], "must be an object"),
        (None, "must be an object"),
    ],
)
def test_what_is_not_an_index_is_refused_naming_the_place(value: object, reason: str) -> None:
    with pytest.raises(Untrusted) as caught:
        Index.parse(raw(value))
    assert reason in caught.value.brief
    assert caught.value.brief.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe{\x00}\x00",
        b'{"serial": 1, "serial": 2, "created": "2026-02-01T00:00:00Z"}',
        b'{"serial": NaN}',
        b"[" * 100_000,
        b"9" * 5_000,
        b"x" * (repository.MAX_INDEX_BYTES + 1),
    ],
)
def test_what_is_not_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(Untrusted):
        Index.parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = sorted(row())


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), JSON)
def test_no_index_is_read_that_says_anything_else(changes: dict[str, Any], serial: Any) -> None:
    """Either refused as a whole, or what was read says the same as what was written and has only tame names."""
    text = raw(data(row() | changes, serial=serial))
    try:
        found = Index.parse(text)
    except Untrusted:
        return
    (entry,) = found.images
    assert json.loads(found.encode())["serial"] == serial
    assert "/" not in entry.file
    assert not entry.file.startswith(".")
    assert entry.size <= entries.MAX_FILE_BYTES


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(text: bytes) -> None:
    with pytest.raises(Untrusted):
        Index.parse(text)


def test_an_index_follows_another_with_a_higher_number() -> None:
    first = repository.first_index().with_image(Entry.model_validate(row(), context={"idmap_size": 65536}), NOW)
    assert (first.serial, first.created) == (int(NOW.timestamp()), "2026-03-01T12:00:00Z")
    second = first.with_image(index(row(version="13")).images[0], NOW)
    assert (second.serial, len(second.images)) == (first.serial + 1, 2)
    third = second.without(ImageRef("debian", "12"), NOW + timedelta(hours=1))
    assert third.serial == int(NOW.timestamp()) + 3600
    assert [str(entry.ref) for entry in third.images] == ["debian:13"]
    with pytest.raises(NotFound):
        third.without(ImageRef("debian", "12"), NOW)


def test_an_image_takes_the_place_of_its_own_older_file_only() -> None:
    both = index(row("a_b", "c"), row("a", "b_c"))
    assert len({entry.file for entry in both.images}) == 2
    newer = index(row("a", "b_c", sha256="d" * 64, file="a@b_c.dddddddddddd.tar")).images[0]
    assert sorted(entry.file for entry in both.with_image(newer, NOW).images) == [
        "a@b_c.dddddddddddd.tar",
        both.entry(ImageRef("a_b", "c")).file,
    ]


def test_the_longest_names_make_a_file_name() -> None:
    ref = ImageRef("a" * 63, "1" * 63)
    file = entries.file_name(ref, "a" * 64)
    assert len(file.encode()) <= 255, "a file system takes no longer ones"
    assert index(row(ref.name, ref.version, file=file)).entry(ref).file == file


def check(new: Index, *, serial: int | None, images: list[dict[str, Any]] | None = None) -> None:
    repository.check_successor(new, Seen(serial, images or []), NOW)


def test_the_first_index_may_have_any_number() -> None:
    check(index(), serial=None)


def test_an_older_index_is_refused() -> None:
    with pytest.raises(Untrusted, match="older than the one seen before: its number is 7, that was 8"):
        check(index(), serial=8)


def test_the_same_index_again_is_fine_and_another_of_its_number_is_not() -> None:
    check(index(), serial=7, images=index().rows())
    with pytest.raises(Untrusted, match="two different indexes of number 7"):
        check(index(row(size=1)), serial=7, images=index().rows())


def test_an_index_from_the_future_is_refused() -> None:
    check(index(created=entries.moment(NOW + timedelta(hours=23))), serial=None)
    with pytest.raises(Untrusted, match="made in the future"):
        check(index(created=entries.moment(NOW + timedelta(hours=25))), serial=None)


def test_a_verified_index_is_the_signed_one() -> None:
    text = index().encode()
    assert repository.verified_index(text, signature.sign(KEY, signature.INDEX, text), PUBLIC) == index()
    with pytest.raises(Untrusted, match="is not what was signed"):
        repository.verified_index(text, signature.sign(KEY, signature.IMAGE, text), PUBLIC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://images.example/a/", "https://images.example/a"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        ("/srv/images/", "/srv/images"),
    ],
)
def test_a_location_loses_its_last_slash(value: str, expected: str) -> None:
    assert repository.location(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "//srv",
        "/srv/../etc",
        "/srv/./x",
        "/srv/a\nb",
        "srv",
        "file:///etc/passwd",
        "ftp://x/y",
        "gopher://x",
        "http:",
        "http://",
        "http:///x",
        "http://user:secret@x/",
        "http://x/?a=b",
        "http://x/#a",
        "http://x y/",
        "http://x\\@y/",
        "http://ä/",
        "http://x:0/",
        "http://x:99999/",
        "http://[x",
        "HTTP://x",
        "http://x/" + "a" * 2000,
    ],
)
def test_other_locations_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="."):
        repository.location(value)


def test_the_own_repository_has_a_name_of_its_own() -> None:
    with pytest.raises(InvalidRequest, match="name: is the name of the host's own repository"):
        repository.RepositorySpec.validate_as({"name": "own", "location": "/srv/x", "public_key": PUBLIC}, field="")


def test_names_are_quoted_in_urls() -> None:
    assert repository.url_of("http://x/y", "a@1+2~3.tar") == "http://x/y/a%401%2B2~3.tar"

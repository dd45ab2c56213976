"""The host's own repository: its key, and a directory that is right for others at every moment."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain import entries, repository, signature
from containers.domain.entries import Entry
from containers.domain.image import ImageRef
from containers.domain.layout import Layout
from containers.domain.repository import Index
from containers.errors import HostError, NotFound
from containers.host import files, keys
from containers.host import repository as own
from tests.domain.test_repository import data, row

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GID = 4321


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    layout = Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path)
    files.make_directory(layout.keys, mode=0o700)
    files.make_directory(layout.repository, mode=0o750, gid=GID)
    return layout


@pytest.fixture
def key(place: Layout) -> Ed25519PrivateKey:
    return keys.ensure_signing_key(place)


def entry(version: str = "12", sha256: str = "a" * 64) -> Entry:
    name = entries.file_name(ImageRef("debian", version), sha256)
    return Index.of(data(row(version=version, sha256=sha256, file=name))).images[0]


def export(place: Layout, key: Ed25519PrivateKey, made: Entry) -> None:
    with own.unfinished(place) as (path, stream):
        stream.write(b"content")
        stream.flush()
        own.add(place, key, made, path, NOW)


def names(place: Layout) -> list[str]:
    return sorted(path.name for path in place.repository.iterdir())


def as_others_see_it(place: Layout, key: Ed25519PrivateKey) -> Index:
    read = (place.repository / "index.json").read_bytes(), (place.repository / "index.json.sig").read_bytes()
    return repository.verified_index(*read, signature.public_key_of(key))


# The key


def test_the_key_is_made_once_and_is_roots_alone(place: Layout) -> None:
    first, again = keys.ensure_signing_key(place), keys.ensure_signing_key(place)
    assert signature.public_key_of(first) == signature.public_key_of(again)
    (path,) = place.keys.iterdir()
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)


def test_openssl_reads_it(place: Layout, key: Ed25519PrivateKey) -> None:
    (path,) = place.keys.iterdir()
    argv = ["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"]
    assert subprocess.run(argv, check=True, capture_output=True).stdout[-32:].hex() == signature.public_key_of(key)


def test_its_public_half_is_there_for_the_web_user(place: Layout, key: Ed25519PrivateKey) -> None:
    public = place.repository / "key.pub"
    assert public.read_text() == signature.public_key_of(key) + "\n"
    assert (public.stat().st_gid, stat.S_IMODE(public.stat().st_mode)) == (GID, 0o640)
    public.write_text("forged")
    keys.ensure_signing_key(place)
    assert public.read_text() == signature.public_key_of(key) + "\n"


def test_many_at_once_make_one(place: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: signature.public_key_of(keys.ensure_signing_key(place)), range(16)))
    assert len(made) == 1
    assert [path.name for path in place.keys.iterdir()] == ["signing.pem"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.chmod(0o640), "is not root's alone"),
        (lambda path: os.chown(path, 1, 0), "is not root's alone"),
        (lambda path: path.write_text("x"), "is not a private key"),
    ],
)
def test_a_key_that_others_could_have_is_not_used(
    place: Layout, key: Ed25519PrivateKey, spoil: Callable[[Path], Any], reason: str
) -> None:
    spoil(place.keys / "signing.pem")
    with pytest.raises(HostError, match=reason):
        keys.ensure_signing_key(place)


def test_a_link_in_its_place_is_not_followed(place: Layout, tmp_path: Path) -> None:
    (place.keys / "signing.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises((HostError, OSError)):
        keys.ensure_signing_key(place)
    assert not (tmp_path / "elsewhere").exists()


# The directory


def test_a_file_is_announced_by_a_signed_index(place: Layout, key: Ed25519PrivateKey) -> None:
    made = entry()
    export(place, key, made)
    assert as_others_see_it(place, key).images == (made,)
    assert names(place) == [made.file, "index.json", "index.json.sig", "key.pub"]
    for path in place.repository.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (0, GID, 0o640)


def test_another_content_replaces_the_older_file(place: Layout, key: Ed25519PrivateKey) -> None:
    for sha256 in ("a" * 64, "b" * 64, "b" * 64):
        export(place, key, entry(sha256=sha256))
    assert [path.name for path in place.repository.glob("*.tar")] == ["debian@12.bbbbbbbbbbbb.tar"]
    assert as_others_see_it(place, key).serial == int(NOW.timestamp()) + 2


def test_a_removal_is_a_newer_index_without_it(place: Layout, key: Ed25519PrivateKey) -> None:
    export(place, key, entry())
    export(place, key, entry("13"))
    before = as_others_see_it(place, key)
    own.remove(place, key, ImageRef("debian", "12"), NOW)
    after = as_others_see_it(place, key)
    assert (after.serial, after.images) == (before.serial + 1, (entry("13"),))
    assert not (place.repository / entry().file).exists()
    with pytest.raises(NotFound):
        own.remove(place, key, ImageRef("debian", "12"), NOW)


def test_an_export_that_fails_leaves_nothing(place: Layout, key: Ed25519PrivateKey) -> None:
    with suppress(RuntimeError), own.unfinished(place) as (_, stream):
        stream.write(b"half")
        raise RuntimeError
    assert names(place) == ["key.pub"]


@pytest.mark.parametrize("last", ["index.json.sig", "index.json"])
def test_a_crash_between_the_two_files_leaves_two_that_fit(
    place: Layout, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """The signature is replaced first: with the index before it, it has to fit as well."""
    export(place, key, entry())
    replace = files.replace

    def replace_until(path: Path, content: bytes, **more: Any) -> None:
        replace(path, content, **more)
        if path.name == last:
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "replace", replace_until)
    with pytest.raises(KeyboardInterrupt):
        export(place, key, entry("13"))
    monkeypatch.undo()
    versions = {found.version for found in as_others_see_it(place, key).images}
    assert versions == ({"12"} if last == "index.json.sig" else {"12", "13"})
    export(place, key, entry("14"))
    assert {found.version for found in as_others_see_it(place, key).images} == versions | {"14"}
    assert {path.name for path in place.repository.glob("*.tar")} == {
        found.file for found in own.read(place, signature.public_key_of(key)).images
    }


def test_what_killed_exports_left_goes_and_what_runs_stays(place: Layout, key: Ed25519PrivateKey) -> None:
    dead, alive = place.repository / ".unfinished-dead", place.repository / ".unfinished-alive"
    for path in (dead, alive, place.repository / "debian@9.aaaaaaaaaaaa.tar", place.repository / "notes.txt"):
        path.touch()
    with alive.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        export(place, key, entry())
    assert names(place) == [alive.name, entry().file, "index.json", "index.json.sig", "key.pub", "notes.txt"]


def test_an_index_that_somebody_changed_is_not_signed_anew(place: Layout, key: Ed25519PrivateKey) -> None:
    export(place, key, entry())
    (place.repository / "index.json").write_bytes(Index.of(data()).encode())
    with pytest.raises(HostError, match="The index in .* cannot be used: The index is not what was signed"):
        export(place, key, entry("13"))
    assert names(place) == [entry().file, "index.json", "index.json.sig", "key.pub"]

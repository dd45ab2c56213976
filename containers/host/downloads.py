"""Fetching from repositories: what is fetched lies in a directory of root's alone until it has proved to be the right thing."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from containers.domain import amounts, repository
from containers.domain.entries import APP_DOWNLOAD, AppEntry, Entry
from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, Conflict, HostError, NotFound, Untrusted
from containers.host import download, files, imports
from containers.host.command import Runner
from containers.host.notes import Notes

INDEX_TIMEOUT_S: Final = 120
# A terabyte at a slow line: what says nothing for long ends earlier.
FILE_TIMEOUT_S: Final = 7 * 24 * 3600
# How long what is half here waits for the next try.
KEEP_S: Final = 14 * 24 * 3600

_PROGRAM: Final = download.__file__
_CHUNK: Final = 1 << 20
_PART: Final = ".part"
_VALIDATOR: Final = ".validator"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~@-]*", re.ASCII)


class Source:
    """A repository to read from: a URL, by way of `proxies`, or a directory below one of `allowed`."""

    def __init__(
        self,
        layout: Layout,
        runner: Runner,
        location: str,
        allowed: Iterable[Path],
        *,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._layout = layout
        self._runner = runner
        self._location = location
        self._proxies = proxies
        self._allowed = (layout.repository, *allowed)

    def read(self, file: str, *, max_bytes: int) -> bytes:
        """Return a small file of the repository. Raises HostError with the reason, NotFound, InvalidRequest for a bad path."""
        if not repository.is_url(self._location):
            with self._open(file) as source:
                return _read_all(source.file, max_bytes, self._where(file))
        name = f"{os.getpid()}-{os.urandom(4).hex()}"
        try:
            self._download(file, name, max_bytes, timeout_s=INDEX_TIMEOUT_S, watch=lambda: None)
            return _part(self._layout, name).read_bytes()
        finally:
            discard(self._layout, name)

    def fetch(self, entry: Entry | AppEntry) -> Path:
        """Fetch the file of an entry, going on where an earlier try was broken off; return where it is.

        Size and SHA-256 are those of the entry. It stays until `discard(layout, entry.download)`. What an earlier try
        left can be of another file: then all of it is fetched once more. Raises Untrusted for a file that is another
        one, HostError.
        """
        name = entry.download
        had = _size(_part(self._layout, name))
        self._fetch(entry, name)
        if had and not self._is_right(entry, name):
            self._runner.recorder.note("what was here from an earlier try is not of this file: fetches all of it")
            discard(self._layout, name)
            self._fetch(entry, name)
        self._check(entry, name)
        return _part(self._layout, name)

    def _fetch(self, entry: Entry | AppEntry, name: str) -> None:
        part = _part(self._layout, name)
        notes = Notes(self._runner.recorder, lambda: f"fetches {amounts.size(_size(part))} of {amounts.size(entry.size)}")
        try:
            if repository.is_url(self._location):
                self._download(entry.file, name, entry.size, timeout_s=FILE_TIMEOUT_S, watch=notes.watch)
            else:
                self._copy(entry, part, notes)
        finally:
            notes.note()

    def _download(self, file: str, name: str, max_bytes: int, *, timeout_s: float, watch: Callable[[], None]) -> None:
        url = repository.url_of(self._location, file)
        # As root only until the program has made what speaks HTTP: see there.
        argv = ["/usr/bin/python3", "-I", "-S", _PROGRAM, url, name, str(max_bytes)]
        try:
            self._runner.run(argv, cwd=self._layout.downloads, env=self._proxies, timeout_s=timeout_s, watch=watch)
        except CommandTimeout:
            raise
        except CommandFailed as error:
            reason = error.output.strip().partition("\n")[0] or error.brief
            raise HostError(f"{url}: {reason}", details=error.output) from error

    def _copy(self, entry: Entry | AppEntry, part: Path, notes: Notes) -> None:
        """Copy from a directory: others may write to it, and what was judged must be what is used."""
        with self._open(entry.file) as source, _create(part) as target:
            left = entry.size
            while left and (data := os.read(source.file, min(left, _CHUNK))):
                self._runner.check_cancelled()
                notes.watch()
                target.write(data)
                left -= len(data)
            if os.read(source.file, 1):
                raise Untrusted(f"{self._where(entry.file)} is bigger than announced: more than {entry.size} bytes")

    def _open(self, file: str) -> imports.Source:
        source = imports.open_source(Path(self._location) / file, self._allowed)
        if source.is_directory:
            source.close()
            raise NotFound(f"{self._where(file)} is a directory")
        return source

    def _is_right(self, entry: Entry | AppEntry, name: str) -> bool:
        part = _part(self._layout, name)
        return _size(part) == entry.size and self._digest(part) == entry.sha256

    def _check(self, entry: Entry | AppEntry, name: str) -> None:
        part = _part(self._layout, name)
        where = self._where(entry.file)
        if (size := _size(part)) != entry.size:
            discard(self._layout, name)
            raise Untrusted(f"{where} is shorter than announced: {size} of {entry.size} bytes")
        if (found := self._digest(part)) != entry.sha256:
            discard(self._layout, name)
            raise Untrusted(f"{where} is not the file of the index: its SHA-256 is {found}, not {entry.sha256}")

    def _digest(self, part: Path) -> str:
        digest = hashlib.sha256()
        self._runner.recorder.note("checks the SHA-256 of the whole file")
        with part.open("rb") as stream:
            while data := stream.read(_CHUNK):
                self._runner.check_cancelled()
                digest.update(data)
        return digest.hexdigest()

    def _where(self, file: str) -> str:
        return f"{self._location}/{file}"


def lock_of(file_name: str) -> str | None:
    """Return which lock the job holds that fetches a file, by its name; None for a small file that is only read."""
    name, at, _ = file_name.partition("@")
    if not at:
        return None
    return f"catalogue:{name.removeprefix(APP_DOWNLOAD)}" if name.startswith(APP_DOWNLOAD) else f"image:{name}"


def discard(layout: Layout, name: str) -> None:
    """Remove what was fetched under a name; what is gone already is fine."""
    for suffix in (_PART, _VALIDATOR):
        _path(layout, name, suffix).unlink(missing_ok=True)


def discard_old(layout: Layout, *, keep_s: float = KEEP_S) -> None:
    """Remove what nobody has gone on with for long; what is being fetched right now is young."""
    for path in layout.downloads.iterdir():
        with suppress(FileNotFoundError):
            if path.stat(follow_symlinks=False).st_mtime < time.time() - keep_s:
                path.unlink()


def require_space(layout: Layout, entry: Entry | AppEntry, unpacked_bytes: int) -> None:
    """Raise Conflict, saying how much is missing, unless the file and what it unpacks to fit on the disk."""
    needed = entry.size - _size(_part(layout, entry.download)) + unpacked_bytes + download.KEPT_FREE_BYTES
    missing = needed - files.free_bytes(layout.data_dir)
    if missing > 0:
        raise Conflict(
            f"There is not enough space below {layout.data_dir}: {amounts.size(missing)} more are needed",
            f"{entry.size} bytes of the file, {unpacked_bytes} bytes unpacked, {download.KEPT_FREE_BYTES} bytes kept free",
            resolution="Remove what is not needed, or give the file system more room.",
        )


def _create(part: Path) -> BinaryIO:
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


def _read_all(file: int, max_bytes: int, where: str) -> bytes:
    with os.fdopen(os.dup(file), "rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise HostError(f"{where} is larger than {max_bytes} bytes")
    return data


def _size(part: Path) -> int:
    try:
        return part.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _part(layout: Layout, name: str) -> Path:
    return _path(layout, name, _PART)


def _path(layout: Layout, name: str, suffix: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a download")
    return layout.downloads / f"{name}{suffix}"

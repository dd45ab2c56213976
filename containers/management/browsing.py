"""Files of layers, and of what containers have written, for root on the host: read in this process, no panel needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from containers.domain.tree import Entry, Kind, path_bytes, path_text
from containers.host.inspect import Names, Tree
from containers.management import saving
from containers.management.acting import ActingCommand
from containers.models import Layer
from containers.services import files, looking
from containers.services.looking import LookInputs, Subject
from containers.sessions.files import open_tree

_CHUNK: Final = 1 << 18
_PAGE: Final = 1_000


class BrowsingCommand(ActingCommand):
    """A command whose subject has files. A name in a path is written as it is printed: `\\xNN` for what cannot be seen."""

    def find(self, name: str) -> Subject:
        """Return what is looked into. Raises NotFound."""
        raise NotImplementedError

    def add_browsing(self) -> None:
        """Name the actions that look at files."""
        listed = self.telling_action("files", self.list_files, "list a directory, or all that is below it", "name")
        listed.add_argument("path", metavar="PATH", nargs="?", default="", help="from the top, which it is if not given")
        listed.add_argument("--recursive", action="store_true", help="all that is below it")
        cat = self.action("cat", self.cat, "print what is in one plain file, or save it; no link is followed", "name", "path")
        cat.add_argument("--to", type=Path, metavar="FILE", help="save it there; it must not exist yet")

    def list_files(self, *, name: str, path: str, recursive: bool, as_json: bool, **options: Any) -> None:
        """Print change, kind, mode, owner, size and path of each name."""
        with self._open(name) as tree:
            rows = map(_row, _entries(tree, path_bytes(path), recursive=recursive))
            self.print_rows(rows, ("change", "kind", "mode", "owner", "size", "path"), as_json=as_json)

    def cat(self, *, name: str, path: str, to: Path | None, **options: Any) -> None:
        """Write a file's bytes to standard output, or to a new file."""
        with self._open(name) as tree, tree.open_file(path_bytes(path)) as file:
            if to is not None:
                saving.save(_chunks(file), to)
                return
            for chunk in _chunks(file):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()

    def summary(self, *, name: str, as_json: bool, **options: Any) -> None:
        """Print the size of the whole tree and its changes in numbers."""
        with self._open(name) as tree:
            found = tree.summary()
        self.print_details({"size": found.size, **found.counts.model_dump()}, as_json=as_json)

    def _open(self, name: str) -> Tree:
        found = self.find(name)
        below = files.below(found).layers if isinstance(found, Layer) else ()
        return open_tree(looking.subject_of(found), LookInputs(below=below))


def _entries(tree: Tree, top: Names, *, recursive: bool) -> Iterator[tuple[Names, Entry]]:
    todo = [tuple(top)]
    while todo:
        path = todo.pop()
        inner = []
        for entry in _directory(tree, path):
            name = (*path, *path_bytes(entry.name))
            yield name, entry
            if recursive and entry.kind == Kind.DIRECTORY:
                inner.append(name)
        todo += reversed(inner)


def _directory(tree: Tree, path: Names) -> Iterator[Entry]:
    offset, total = 0, 1
    while offset < total:
        listing = tree.listing(path, offset=offset, limit=_PAGE)
        yield from listing.entries
        offset, total = offset + _PAGE, listing.total


def _row(found: tuple[Names, Entry]) -> dict[str, Any]:
    path, entry = found
    owner = ":".join("?" if number is None else str(number) for number in (entry.uid, entry.gid))
    about = entry.model_dump(mode="json", exclude={"name", "mode"})
    return {"path": path_text(b"/".join(path)), "mode": f"{entry.mode:04o}", "owner": owner, **about}


def _chunks(file: int) -> Iterator[bytes]:
    while data := os.read(file, _CHUNK):
        yield data

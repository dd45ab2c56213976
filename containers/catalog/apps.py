"""The apps that can be installed: manifests with their files, read anew by whoever needs one.

Root reads them itself: what it runs is what lies here, never what stands in a row. Beside the folders of the host there are
those that were fetched from repositories, which only root can have written (`host.app_store`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from containers.catalog import folders
from containers.domain import manifest_text, origin
from containers.domain import recipe as recipes
from containers.domain.build import FileFacts
from containers.domain.installation import Stack, outline
from containers.domain.instructions import Copy
from containers.domain.manifest import FILE_NAME, MAX_BYTES, Manifest
from containers.domain.origin import Origin, Source
from containers.domain.repository import OWN
from containers.domain.samples import answers_for
from containers.domain.text import shown
from containers.domain.toml_lines import Lines
from containers.errors import InvalidRequest, NotFound

_DUMMY: Final = Stack(("layer",))


@dataclass(frozen=True)
class App:
    """An app: its manifest, and the other files of its folder by path."""

    manifest: Manifest
    files: Mapping[str, bytes]
    # The manifest as it was written.
    text: bytes
    # Where it was fetched from; None for one of the host's own folders.
    origin: Origin | None = None
    # Of what is kept of an installed one: whether that was written down.
    is_source_known: bool = True

    @property
    def folder(self) -> dict[str, bytes]:
        """All files, the manifest's own as well."""
        return {**self.files, FILE_NAME: self.text}

    @property
    def name(self) -> str:
        """What it is called in addresses and commands."""
        return self.manifest.name

    @property
    def source(self) -> Source:
        """Where it is from."""
        return Source(origin=self.origin)

    @property
    def icon(self) -> bytes | None:
        """The picture, an SVG or PNG file; a page shows it as an image, never as a part of itself."""
        return self.files[self.manifest.icon] if self.manifest.icon else None

    def repository_of(self, key: str) -> str | None:
        """Return the repository that an image comes from: "own" is the one that the app itself comes from."""
        named = self.manifest.images[key].repository
        return self.origin.repository if named == OWN and self.origin else named

    def recipe(self, key: str) -> str:
        """Return the text of the recipe of an image."""
        return self.files[self.manifest.images[key].recipe or ""].decode()

    def recipe_files(self, key: str) -> dict[str, bytes]:
        """Return the files that an image's recipe copies, by path."""
        sources = {
            source for step in recipes.parse(self.recipe(key)).instructions if isinstance(step, Copy) for source in step.sources
        }
        return {path: content for path, content in self.files.items() if any(_is_below(path, source) for source in sources)}


@dataclass(frozen=True)
class Broken:
    """A folder of the catalogue that is no app, and why."""

    folder: Path
    error: InvalidRequest


def names() -> list[str]:
    """Return the names of all folders of the catalogue; the first directory that has a name is the one that counts."""
    return sorted(_folders())


def find(name: str) -> App:
    """Return the app of that name. Raises NotFound, InvalidRequest where it has faults or is not root's alone."""
    folder = find_folder(name)
    if folder is None:
        raise NotFound(f"There is no app {shown(name, max_length=40)}")
    return _entry(folder)


def find_folder(name: str) -> Path | None:
    """Return where the app of that name lies; None where there is none."""
    return _folders().get(name)


def fetched() -> Path:
    """Return the directory of what was fetched: REPOSITORY/APP."""
    return Path(settings.DATA_DIR) / "catalogue"


def listing() -> tuple[list[App], list[Broken]]:
    """Return all apps by title, and what is none of them though it lies there."""
    apps: list[App] = []
    broken: list[Broken] = []
    for folder in _folders().values():
        try:
            apps.append(_entry(folder))
        except InvalidRequest as error:
            broken.append(Broken(folder, error))
    return sorted(apps, key=lambda app: app.manifest.title.casefold()), broken


def read(folder: Path, *, trusted: bool = False) -> App:
    """Return the app that a folder holds. Raises InvalidRequest with every error, each with file and line."""
    files = folders.read(folder, trusted=trusted)
    if FILE_NAME not in files:
        raise InvalidRequest.of(FILE_NAME, f"is missing in {folder}")
    data = files.pop(FILE_NAME)
    if len(data) > MAX_BYTES:
        raise InvalidRequest.of(FILE_NAME, f"has more than {MAX_BYTES >> 10} KiB")
    return App(manifest_text.parse(data, files), files, data, _origin(folder) if trusted else None)


def _entry(folder: Path) -> App:
    app = read(folder, trusted=True)
    if app.name != folder.name:
        raise InvalidRequest.of(f"{FILE_NAME}:1 name", f"is {app.name}, and the folder is called {folder.name}")
    return app


def _origin(folder: Path) -> Origin | None:
    if not folder.is_relative_to(fetched()):
        return None
    found = Origin.parse(folders.read_hidden(folder, origin.FILE_NAME, max_bytes=origin.MAX_BYTES))
    if found.repository != folder.parent.name:
        raise InvalidRequest.of(origin.FILE_NAME, f"is about the repository {found.repository}, and not {folder.parent.name}")
    return found


def facts(files: Mapping[str, bytes]) -> dict[str, FileFacts]:
    """Return what a build asks of an app's files."""
    return {
        path: FileFacts(hashlib.sha256(content).hexdigest(), bool(getattr(content, "is_executable", False)))
        for path, content in files.items()
    }


def check(folder: Path) -> App:
    """Read an app as its author would have it installed: with sample answers, up to its containers' definitions.

    Raises InvalidRequest with every error.
    """
    app = read(folder)
    try:
        try_out(app)
    except InvalidRequest as error:
        if not error.errors:
            raise
        raise InvalidRequest.all(manifest_text.located(error.errors, Lines(app.text.decode()))) from error
    return app


def try_out(app: App) -> None:
    """Answer an app's questions with samples, and make of it all that can be made without a host. Raises InvalidRequest."""
    made = outline(app.manifest, "sample", answers_for(app.manifest.questions))
    made.specs(dict.fromkeys(app.manifest.images, _DUMMY))
    made.files(app.files)


def _is_below(path: str, source: str) -> bool:
    return source in {".", path} or path.startswith(f"{source}/")


def _folders() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for directory in (*settings.CATALOG_DIRS, *_visible(fetched())):
        for folder in _visible(directory):
            found.setdefault(folder.name, folder)
    return found


def _visible(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return [folder for folder in sorted(directory.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]

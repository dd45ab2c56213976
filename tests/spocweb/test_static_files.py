"""Files of front-end packages: those that are named are served, nothing else of a package is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders

from spocweb.static_files import PACKAGE_FILES, StaticStorage


@pytest.fixture
def packages(settings: Any, tmp_path: Path) -> Path:
    settings.NODE_MODULES = tmp_path
    for directory, names in PACKAGE_FILES.values():
        for name in (*names, f"{names[0]}.map", "other.css"):
            file = tmp_path / directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"body {{}}\n/*# sourceMappingURL={name}.map */\n")
    return tmp_path


def test_files_that_are_named_are_found(packages: Path) -> None:
    for prefix, (directory, names) in PACKAGE_FILES.items():
        for name in names:
            assert finders.find(f"{prefix}/{name}") == str(packages / directory / name)
            assert finders.find(f"{prefix}/{name}", find_all=True) == [str(packages / directory / name)]


@pytest.mark.parametrize(
    "path", ["tabler/other.css", "tabler/tabler.min.css.map", "tabler/../package.json", "htmx/", "nothing/x.js"]
)
def test_other_files_are_not(packages: Path, path: str) -> None:
    assert finders.find(path) is None


def test_a_package_that_is_not_installed_is_not_found(settings: Any, tmp_path: Path) -> None:
    settings.NODE_MODULES = tmp_path
    assert finders.find("tabler/tabler.min.css") is None


def test_they_are_collected_under_their_prefix(packages: Path) -> None:
    finder = finders.get_finder("spocweb.static_files.PackageFinder")
    found = {f"{storage.prefix}/{name}" for name, storage in finder.list([])}
    assert found == {f"{prefix}/{name}" for prefix, (_, names) in PACKAGE_FILES.items() for name in names}


def test_what_is_stored_can_be_read_by_the_web_process_and_asks_for_no_map(packages: Path, tmp_path: Path) -> None:
    storage = StaticStorage(location=tmp_path / "static")
    directory, (name,) = PACKAGE_FILES["tabler"]
    with (packages / directory / name).open("rb") as stream:
        from django.core.files import File

        storage.save(name, File(stream))
    paths = {name: (storage, name)}
    results = list(storage.post_process(paths))
    assert not [result for result in results if isinstance(result[2], Exception)]
    for file in (tmp_path / "static").iterdir():
        assert file.stat().st_mode & 0o044 == 0o044, file

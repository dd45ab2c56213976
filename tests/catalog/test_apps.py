"""The catalogue: what comes with spocweb is in order, and nothing is read that is not root's alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from containers.catalog import apps
from containers.errors import InvalidRequest, NotFound
from tests.support.apps import MANIFEST, write

ENTRIES = Path(apps.__file__).parent / "entries"


@pytest.mark.parametrize("folder", sorted(ENTRIES.iterdir()), ids=lambda folder: folder.name)
def test_what_comes_with_spocweb_is_in_order(folder: Path) -> None:
    app = apps.check(folder)
    assert app.name == folder.name
    assert app.icon
    assert app.manifest.licence
    assert app.manifest.categories


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path / "none", tmp_path])
    return tmp_path


def test_an_app_is_found_with_its_files(catalog: Path) -> None:
    write(catalog, recipe="FROM base\nCOPY start conf /\n", start="#!/bin/sh", other="x")
    (catalog / "note/conf").mkdir()
    (catalog / "note/conf/a").write_text("a")
    (catalog / "note/start").chmod(0o755)
    app = apps.find("note")
    assert set(app.recipe_files("web")) == {"start", "conf/a"}
    facts = apps.facts(app.recipe_files("web"))
    assert (facts["start"].is_executable, facts["conf/a"].is_executable) == (True, False)
    with pytest.raises(NotFound):
        apps.find("nothing")


def test_what_is_not_roots_alone_is_not_read(catalog: Path) -> None:
    folder = write(catalog)
    (folder / "web.recipe").chmod(0o664)
    with pytest.raises(InvalidRequest, match="does not belong to root alone"):
        apps.find("note")
    assert apps.read(folder).name == "note"


def test_links_lead_nowhere(catalog: Path) -> None:
    folder = write(catalog)
    (folder / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(InvalidRequest, match="passwd"):
        apps.find("note")


def test_one_broken_folder_does_not_hide_the_others(catalog: Path) -> None:
    write(catalog)
    write(catalog, MANIFEST.replace("manifest = 1", "manifest = 2"), name="bad")
    write(catalog, name="other")
    found, broken = apps.listing()
    assert [app.name for app in found] == ["note"]
    assert sorted(entry.folder.name for entry in broken) == ["bad", "other"]

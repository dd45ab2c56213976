"""An app of somebody's repository: seen there, fetched, told of its next version, removed; the pages in all forms."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from containers.domain import entries
from containers.domain.repository import Index
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.support import violations
from tests.support import exports
from tests.support.apps import MANIFEST, RECIPE
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

PAGES = ("/repositories/", "/repositories/team/", "/repositories/own/", "/apps/?search=team", "/apps/note/")


def publish(directory: Path, version: str, serial: int, created: str) -> None:
    """Publish the app "note" in one version, as another host would."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in (("app.toml", MANIFEST.replace('"1.0"', f'"{version}"', 1)), ("web.recipe", RECIPE)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    entry = exports.app_entry(made.getvalue(), version=version, created=created)
    (directory / entry.file).write_bytes(made.getvalue())
    exports.publish(directory, Index(serial=serial, created=entries.moment(exports.CREATED), apps=(entry,)))


@pytest.fixture
def share(stack: Stack) -> Iterator[Path]:
    """A publisher's directory, known as "team"; nothing of it stays."""
    directory = Path(stack.variables["SPOCWEB_IMPORT_DIRS"]) / "team"
    directory.mkdir()
    publish(directory, "1.0", 1, "2026-01-01T00:00:00Z")
    known = {"name": "team", "location": str(directory), "public_key": exports.PUBLIC}
    assert stack.do("POST", "/repositories/", known)["state"] == "succeeded"
    yield directory
    stack.call("DELETE", "/repositories/team/")
    shutil.rmtree(directory)


def succeeded(page: Page, stack: Stack) -> None:
    """The click has led to the page of a job, which succeeds."""
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = stack.ended(int(page.url.split("/")[-2]))
    assert job["state"] == "succeeded", job


def test_an_app_travels(page: Page, stack: Stack, share: Path) -> None:
    page.goto("/repositories/team/")
    page.get_by_role("button", name="Fetch note").click()
    succeeded(page, stack)
    page.goto("/apps/static-site/")
    page.get_by_role("button", name="Publish").click()
    succeeded(page, stack)
    publish(share, "2.0", 2, "2026-01-02T00:00:00Z")
    page.goto("/repositories/team/")
    page.get_by_role("button", name="Refresh").click()
    succeeded(page, stack)
    expect_all_to_be_well(page)
    page.goto("/apps/?search=team")
    page.get_by_role("link", name="Note").click()
    expect(page.get_by_text("New version 2.0 in its repository")).to_be_visible()
    page.get_by_role("button", name="Fetch 2.0").click()
    succeeded(page, stack)
    assert stack.get("/apps/note/")["version"] == "2.0"
    page.goto("/apps/note/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove").click()
    succeeded(page, stack)
    assert stack.call("GET", "/apps/note/").status == 404
    page.goto("/repositories/own/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Withdraw static-site").click()
    succeeded(page, stack)


def expect_all_to_be_well(page: Page) -> None:
    """No page breaks a rule of axe, or is wider than its screen: light, dark, and on a phone."""
    for scheme, size in (("light", DESKTOP), ("dark", PHONE)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in PAGES:
            page.goto(path)
            assert violations(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

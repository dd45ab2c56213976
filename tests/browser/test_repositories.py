"""An image is exported, removed, and fetched from a repository that is added; a container starts from it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.support import violations
from tests.support import images, lxc
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

PAGES = ("/repositories/", "/repositories/own/", "/repositories/team/", "/images/app/1/")


@pytest.fixture
def share(stack: Stack) -> Iterator[Path]:
    """An image that runs, and a directory for a copy of the own repository; nothing of both stays."""
    base = Path(stack.variables["SPOCWEB_IMPORT_DIRS"])
    lxc.run("tar", "-cf", str(base / "rootfs.tar"), "-C", str(base / "base"), ".")
    made = images.Image([(base / "rootfs.tar").read_bytes()], run={"Cmd": ["/bin/sleep", "1000"], "StopSignal": "SIGKILL"})
    images.write_archive(base / "app.tar", made.members())
    job = stack.do("POST", "/images/import/", {"image": "app:1", "path": str(base / "app.tar")})
    assert job["state"] == "succeeded", job
    yield base / "share"
    names = [row["name"] for row in stack.get("/containers/")["results"]]
    if names:
        stack.do("POST", "/bulk/", {"operation": "destroy", "containers": names})
    for image in stack.get("/images/")["results"]:
        assert stack.do("DELETE", f"/images/{image['name']}:{image['version']}/")["state"] == "succeeded"
    for image in stack.get("/repositories/own/")["images"]:
        assert stack.do("DELETE", f"/exports/{image['name']}:{image['version']}/")["state"] == "succeeded"
    for row in stack.get("/repositories/")["results"]:
        stack.call("DELETE", f"/repositories/{row['name']}/")
    shutil.rmtree(base / "share", ignore_errors=True)


def succeeded(page: Page, stack: Stack) -> None:
    """The click has led to the page of a job, which succeeds."""
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = stack.ended(int(page.url.split("/")[-2]))
    assert job["state"] == "succeeded", job


def test_an_image_travels(page: Page, stack: Stack, share: Path) -> None:
    page.goto("/images/app/1/")
    page.get_by_role("button", name="Export").click()
    succeeded(page, stack)
    page.goto("/repositories/")
    key = page.locator("[data-copy-text]").get_attribute("data-copy-text")
    page.get_by_role("link", name="This host's own").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download app:1").click()
    assert re.fullmatch(r"app@1\.[0-9a-f]{12}\.tar", download.value.suggested_filename)
    shutil.copytree(stack.layout.repository, share)
    assert stack.do("DELETE", "/images/app:1/")["state"] == "succeeded"
    page.goto("/repositories/")
    page.get_by_label("Name", exact=True).fill("team")
    page.get_by_label("Address or path").fill(str(share))
    page.get_by_role("textbox", name="Public key").fill(str(key))
    page.get_by_role("button", name="Add").click()
    succeeded(page, stack)
    page.goto("/repositories/team/")
    page.get_by_role("button", name="Fetch app:1").click()
    succeeded(page, stack)
    page.goto("/repositories/team/")
    expect(page.locator("tbody tr")).to_contain_text("Here")
    job = stack.do("POST", "/containers/", {"name": "web", "image": "app:1"})
    assert job["state"] == "succeeded", job
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    page.goto("/repositories/own/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove app:1").click()
    succeeded(page, stack)


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}], ids=["light", "phone", "dark"])
def test_the_pages_have_no_barrier(open_session: Any, stack: Stack, share: Path, options: dict[str, Any]) -> None:
    assert stack.do("POST", "/images/app/export/")["state"] == "succeeded"
    shutil.copytree(stack.layout.repository, share)
    key = stack.get("/repositories/own/")["public_key"]
    job = stack.do("POST", "/repositories/", {"name": "team", "location": str(share), "public_key": key})
    assert job["state"] == "succeeded", job
    session = open_session(**options)
    page = session.page()
    session.sign_in(page)
    found: dict[str, Any] = {}
    for path in PAGES:
        page.goto(path)
        found[path] = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[path].append("scrolls sideways")
    assert found == {path: [] for path in PAGES}

"""What a container wrote is looked into, kept as a layer and an image, and taken for another container."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.support import violations
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

WRITES = {"cmd": "/bin/sh -c 'echo mine > /etc/mine; rm /etc/group; exec sleep 1000'", "halt": "SIGKILL"}
PAGES = (
    "/clean-up/",
    "/images/",
    "/images/shop/2/",
    "/layers/",
    "/layers/mine/",
    "/layers/mine/?path=etc",
    "/layers/mine/file/?path=etc/mine",
    "/containers/web/layers/",
    "/containers/web/layers/?path=etc",
    "/containers/web/layers/keep/",
    "/new/?image=shop:2",
)


@pytest.fixture
def web(stack: Stack) -> Any:
    """A container that has written something; what is made of it is removed after it."""
    # An image goes with the layers that nothing else uses: this keeps the one that other tests need.
    stack.add("keeper")
    stack.add("web", **WRITES)
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    yield
    names = [row["name"] for row in stack.get("/containers/")["results"] if row["name"] != "keeper"]
    stack.do("POST", "/bulk/", {"operation": "destroy", "containers": names})
    for image in stack.get("/images/")["results"]:
        assert stack.do("DELETE", f"/images/{image['name']}:{image['version']}/")["state"] == "succeeded"


def keep(stack: Stack) -> None:
    job = stack.do("POST", "/containers/web/commit/", {"layer": "mine", "image": "shop:2"})
    assert job["state"] == "succeeded", job


@pytest.mark.usefixtures("web")
def test_from_a_look_to_a_container_of_its_own(page: Page, stack: Stack) -> None:
    page.goto("/containers/web/")
    page.get_by_role("link", name="Layers", exact=True).last.click()
    page.get_by_role("link", name="etc").click()
    rows = page.locator("#files tbody tr")
    expect(rows.filter(has_text="mine")).to_contain_text("Added")
    expect(rows.filter(has_text="group")).to_contain_text("Removed")
    page.get_by_role("link", name="mine").click()
    expect(page.get_by_role("region", name="Content of mine")).to_have_text("mine\n")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "mine"
    page.go_back()
    page.get_by_role("link", name="Keep as a new layer…").click()
    page.get_by_label("Name of the new layer").fill("mine")
    page.get_by_label("Image with it on top").fill("shop:2")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = stack.ended(int(page.url.split("/")[-2]))
    assert job["state"] == "succeeded", job
    page.goto("/images/")
    page.get_by_role("link", name="shop:2", exact=True).click()
    page.get_by_role("link", name="New container from image").click()
    page.get_by_label("Name", exact=True).fill("copy")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_role("heading", name="copy", level=1).wait_for()
    assert stack.get("/containers/copy/")["definition"] == {"layers": ["base", "mine"], **WRITES}
    assert stack.do("POST", "/containers/copy/execute/", {"command": ["cat", "/etc/mine"]})["state"] == "succeeded"


@pytest.mark.usefixtures("web")
def test_a_reset_shows_its_plan_and_throws_away_what_was_written(page: Page, stack: Stack) -> None:
    stack.do("POST", "/containers/web/execute/", {"command": ["touch", "/etc/more"]})
    page.goto("/containers/web/layers/?path=etc")
    expect(page.locator("#files")).to_contain_text("more")
    page.get_by_role("link", name="Reset…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Ephemeral layer of web")
    dialog.get_by_role("button", name="Reset web").click()
    (asked_for,) = wait_until(lambda: stack.get("/jobs/?operation=reset")["results"], "the click has been heard")
    job = stack.ended(asked_for["id"])
    assert job["state"] == "succeeded", job
    page.goto("/containers/web/layers/?path=etc")
    expect(page.locator("#files")).to_contain_text("mine")
    expect(page.locator("#files")).not_to_contain_text("more")


@pytest.mark.usefixtures("web")
def test_all_of_it_works_without_script(open_session: Any, stack: Stack) -> None:
    session = open_session(java_script_enabled=False)
    page = session.page()
    session.sign_in(page)
    page.goto("/containers/web/layers/")
    page.get_by_role("link", name="etc").click()
    page.get_by_role("link", name="mine").click()
    expect(page.get_by_role("region", name="Content of mine")).to_have_text("mine\n")
    keep(stack)
    page.goto("/images/shop/2/")
    page.get_by_role("link", name="New container from image").click()
    page.get_by_label("Name", exact=True).fill("copy")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_role("heading", name="copy", level=1).wait_for()


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}], ids=["light", "phone", "dark"])
def test_the_pages_have_no_barrier(open_session: Any, stack: Stack, options: dict[str, Any]) -> None:
    keep(stack)
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

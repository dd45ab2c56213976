"""The whole way, browser → job → container, as a new administrator goes it."""

from __future__ import annotations

import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Session
from tests.browser.support import COLOURS, violations
from tests.support import lxc
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def make_demo(page: Page) -> None:
    page.goto("/containers/")
    page.get_by_role("button", name="Create the demo").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("demo")
    expect(page.locator(".sw-state", has_text="Succeeded").first).to_be_visible()


def ask(page: Page, verb: str, count: int = 1) -> None:
    """Press the button on the container's page, look at the plan, and confirm it."""
    page.get_by_role("link", name=verb).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("ol > li")).to_have_count(count)
    dialog.get_by_role("button", name=re.compile(f"^{verb}")).click()
    expect(dialog).to_be_hidden()


def expect_state(page: Page, word: str) -> None:
    """The state in the head of a container's page, which changes by itself."""
    expect(page.locator("main .sw-state").first).to_have_text(re.compile(word))


def test_from_sign_in_to_three_running_containers_and_back(session: Session, stack: Stack) -> None:
    page = session.page()
    session.sign_in_by_form(page)
    make_demo(page)

    page.goto("/containers/demo-web/")
    page.get_by_role("link", name="Start").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("ol > li b")).to_have_text(["demo-db", "demo-app", "demo-web"])
    dialog.get_by_role("button", name="Start 3 containers").click()
    expect_state(page, "Running")
    names = ("demo-db", "demo-app", "demo-web")
    assert {lxc.state(stack.layout, name) for name in names} == {"RUNNING"}
    with urllib.request.urlopen(f"http://{stack.get('/containers/demo-web/')['address']}/", timeout=60) as answer:
        assert answer.status == 200

    page.get_by_role("list").get_by_role("link", name=re.compile(r"^\d+$")).first.click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/"))
    for name in names:
        expect(page.locator("code, pre").filter(has_text=re.compile(f"lxc-start.*{name}")).first).to_be_attached()

    page.goto("/containers/demo-db/")
    page.get_by_role("link", name="Stop").first.click()
    expect(dialog.locator("ol > li b")).to_have_text(["demo-web", "demo-app", "demo-db"])
    dialog.get_by_role("button", name="Stop 3 containers").click()
    expect_state(page, "Stopped")
    assert {lxc.state(stack.layout, name) for name in names} == {"STOPPED"}


def test_a_second_browser_sees_it_come_up_without_a_reload(page: Page, open_session: Any, stack: Stack) -> None:
    stack.add("web")
    other = open_session()
    watcher = other.page()
    other.sign_in(watcher)
    row = watcher.get_by_role("row").filter(has=watcher.get_by_role("link", name="web", exact=True))
    expect(row.locator(".sw-state").first).to_have_text("Stopped")
    page.goto("/containers/web/")
    ask(page, "Start")
    expect(row.locator(".sw-state").first).to_have_text("Running")
    lxc.run("lxc-stop", "-k", "-P", str(stack.layout.containers), "-n", "web")
    expect(row.locator(".sw-state").first).to_have_text("Stopped")


def test_a_container_is_defined_edited_and_shows_what_waits_for_a_restart(page: Page, stack: Stack) -> None:
    page.goto("/new/")
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("Command").first.fill("/bin/sleep 1000")
    page.get_by_label("Add a layer").first.select_option(label="base") if page.get_by_label("Add a layer").count() else None
    if not page.get_by_text("base").first.is_visible():
        page.locator("select").filter(has_text="base").first.select_option(label="base")
    page.get_by_role("button", name=re.compile("^Create|^Save$")).first.click()
    page.get_by_role("heading", name="shop", level=1).wait_for()
    assert stack.get("/containers/shop/")["definition"]["layers"] == ["base"]


def test_bulk_start_and_stop_count_what_they_reach(page: Page, stack: Stack) -> None:
    stack.add("db")
    stack.add("app", depends=["db"])
    page.goto("/containers/")
    for name in ("db", "app"):
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()
    expect(page.get_by_text("2 of 2 selected")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Start")).or_(page.get_by_role("link", name=re.compile("^Start"))).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Start 2 containers").click()
    expect(page.get_by_role("row").get_by_text("Running")).to_have_count(2)
    assert {lxc.state(stack.layout, name) for name in ("db", "app")} == {"RUNNING"}
    for verb, word, state in (("Freeze", "Frozen", "FROZEN"), ("Unfreeze", "Running", "RUNNING")):
        for name in ("db", "app"):
            page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()
        page.locator("#bulk summary").click()
        page.get_by_role("button", name=re.compile(f"^{verb}")).click()
        page.get_by_role("dialog").get_by_role("button", name=f"{verb} 2 containers").click()
        expect(page.locator("#rows .sw-state").filter(has_text=word)).to_have_count(2)
        assert {lxc.state(stack.layout, name) for name in ("db", "app")} == {state}


def test_a_failed_start_says_why_in_the_checks_own_words(page: Page, stack: Stack) -> None:
    stack.add("web", ready="echo no route to the moon; exit 7", timeouts={"ready": 8})
    page.goto("/containers/web/")
    ask(page, "Start")
    expect_state(page, "Not ready")
    expect(page.get_by_text("no route to the moon").first).to_be_visible()
    page.goto("/jobs/")
    page.get_by_role("row").filter(has_text="Failed").get_by_role("link", name=re.compile(r"\d+")).first.click()
    expect(page.get_by_text("no route to the moon").first).to_be_visible()
    page.goto("/containers/")
    expect(page.get_by_role("row").filter(has_text="web").locator(".sw-state").first).to_have_text("Not ready")


def test_it_works_without_script(open_session: Any, stack: Stack) -> None:
    stack.add("db")
    stack.add("web", depends=["db"])
    session = open_session(java_script_enabled=False)
    page: Page = session.page()
    session.sign_in_by_form(page)
    page.goto("/containers/web/")
    page.get_by_role("link", name="Start").first.click()
    expect(page.locator("ol > li b")).to_have_text(["db", "web"])
    page.get_by_role("button", name="Start 2 containers").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/"))
    number = int(page.url.rstrip("/").rpartition("/")[2])
    assert stack.ended(number)["state"] == "succeeded"
    page.reload()
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    page.goto("/containers/web/definition/")
    page.get_by_label("Description").fill("edited without script")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("web is saved")).to_be_visible()
    assert stack.get("/containers/web/")["description"] == "edited without script"
    page.goto("/containers/db/stop/")
    page.get_by_role("button", name="Stop 2 containers").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/"))
    number = int(page.url.rstrip("/").rpartition("/")[2])
    assert stack.ended(number)["state"] == "succeeded"


PAGES = [
    "/",
    "/containers/",
    "/new/",
    "/containers/web/",
    "/containers/web/definition/",
    "/containers/web/config/",
    "/containers/web/log/",
    "/containers/web/dependencies/",
    "/containers/web/drift/",
    "/containers/web/jobs/",
    "/containers/web/history/",
    "/containers/web/start/",
    "/containers/web/execute/",
    "/containers/web/delete/",
    "/containers/web/clone/",
    "/jobs/",
    "/jobs/1/",
    "/layers/",
    "/add-layer/",
    "/add-layer/?from=debian",
    "/import/",
    "/dependencies/",
    "/dependencies/?operation=start&container=web",
    "/volumes/",
    "/volumes/data/",
    "/containers/?group=tier",
    "/networks/",
    "/operations/",
    "/jobs/?operation=create&container=web",
    "/containers/web/history/?from=1&to=1",
    "/search/?q=w",
    "/notifications/",
    "/styleguide/",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1440, "height": 1000}, PHONE], ids=["desktop", "phone"])
def test_pages_hold_no_accessibility_violation_and_do_not_scroll_sideways(
    open_session: Any, stack: Stack, scheme: str, size: dict[str, int]
) -> None:
    stack.add("db", description="A store")
    stack.add("web", depends=["db"], mounts={"data": "srv"}, env={"A": "1"}, ready="true")
    session = open_session(color_scheme=scheme, viewport=size)
    page: Page = session.page()
    session.sign_in(page)
    found: dict[str, list[Any]] = {}
    for path in PAGES:
        page.goto(path)
        found[path] = violations(page, rules=COLOURS if scheme == "dark" else None)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found[path].append("scrolls sideways")
    assert found == {path: [] for path in PAGES}


def test_the_keyboard_alone_starts_a_container(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/web/")
    link = page.get_by_role("link", name="Start").first
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("element => element.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    button = dialog.get_by_role("button", name="Start", exact=False).last
    button.focus()
    page.keyboard.press("Enter")
    expect_state(page, "Running")
    assert lxc.state(stack.layout, "web") == "RUNNING"

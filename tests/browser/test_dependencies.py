"""The drawing of dependencies: keys, zoom, live states."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Session
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def shop(stack: Stack) -> None:
    stack.add("db")
    stack.add("mail")
    stack.add("app", depends=["db", "mail"])
    stack.add("web", depends=["app"])


def node(page: Page, name: str) -> Any:
    return page.locator(f"#node-{name}")


def test_arrow_keys_walk_along_the_links_and_enter_opens(page: Page, stack: Stack) -> None:
    shop(stack)
    page.goto("/dependencies/")
    node(page, "db").focus()
    for key, name in (
        ("ArrowDown", "mail"),
        ("ArrowUp", "db"),
        ("ArrowRight", "app"),
        ("ArrowRight", "web"),
        ("ArrowRight", "web"),
        ("ArrowLeft", "app"),
    ):
        page.keyboard.press(key)
        expect(node(page, name)).to_be_focused()
    expect(page.locator(".edge-near")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/containers/app/$"))


def test_the_drawing_is_zoomed_by_buttons_and_keys(page: Page, stack: Stack) -> None:
    shop(stack)
    page.goto("/dependencies/")

    def width() -> float:
        return float(page.locator("#graph").evaluate("svg => svg.getBoundingClientRect().width"))

    before = width()
    page.get_by_role("button", name="Larger").click()
    assert width() == pytest.approx(before * 1.25, rel=0.01)
    node(page, "app").focus()
    page.keyboard.press("-")
    assert width() == pytest.approx(before, rel=0.01)
    page.get_by_role("button", name="Fit").click()
    assert width() <= page.locator("#graph-box").evaluate("box => box.clientWidth")


def test_states_and_the_simulation_follow_what_happens(page: Page, stack: Stack) -> None:
    shop(stack)
    stack.do("POST", "/containers/web/start/")
    page.goto("/dependencies/")
    page.get_by_label("Operation").select_option("Stop")
    page.get_by_label("Container", exact=True).select_option("db")
    page.get_by_role("button", name="Show order").click()
    expect(page.locator("#simulation li")).to_have_count(3)
    expect(node(page, "db")).to_have_accessible_name("db, Running, step 3")
    node(page, "db").focus()
    stack.do("POST", "/containers/web/stop/")
    expect(page.locator("#simulation li")).to_have_count(2)
    expect(node(page, "db")).to_have_accessible_name("db, Running, step 2")
    expect(node(page, "db")).to_be_focused()
    expect(page.locator("#row-web")).to_contain_text("Stopped")


def test_a_new_link_is_drawn_without_a_reload(page: Page, stack: Stack) -> None:
    shop(stack)
    page.goto("/dependencies/")
    expect(page.locator("#connection")).to_contain_text("Live")
    stack.add("cron", depends=["db"])
    expect(node(page, "cron")).to_be_visible()


def test_it_works_without_script(open_session: Any, session: Session, page: Page, stack: Stack) -> None:
    shop(stack)
    plain: Session = open_session(java_script_enabled=False, storage_state=session.context.storage_state())
    bare = plain.page()
    bare.goto("/dependencies/")
    bare.get_by_label("Operation").select_option("Start")
    bare.get_by_label("Container", exact=True).select_option("web")
    bare.get_by_role("button", name="Show order").click()
    expect(bare.locator("#simulation li")).to_have_count(4)
    expect(bare.get_by_role("button", name="Fit")).to_be_hidden()
    node(bare, "app").click()
    expect(bare).to_have_url(re.compile("/containers/app/$"))

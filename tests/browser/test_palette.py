"""Search from every page with the keyboard, as a screen reader is told of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.support import violations
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def palette(page: Page) -> Any:
    return page.get_by_role("combobox", name="Search or run")


def chosen(page: Page) -> Any:
    """The option that the field names as the active one."""
    return page.locator(f"#{palette(page).get_attribute('aria-activedescendant')}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_plan_is_reached_with_the_keyboard_alone(open_session: Any, stack: Stack, scheme: str) -> None:
    stack.add("mail")
    stack.add("mail-db")
    session = open_session(color_scheme=scheme)
    page: Page = session.page()
    session.sign_in(page)
    page.keyboard.press("Control+k")
    expect(palette(page)).to_be_focused()
    expect(palette(page)).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("start mail", delay=10)
    expect(page.get_by_role("option", name="Start mail-db…")).to_be_visible()
    expect(page.locator("#palette-status")).to_have_text("2 results")
    expect(chosen(page)).to_have_text("Start mail…")
    page.keyboard.press("ArrowDown")
    expect(chosen(page)).to_have_text("Start mail-db…")
    expect(chosen(page)).to_have_attribute("aria-selected", "true")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", name="Start mail-db")).to_be_focused()
    page.keyboard.press("Escape")
    expect(palette(page)).to_be_focused()
    expect(palette(page)).to_have_value("")


def test_escape_closes_the_list_and_an_unchosen_enter_leads_to_the_page(page: Page, stack: Stack) -> None:
    stack.add("mail")
    palette(page).click()
    page.keyboard.type("mail", delay=10)
    expect(page.get_by_role("option", name="mail", exact=False).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette(page)).to_have_attribute("aria-expanded", "false")
    expect(palette(page)).to_have_value("mail")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search/\?q=mail"))
    expect(page.get_by_role("link", name="mail", exact=True)).to_be_visible()
    assert violations(page) == []


def test_on_a_phone_search_is_a_page(open_session: Any, stack: Stack) -> None:
    stack.add("mail")
    session = open_session(viewport=PHONE)
    page: Page = session.page()
    session.sign_in(page)
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill("mai")
    expect(page.get_by_role("link", name="mail", exact=True)).to_be_visible()
    assert violations(page) == []

"""Apps as a new administrator meets them: a form that follows its answers, and pages on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Session
from tests.browser.support import violations
from tests.support.apps import ALL_QUESTIONS, write
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    """A stack with a catalogue beside the one that comes with spocweb, as an administrator has one."""
    stack = Stack()
    try:
        catalog = stack.base / "catalog"
        catalog.mkdir(mode=0o755)
        stack.variables["SPOCWEB_CATALOG_DIRS"] = str(catalog)
        # Who installs for the first time on a machine is not asked again who they are in the middle.
        stack.variables["SPOCWEB_CONFIRM_SECONDS"] = "86400"
        write(catalog, ALL_QUESTIONS, name="every")
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


def test_the_form_follows_its_answers_hides_what_is_not_asked_and_loses_nothing(page: Page, session: Session) -> None:
    page.goto("/apps/every/install/")
    user = page.get_by_label("User", exact=True)
    expect(user).to_be_hidden()
    page.get_by_label("Protect with a password").check()
    expect(user).to_be_visible()
    page.get_by_role("button", name="New random Password").click()
    password = page.get_by_label("Password", exact=True)
    expect(password).to_have_value(re.compile("^[A-Za-z0-9]{24}$"))
    page.get_by_label("Title", exact=True).fill("small")
    checks = page.locator("#install-checks")
    expect(checks).to_contain_text("Title: must begin with a capital letter")
    page.get_by_label("Title", exact=True).fill("Large")
    expect(checks).not_to_contain_text("Title:")
    expect(page.locator("#install-lines .sw-line-new")).to_contain_text(['"TITLE": "Large"'])
    assert violations(page) == []
    page.get_by_label("Title", exact=True).press("Enter")
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#problems")).to_contain_text("E-mail: is required")
    expect(password).to_have_value("")
    expect(page.locator("main")).to_contain_text("Kept as you typed it")
    assert violations(page) == []
    # Chromium takes an answer that says what is wrong for a failure.
    assert len(session.errors) == 1
    assert "422" in session.errors.pop()
    page.get_by_label("E-mail").fill("a@example.org")
    page.get_by_role("button", name="Review plan…").click()
    expect(page.get_by_role("heading", name="Order")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Change answers").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Large")


def test_pages_of_apps_on_a_phone_in_the_dark(open_session: Any, stack: Stack) -> None:
    session = open_session(viewport=PHONE, color_scheme="dark", has_touch=True)
    page: Page = session.page()
    session.sign_in(page)
    for address in ("/apps/", "/apps/every/", "/apps/every/install/", "/installations/", "/restore/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), address
        assert violations(page) == [], address

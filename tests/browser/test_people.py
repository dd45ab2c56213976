"""Accounts and tokens, from making to taking away, with keyboard and axe."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.support import COLOURS, violations
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def test_somebody_new_gets_a_right_and_a_token_and_goes_again(page: Page, session: Any, stack: Stack) -> None:
    page.goto("/accounts/")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Role").select_option("Viewer")
    page.get_by_role("button", name="Create account").click()
    password = page.locator(".sw-note.sw-ok code").inner_text()
    page.get_by_role("link", name="anna", exact=True).click()
    page.get_by_label("Right", exact=True).select_option("operate")
    page.get_by_label("On containers").fill("shop-*")
    page.get_by_role("button", name="Give right").click()
    page.get_by_role("row", name="Start and stop shop-* granted in person").wait_for()

    theirs = type(session)(session.context.browser, stack)
    their_page = theirs.page()
    theirs.sign_in(their_page, "anna", password)
    their_page.goto("/tokens/")
    their_page.get_by_label("What it is for").fill("nightly")
    their_page.get_by_role("button", name="Create token").click()
    text = their_page.locator("#token").inner_text()
    assert stack.call("GET", "/containers/", token=text).status == 200
    asked: list[str] = []
    their_page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    their_page.get_by_role("button", name="Take back nightly").click()
    their_page.get_by_text("The token is taken back: nightly.").wait_for()
    assert stack.call("GET", "/containers/", token=text).status == 401
    assert "Take the token nightly back?" in asked[0]
    theirs.context.close()
    assert theirs.errors == []

    page.get_by_role("link", name="Remove…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(re.compile("Type")).fill("anna")
    dialog.get_by_role("button", name="Remove anna").click()
    page.get_by_text("The account anna is removed.").wait_for()


def test_pages_of_people_hold_no_violation(page: Page, stack: Stack) -> None:
    stack.manage("accounts", "create", "limited", "--role", "Viewer")
    stack.manage("rights", "limited", "--give", "operate:shop-*")
    for terms in (("--scope", "read-only"), ("--expires", "3", "--address", "10.0.0.0/8", "--scope", "operate")):
        stack.manage("createtoken", "limited", "--name", "nightly", *terms)
    page.goto("/accounts/")
    detail = page.get_by_role("link", name="limited", exact=True).get_attribute("href")
    found = {}
    paths = ("/accounts/", str(detail), f"{detail}remove/", "/tokens/", "/tokens/everybody/", "/rights/", "/audit/")
    for scheme, path in product(("light", "dark"), paths):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.goto(path)
        page.get_by_role("heading", level=1).first.wait_for()
        if broken := violations(page, rules=COLOURS if scheme == "dark" else None):
            found[scheme, path] = broken
    assert found == {}
    page.set_viewport_size({"width": 390, "height": 844})
    for path in paths:
        page.goto(path)
        # Nothing makes the page itself wider than a phone.
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path

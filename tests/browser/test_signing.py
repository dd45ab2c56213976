"""Second factors from the first to the last: an authenticator app, recovery codes, a passkey; and asked again who it is."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Session
from tests.browser.support import violations
from tests.support.signing import code
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


@pytest.fixture
def session(browser: Browser, stack: Stack) -> Iterator[Session]:
    """The panel by a name: no browser keeps a passkey for an address."""
    named: Any = SimpleNamespace(url=stack.url.replace("127.0.0.1", "localhost"), password=stack.password)
    session = Session(browser, named)
    yield session
    session.context.close()
    assert session.errors == []


def with_device(page: Page) -> None:
    """Give the browser a device that keeps passkeys, and a finger for it."""
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    client.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_out(page: Page) -> None:
    page.goto("/security/")
    page.locator("summary", has_text="admin").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def is_accessible(page: Page) -> None:
    for scheme in ("dark", "light"):
        # Without the fading from one to the other, in the middle of which nothing can be read.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == []


def test_factors_are_added_used_and_removed(page: Page, session: Session) -> None:
    with_device(page)
    page.locator("summary", has_text="admin").click()
    page.get_by_role("link", name="Security").click()
    is_accessible(page)
    page.get_by_role("link", name="Add an authenticator app").click()
    is_accessible(page)
    secret = page.get_by_label("Key", exact=True).input_value()
    page.get_by_label("The code that the app shows then").fill(code(secret))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("list", name="Recovery codes").get_by_role("listitem")).to_have_count(10)
    is_accessible(page)
    page.get_by_role("link", name="I have kept them").click()

    page.get_by_role("link", name="Add a passkey").click()
    is_accessible(page)
    page.get_by_label("What it is called").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Passkey, lets in alone")).to_be_visible()
    is_accessible(page)

    sign_out(page)
    is_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("heading", name="Dashboard", level=1).wait_for()
    sign_out(page)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(session.stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Second factor").wait_for()
    is_accessible(page)
    page.get_by_label("Code").fill(code(secret))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Dashboard", level=1).wait_for()

    page.goto("/confirm/passkey/?next=/security/")
    is_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("heading", name="Security", level=1).wait_for()
    page.goto("/confirm/?next=/security/")
    is_accessible(page)
    page.get_by_label("Password").fill(session.stack.password)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="Remove the app").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("link", name="Remove Laptop").click()
    is_accessible(page)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey was removed.")).to_be_visible()
    expect(page.get_by_text("They come with the first second factor")).to_be_visible()

"""The bell and what pops up when a job of one's own ends."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.support import violations
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def start(page: Page, name: str) -> None:
    page.goto(f"/containers/{name}/")
    page.get_by_role("link", name="Start…").first.click()
    page.get_by_role("dialog").get_by_role("button", name=f"Start {name}").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_failed_pops_up_and_stays_until_it_is_read(open_session: Any, stack: Stack, scheme: str) -> None:
    stack.add("wiki", ready="echo refused; exit 7", timeouts={"ready": 1})
    session = open_session(color_scheme=scheme)
    page: Page = session.page()
    session.sign_in(page)
    page.goto("/notifications/")
    read = page.get_by_role("button", name="Mark all read")
    if read.is_visible():
        read.click()
    start(page, "wiki")
    toast = page.locator(".sw-toast")
    expect(toast).to_contain_text("Start wiki failed")
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications, 1 unread")
    assert violations(page) == []
    page.goto("/notifications/")
    expect(page.locator(".sw-unread")).to_contain_text("Start wiki")
    assert violations(page) == []
    page.locator(".sw-unread").get_by_role("button", name="Mark read").click()
    expect(page.locator(".sw-unread")).to_have_count(0)
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications")


def test_closing_a_note_reads_it_and_its_own_page_needs_none(page: Page, stack: Stack) -> None:
    stack.add("web")
    start(page, "web")
    toast = page.locator(".sw-toast")
    expect(toast).to_contain_text("Start web succeeded")
    toast.get_by_role("button", name="Close, mark read").click()
    expect(toast).to_have_count(0)
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications")
    page.goto("/containers/web/execute/")
    page.get_by_label("Command").fill("sleep 1")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#job-head .sw-state")).to_have_text("Succeeded")
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications")
    expect(toast).to_have_count(0)


def test_times_are_those_of_the_browser(open_session: Any, stack: Stack) -> None:
    session = open_session(timezone_id="Europe/Prague")
    page: Page = session.page()
    session.sign_in_by_form(page)
    page.locator("summary", has_text="Account").click()
    expect(page.get_by_text("Times in Europe/Prague")).to_be_visible()


# Answers about the strip that count what is unread wait, as from a busy server, until they are let through.
HELD = """
    const real = window.fetch;
    window.held = [];
    window.fetch = async (...words) => {
        const answer = await real(...words);
        const isStrip = window.isHeld && String(words[0].url ?? words[0]).includes("/strip/");
        if (isStrip && (await answer.clone().text()).includes("1 unread")) await new Promise((go) => window.held.push(go));
        return answer;
    };
"""


def test_what_the_strip_said_before_does_not_count_what_was_read_since(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.add_init_script(HELD)
    page.goto("/notifications/")
    expect(page.locator("#connection [data-when=live]")).to_be_visible()
    page.evaluate("window.isHeld = true")
    stack.ended(stack.call("POST", "/containers/web/execute/", {"command": ["false"]}).json["job"])
    toast = page.locator(".sw-toast")
    expect(toast).to_contain_text("failed")
    wait_until(lambda: page.evaluate("held.length") == 1, "the strip is answered after the job's end")
    toast.get_by_role("button", name="Close, mark read").click()
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications")
    page.evaluate("window.isHeld = false; held[0]()")
    page.wait_for_timeout(3_000)
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notifications", timeout=1_000)

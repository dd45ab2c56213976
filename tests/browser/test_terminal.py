"""A container's terminal in the browser: typed into, sized, copied from, left with the keyboard, joined again, ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Session
from tests.browser.support import violations
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    """One in which a terminal ends soon when nobody types."""
    stack = Stack(SPOCWEB_TERMINAL_IDLE_SECONDS="45", SPOCWEB_TERMINAL_GRACE_SECONDS="180")
    try:
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def web(stack: Stack) -> None:
    stack.add("web")
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"


class Window:
    """The terminal's window on its page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.status: Locator = page.locator("#terminal [data-status]")
        self.rows: Locator = page.locator("#terminal .xterm-rows")

    def open(self) -> Window:
        self.page.goto("/containers/web/terminal/")
        self.page.get_by_role("button", name="Open terminal").click()
        expect(self.status).to_have_text("Open")
        return self

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def expect(self, text: str) -> None:
        expect(self.rows).to_contain_text(text)


def test_what_is_typed_is_shown_and_colours_keep_the_content_policy(page: Page, web: None) -> None:
    window = Window(page).open()
    # The window has the focus at once.
    window.type("echo $((6*7)) fits\n")
    window.expect("42 fits")
    window.type("clear; printf '\\033[31m%s\\033[0m \\033[38;2;10;200;30m%s\\033[0m \\033[1;4m%s\\033[0m\\n' red true bold\n")
    window.expect("red true bold")
    colour = "element => getComputedStyle(element).color"
    # As the page has it, in whichever theme; and one of the program's own, dark enough to be read.
    assert window.rows.get_by_text("red", exact=True).last.evaluate(colour) == "rgb(179, 35, 43)"
    red, green, blue = map(int, window.rows.get_by_text("true", exact=True).last.evaluate(colour)[4:-1].split(","))
    assert green > red
    assert green > blue
    assert page.evaluate("document.querySelectorAll('style').length") == 0
    assert violations(page) == []


def test_the_program_knows_the_windows_size(page: Page, web: None) -> None:
    window = Window(page).open()

    def size() -> list[int]:
        window.type("clear; stty size\n")
        rows = wait_until(lambda: [word for word in window.rows.inner_text().split("\n") if word.strip()][0:1], "a size")
        return [int(word) for word in rows[0].split()] if rows[0].replace(" ", "").strip().isdigit() else []

    wide = wait_until(size, "the size is printed")
    page.set_viewport_size({"width": 800, "height": 700})
    narrow = wait_until(lambda: (found := size()) and found != wide and found, "it is another one")
    assert narrow[1] < wide[1]


def test_keys_leave_it_and_copy(page: Page, web: None) -> None:
    window = Window(page).open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.xterm-helper-textarea')")
    page.keyboard.press("Control+F6")
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    expect(window.status).to_have_text("You have left the terminal.")
    page.locator(".xterm-helper-textarea").focus()
    window.type("echo copied-$((40+2))\n")
    window.expect("copied-42")
    box = window.rows.get_by_text("copied-42").last.bounding_box()
    assert box is not None
    page.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    page.keyboard.press("Control+Shift+C")
    expect(window.status).to_have_text("Copied.")
    window.type("echo pasted-")
    page.keyboard.press("Control+Shift+V")
    window.type("\n")
    window.expect("pasted-copied-42")


def test_it_is_there_again_after_a_refresh(page: Page, web: None) -> None:
    window = Window(page).open()
    window.type("word=kept; echo before-$((1+1))\n")
    window.expect("before-2")
    page.reload()
    expect(window.status).to_have_text("Open")
    window.expect("before-2")
    window.type("echo $word-$((2+2))\n")
    window.expect("kept-4")


def test_several_are_open_and_listed_and_one_is_ended_from_the_list(
    page: Page, session: Session, open_session: Any, web: None
) -> None:
    first = Window(page).open()
    second = Window(session.page()).open()
    rows = page.get_by_role("table", name="Open terminals").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("127.0.0.1 · web")
    expect(rows.nth(1)).to_contain_text("Login shell")
    # The newest stands first.
    rows.nth(1).get_by_role("button", name="End").click()
    expect(second.status).to_have_text("Closed: closed by its user")
    expect(first.status).to_have_text("Open")
    first.type("exit 7\n")
    expect(first.status).to_have_text("Closed: its program ended with exit code 7")
    past = page.get_by_role("table", name="Past terminals")
    expect(past.get_by_role("row").nth(1)).to_contain_text("closed by its user")
    expect(past.get_by_role("row").nth(2)).to_contain_text("its program ended with exit code 7")
    assert violations(page) == []


def test_it_says_why_it_closed_when_the_container_stops(page: Page, stack: Stack, web: None) -> None:
    window = Window(page).open()
    window.type("echo last-$((40+2))\n")
    window.expect("last-42")
    assert stack.do("POST", "/containers/web/stop/")["state"] == "succeeded"
    expect(window.status).to_have_text("Closed: the container stopped")
    # What was printed can still be read.
    window.expect("last-42")
    expect(page.get_by_role("link", name="Start to look around…")).to_be_focused()


def test_it_closes_when_nobody_types(page: Page, web: None) -> None:
    window = Window(page).open()
    expect(window.status).to_have_text("Closed: nobody typed for 45 s", timeout=120_000)


def test_a_web_process_that_ends_is_no_end_of_a_terminal(page: Page, session: Session, stack: Stack, web: None) -> None:
    window = Window(page).open()
    window.type("word=kept; echo before-$((1+1))\n")
    window.expect("before-2")
    (supervisor,) = stack.pids("spocweb.supervise")
    # It starts nothing anew before the loss has been seen.
    os.kill(supervisor, signal.SIGSTOP)
    try:
        for pid in stack.pids("gunicorn"):
            os.kill(pid, signal.SIGKILL)
        expect(window.status).to_have_text("Connection lost, joining again…")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    expect(window.status).to_have_text("Open")
    window.type("echo $word-$((2+2))\n")
    window.expect("kept-4")
    session.forgive_network_errors()


def test_without_script_another_way_is_shown(open_session: Any, web: None) -> None:
    session = open_session(java_script_enabled=False)
    page = session.page()
    session.sign_in(page)
    page.goto("/containers/web/terminal/")
    expect(page.get_by_text("A terminal needs JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Open terminal")).to_be_hidden()
    page.get_by_role("link", name="Run a command", exact=True).click()
    expect(page.get_by_role("heading", name="Run a command in web")).to_be_visible()


def test_who_may_only_look_has_no_terminal(open_session: Any, stack: Stack, web: None) -> None:
    made = "user = User.objects.create_user('viewer', password='a-viewers-word')"
    given = "user.user_permissions.set(Permission.objects.filter(codename='view_container'))"
    stack.manage("shell", "-c", f"from django.contrib.auth.models import Permission, User; {made}; {given}")
    session = open_session()
    page = session.page()
    session.sign_in(page, "viewer", "a-viewers-word")
    page.goto("/containers/web/")
    expect(page.get_by_role("link", name="Log", exact=True)).to_be_visible()
    assert page.get_by_role("link", name="Terminal").count() == 0
    answer = page.goto("/containers/web/terminal/")
    assert answer is not None
    assert answer.status == 403
    session.errors.clear()

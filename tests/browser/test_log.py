"""A console that is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Session
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def write(stack: Stack, text: str, mode: str = "a") -> None:
    with Path(stack.layout.log("web")).open(mode) as stream:
        stream.write(text)


def test_what_is_written_appears_and_a_log_that_was_emptied_goes_on(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/web/log/")
    log = page.locator("#log")
    expect(log).to_contain_text("Nothing has been written")
    write(stack, "one\n<two>\nhalf")
    expect(log.locator("span.l")).to_have_text(["one\n", "<two>\n", "half"])
    expect(page.locator("#log-empty")).to_have_count(0)
    write(stack, " done\n")
    expect(log.locator("span.l")).to_have_text(["one\n", "<two>\n", "half done\n", ""])
    write(stack, "fresh\n", "w")
    expect(log).to_contain_text("Lines are missing here")
    expect(log).to_contain_text("fresh")


def test_who_reads_further_up_is_left_there(page: Page, stack: Stack) -> None:
    stack.add("web")
    write(stack, "".join(f"line {number}\n" for number in range(190)))
    page.goto("/containers/web/log/")
    log = page.locator("#log")
    assert log.evaluate("log => log.scrollTop + log.clientHeight >= log.scrollHeight - 1")
    write(stack, "next\n")
    expect(log).to_contain_text("next")
    assert log.evaluate("log => log.scrollTop + log.clientHeight >= log.scrollHeight - 1")
    log.evaluate("log => (log.scrollTop = 0)")
    write(stack, "last\n")
    expect(log).to_contain_text("last")
    assert log.evaluate("log => log.scrollTop") == 0


def test_a_search_is_followed_too(page: Page, stack: Stack) -> None:
    stack.add("web")
    write(stack, "an error\nfine\n")
    page.goto("/containers/web/log/")
    page.get_by_role("searchbox", name="Search the log").fill("ERROR")
    page.keyboard.press("Enter")
    expect(page.locator("#log mark")).to_have_text(["error"])
    write(stack, "fine\nError again\n")
    expect(page.locator("#log mark")).to_have_text(["error", "Error"])


def test_it_is_read_and_searched_without_script(open_session: Any, session: Session, page: Page, stack: Stack) -> None:
    stack.add("web")
    write(stack, "an error\nfine\n")
    bare = open_session(java_script_enabled=False, storage_state=session.context.storage_state()).page()
    bare.goto("/containers/web/log/")
    expect(bare.locator("#log")).to_contain_text("fine")
    bare.get_by_role("searchbox", name="Search the log").fill("error")
    bare.keyboard.press("Enter")
    expect(bare.locator("#log")).not_to_contain_text("fine")
    expect(bare.get_by_role("link", name="Refresh")).to_be_visible()

"""What differs is seen, repaired, and gone from the page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Session
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

# As the monitor's look does; that comes once a minute.
LOOK = """
from containers.host import facts
from containers.jobs.drifting import Drifting
from containers.services import hosts, logs
from tests.support import lxc
Drifting(hosts.current(), logs.layout()).look(facts.looks(logs.layout(), lxc.runner(), ["web"]))
"""


def change_by_hand(stack: Stack) -> None:
    stack.add("web", env={"A": "1"})
    with stack.layout.config("web").open("a") as stream:
        stream.write("lxc.environment = HAND=made\n")
    stack.manage("shell", "-c", LOOK)


def test_a_repair_takes_the_mark_away(page: Page, stack: Stack) -> None:
    change_by_hand(stack)
    page.goto("/containers/")
    page.locator("#row-web").get_by_role("link", name="Drift").click()
    expect(page.locator("#drift")).to_contain_text("HAND=made")
    page.get_by_role("link", name="Repair…").click()
    page.get_by_role("dialog").get_by_role("button", name="Repair web").click()
    expect(page.locator("#drift")).to_contain_text("Nothing differs")
    expect(page.locator("#head .sw-mark")).to_have_count(0)
    assert "HAND" not in stack.layout.config("web").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_something_differs(
    open_session: Any, session: Session, page: Page, stack: Stack, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    change_by_hand(stack)
    phone = open_session(color_scheme=scheme, viewport=PHONE, storage_state=session.context.storage_state()).page()
    for path in ("/containers/web/drift/", "/containers/?drift=1", "/volumes/", "/networks/"):
        phone.goto(path)
        results = Axe().run(phone)
        assert [violation["id"] for violation in results.response["violations"]] == [], path
        assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

"""What a browser that was never here before has to fetch for a page. Bytes, no times."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.support import weigh
from tests.browser.test_journey import PAGES
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

MOST = 150_000


def test_no_page_is_heavy_at_the_first_visit(page: Page, open_session: Any, stack: Stack) -> None:
    stack.add("db", description="A store")
    stack.add("web", depends=["db"], mounts={"data": "srv"}, env={"A": "1"}, ready="true")
    cookies = page.context.cookies()
    found = {}
    for path in PAGES:
        session = open_session()
        session.context.add_cookies(cookies)
        found[path] = weigh(session.page(), path)
        # A page that stays open goes on listening to events.
        session.context.close()
    assert {path: size for path, size in found.items() if size > MOST} == {}, found

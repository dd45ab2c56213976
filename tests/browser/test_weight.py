"""What a browser that was never here before has to fetch for a page. Bytes, no times."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Request

from tests.browser.test_journey import PAGES
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

MOST = 150_000
# Without an end: what has been sent of it so far would be waited for.
ENDLESS = "/api/v1/events/"


def weigh(page: Page, path: str) -> int:
    """Return the bytes of all answers, headers included, as they went over the wire."""
    asked: list[Request] = []
    page.on("requestfinished", lambda request: asked.append(request))
    page.goto(path)
    page.wait_for_load_state("load")
    sizes = [request.sizes() for request in asked if not request.url.endswith(ENDLESS)]
    assert len(sizes) > 3, asked
    return sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)


def test_no_page_is_heavy_at_the_first_visit(page: Page, open_session: Any, stack: Stack) -> None:
    stack.add("db", description="A store")
    stack.add("web", depends=["db"], mounts={"data": "srv"}, env={"A": "1"}, ready="true")
    cookies = page.context.cookies()
    found = {}
    for path in PAGES:
        session = open_session()
        session.context.add_cookies(cookies)
        found[path] = weigh(session.page(), path)
    assert {path: size for path, size in found.items() if size > MOST} == {}, found

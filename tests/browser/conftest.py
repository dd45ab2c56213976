"""Debian's Chromium against the whole stack. A page error, or a console error, fails the test."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect

from tests.browser.support import chromium
from tests.support import lxc
from tests.support.netns import NetworkNamespace
from tests.support.stack import Stack

RESULTS = Path(os.environ.get("BROWSER_RESULTS", "/var/tmp/spocweb-test-results"))
# What is expected is waited for as long as a page is: five seconds are few where everything runs at once.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
DESKTOP, PHONE = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def network() -> Iterator[NetworkNamespace]:
    """Where the browser is: nothing can be reached from there but what is relayed."""
    with NetworkNamespace() as network:
        yield network


# Not for the session: as long as Playwright's own event loop runs in this process, no other test can run one.
@pytest.fixture(scope="module")
def browser(running_stack: Stack, network: NetworkNamespace) -> Iterator[Browser]:
    with chromium(running_stack.port, network) as browser:
        yield browser


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    stack = Stack()
    try:
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The module's stack without containers."""
    yield running_stack
    names = [container["name"] for container in running_stack.get("/containers/")["results"]]
    if names:
        job = running_stack.do("POST", "/bulk/", {"operation": "destroy", "containers": names})
        assert job["state"] == "succeeded", job
    assert lxc.leftovers(running_stack.layout) == []


class Session:
    """A signed-in browser; `page()` opens a page whose errors fail the test."""

    def __init__(self, browser: Browser, stack: Stack, **options: Any) -> None:
        self.stack = stack
        self.errors: list[str] = []
        # What turns on a page is drawn by the processor here, sixty times a second, while jobs want it.
        defaults: dict[str, Any] = {"viewport": DESKTOP, "reduced_motion": "reduce"}
        self.context: BrowserContext = browser.new_context(base_url=stack.url, **{**defaults, **options})
        self.context.set_default_timeout(PATIENCE_MS)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        page.on("console", self._note)
        page.on("requestfailed", lambda request: self._note_foreign(request.url))
        page.on("request", lambda request: self._note_foreign(request.url))
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def forgive_network_errors(self) -> None:
        """Forget what the browser and htmx say on the console about a connection that was cut on purpose."""
        self.errors[:] = [error for error in self.errors if "net::ERR" not in error and not error.startswith("htmx:")]

    def _note_foreign(self, url: str) -> None:
        if not url.startswith((self.stack.url, "data:")):
            self.errors.append(f"asked another host: {url}")

    def sign_in(self, page: Page, user: str = "admin", password: str | None = None) -> None:
        """Send what the form sends, unseen, and open the list of containers."""
        door = self.context.request
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', door.get("/sign-in/").text())
        assert token
        form = {"csrfmiddlewaretoken": token[1], "username": user, "password": password or self.stack.password}
        assert door.post("/sign-in/", form=form, max_redirects=0).status == 302
        page.goto("/containers/")
        self._see_containers(page)

    def sign_in_by_form(self, page: Page) -> None:
        """Type and click, as an administrator does."""
        page.goto("/sign-in/?next=/containers/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(self.stack.password)
        page.get_by_role("button", name="Sign in").click()
        self._see_containers(page)

    def _see_containers(self, page: Page) -> None:
        page.get_by_role("heading", name="Containers", level=1).wait_for()
        # The page's scripts have run: keys and clicks are heard.
        page.wait_for_load_state()


@pytest.fixture
def open_session(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Any]:
    sessions: list[Session] = []

    def open_one(**options: Any) -> Session:
        sessions.append(Session(browser, stack, **options))
        return sessions[-1]

    failures = request.session.testsfailed
    yield open_one
    for number, session in enumerate(sessions):
        for page in session.context.pages if request.session.testsfailed > failures else []:
            RESULTS.mkdir(parents=True, exist_ok=True)
            # A page that hangs shows nothing; that the test failed is said already.
            with suppress(Error):
                page.screenshot(path=RESULTS / f"{request.node.name}-{number}.png", full_page=True)
        session.context.close()
    assert [error for session in sessions for error in session.errors] == []


@pytest.fixture
def session(open_session: Any) -> Session:
    """The browser that `page` is in."""
    session: Session = open_session()
    return session


@pytest.fixture
def page(session: Session) -> Page:
    """A page of a signed-in administrator."""
    page = session.page()
    session.sign_in(page)
    return page

"""What browser tests share beside fixtures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.support.netns import NetworkNamespace

# Pages are laid out, painted and scripted as in the whole browser, for half of the processor time.
PROGRAM: Final = "/usr/bin/chromium-headless-shell"
# Without the last ones Chromium looks for its maker's servers at every start.
ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Axe's rules on what differs between the light and the dark look of a page.
COLOURS: Final = ["color-contrast", "link-in-text-block"]
# Without an end: what has been sent of it so far would be waited for.
ENDLESS: Final = "/api/v1/events/"


@contextmanager
def chromium(port: int, there: NetworkNamespace | None = None) -> Iterator[Browser]:
    """Debian's Chromium in a network of its own, which reaches that port of this machine, and what else is relayed to it."""
    with (
        nullcontext(there) if there else NetworkNamespace() as network,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as directory,
    ):
        network.relay(port)
        program = network.wrapper(PROGRAM, Path(directory))
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def weigh(page: Page, path: str) -> int:
    """Return the bytes of all answers that a page needs, headers included, as they went over the wire."""
    asked: list[Request] = []
    page.on("requestfinished", lambda request: asked.append(request))
    page.goto(path)
    page.wait_for_load_state("load")
    sizes = [request.sizes() for request in asked if not request.url.endswith(ENDLESS)]
    assert len(sizes) > 3, asked
    return sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)


def violations(page: Page, *, rules: list[str] | None = None) -> list[tuple[str, list[Any]]]:
    """What axe-core finds wrong with the page as it is now: rules, each with the elements that break it; `None` asks for all."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found = Axe().run(page, options=options).response["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]

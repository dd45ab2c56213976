"""Figures of an open browser: how long after LXC's word it says the same, and what a first visit has to fetch."""

from __future__ import annotations

import time
from statistics import median
from typing import Final

from playwright.sync_api import Browser, Page

from bench.browsing import signed_in
from bench.changes import CYCLE
from bench.panel import Panel
from bench.report import Figure, Report
from bench.samples import shown_ms
from tests.browser.support import chromium, weigh

NAME: Final = "bench-watched"
LIMIT_MS, LIMIT_KB = 150, 150
WORDS: Final = {"RUNNING": "Running", "FROZEN": "Frozen", "STOPPED": "Stopped"}
# Terminal and charts apart: what draws them is larger than everything else together.
PAGES: Final = (
    "/",
    "/containers/",
    "/jobs/",
    "/jobs/1/",
    "/dependencies/",
    f"/containers/{NAME}/definition/",
    "/apps/",
    "/audit/",
)
# Notes when the state in the container's row changes its text, in seconds since the epoch; what a page says of itself.
_NOTE: Final = """(name) => {
  window.seen = [];
  const word = () => document.querySelector(`#row-${name} .sw-state`)?.textContent.trim();
  let last = word();
  const look = () => word() !== last && window.seen.push([(last = word()), (performance.timeOrigin + performance.now()) / 1000]);
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
_SEEN: Final = "([word, since]) => window.seen.find(([seen, at]) => seen === word && at >= since)?.[1]"


def measure(panel: Panel, *, cycles: int) -> Report:
    """Watch the list in Chromium while a container is handled by hand; then weigh pages."""
    panel.add(NAME)
    with chromium(panel.port) as browser:
        page = _open(browser, panel)
        _cycle(panel, page)
        times = [time_s for _ in range(cycles) for time_s in _cycle(panel, page)]
        weights = {path: weigh(signed_in(browser, panel).new_page(), path) / 1000 for path in PAGES}
    panel.destroy([NAME])
    heaviest = max(weights, key=lambda path: weights[path])
    change = Figure(
        "state change (`lxc-monitor`'s line) → changed text in an open browser",
        f"{shown_ms(times)}, {len(times)} changes",
        median(times) * 1000,
        LIMIT_MS,
        "ms",
    )
    weight = Figure(
        f"a first visit, the heaviest of {len(PAGES)} pages: transferred", heaviest, weights[heaviest], LIMIT_KB, "kB"
    )
    return Report([change, weight])


def _open(browser: Browser, panel: Panel) -> Page:
    page = signed_in(browser, panel).new_page()
    page.goto("/containers/")
    page.locator("#connection [data-when=live]").wait_for()
    page.evaluate(_NOTE, NAME)
    return page


def _cycle(panel: Panel, page: Page) -> list[float]:
    times = [_change(panel, page, *words, state=state) for words, state in CYCLE]
    panel.settle(NAME)
    return times


def _change(panel: Panel, page: Page, tool: str, *words: str, state: str) -> float:
    since, offset = time.monotonic(), time.time() - time.monotonic()
    process = panel.container(NAME).begin(tool, *words)
    shown = page.wait_for_function(_SEEN, arg=[WORDS[state], since + offset]).json_value()
    process.wait()
    line = panel.observer.wait(NAME, state, since)
    # All that follows the change has to end before the next one.
    time.sleep(0.2)
    return float(shown) - offset - line

"""Figures of browsers: the list of a thousand until it can be used, and two hundred that only listen."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

from bench.client import SESSION
from bench.lists import CONTAINERS, PAGE
from bench.panel import Panel
from bench.report import Figure, Report
from bench.samples import shown_ms
from tests.browser.support import chromium

STREAMS = 200
LIMIT_MS, LIMIT_SHARE, LIMIT_MB = 500, 2, 100
# Where a click comes from; how long a page is left alone until it has calmed down.
ELSEWHERE, REST_MS = "/jobs/", 500
READY = """() => Math.max(
    performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    performance.getEntriesByName("first-contentful-paint")[0].startTime,
)"""
TICKS_S = 100


def measure(panel: Panel, *, loads: int, seconds: int) -> Report:
    """Open the list in Chromium in the ways that people do, then listen from many connections while nothing happens."""
    report = Report()
    with chromium(panel.port) as browser:
        clicked = _clicked(browser, panel, loads)
        opened = _opened(browser, panel, loads)
        first = [_goto(signed_in(browser, panel)) for _ in range(loads)]
    name = f"list page with {CONTAINERS:,} containers, in Chromium, by a click in the panel: time to interactive"
    report.figures.append(Figure(name, f"{shown_ms(clicked)}, {loads} clicks", median(clicked) * 1000, LIMIT_MS, "ms"))
    report.note("the same in a new tab", f"{shown_ms(opened)}, {loads} tabs")
    report.note("the same at the first visit, with an empty cache", f"{shown_ms(first)}, {loads} visits")
    share, more = asyncio.run(_listen(panel, seconds))
    report.figures += [
        Figure(f"{STREAMS} event streams, nothing happens: share of one core", f"over {seconds} s", share, LIMIT_SHARE, "%"),
        Figure(f"{STREAMS} event streams: more memory of the web process", "", more, LIMIT_MB, "MB"),
    ]
    return report


def _clicked(browser: Browser, panel: Panel, loads: int) -> list[float]:
    """Come from another page of the panel, again and again in one tab: the first time does not count, it fills the cache."""
    page = signed_in(browser, panel).new_page()
    times = [_click(page) for _ in range(loads + 1)]
    page.close()
    return times[1:]


def _click(page: Page) -> float:
    page.goto(ELSEWHERE)
    page.wait_for_timeout(REST_MS)
    page.locator(f"nav a[href='{PAGE}']").first.click()
    page.wait_for_url(f"**{PAGE}")
    return _ready(page)


def _opened(browser: Browser, panel: Panel, loads: int) -> list[float]:
    context = signed_in(browser, panel)
    return [_goto(context) for _ in range(loads + 1)][1:]


def _goto(context: BrowserContext) -> float:
    page = context.new_page()
    page.goto(PAGE)
    ready = _ready(page)
    page.close()
    return ready


def _ready(page: Page) -> float:
    """Return how long after the navigation began the page was painted, all scripts had run and a click was answered, in s."""
    page.locator("#rows tr").last.wait_for()
    page.wait_for_timeout(REST_MS)
    return float(page.evaluate(READY)) / 1000


def signed_in(browser: Browser, panel: Panel) -> BrowserContext:
    """Return a browser that was never here before, with a session."""
    context = browser.new_context(base_url=panel.url, viewport={"width": 1440, "height": 1000})
    context.add_cookies([{"name": SESSION, "value": panel.session, "url": panel.url}])
    return context


async def _listen(panel: Panel, seconds: int) -> tuple[float, float]:
    """Return the share of a core in percent, and the megabytes, that so many listeners take."""
    pids = panel.pids("gunicorn")
    before = _memory_mb(pids)
    readers = [asyncio.create_task(_stream(panel)) for _ in range(STREAMS)]
    await asyncio.sleep(3)
    since, used = time.monotonic(), _processor_s(pids)
    await asyncio.sleep(seconds)
    share = 100 * (_processor_s(pids) - used) / (time.monotonic() - since)
    more = _memory_mb(pids) - before
    if ended := [reader for reader in readers if reader.done()]:
        raise RuntimeError(f"{len(ended)} of {STREAMS} streams ended: {ended[0].exception()!r}")
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    return share, more


async def _stream(panel: Panel) -> None:
    address = urlsplit(panel.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET /api/v1/events/ HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {SESSION}={panel.session}\r\n\r\n".encode())
    try:
        if b" 200 " not in (status := await reader.readline()):
            raise RuntimeError(f"the stream was answered with {status!r}")
        while await reader.read(65_536):
            pass
    finally:
        writer.close()


def _processor_s(pids: list[int]) -> float:
    """Return what these processes have used, in seconds: user and system time of proc(5)'s stat."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_S


def _memory_mb(pids: list[int]) -> float:
    """Return the proportional set sizes of these processes together."""
    found = [re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE) for pid in pids]
    return sum(int(match[1]) for match in found if match) * 1024 / 1e6

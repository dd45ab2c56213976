"""What is in use, in the browser: drawn, counted on by every sample, and chosen columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Session
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

AMOUNT = re.compile(r"\d [KM]iB")


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    """One that samples every second."""
    stack = Stack(SPOCWEB_SAMPLE_SECONDS="1")
    try:
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def running(page: Page, stack: Stack) -> Page:
    """The page of a container that is up."""
    stack.add("web", limits={"memory_bytes": 64 << 20})
    stack.do("POST", "/containers/web/start/")
    page.goto("/containers/web/")
    return page


def test_charts_are_drawn_and_go_on_with_every_sample(running: Page) -> None:
    charts = running.locator("[data-charts]")
    expect(charts.locator("canvas")).to_have_count(4)
    expect(charts.get_by_role("img", name=re.compile("^Memory: now .*limit 64 MiB"))).to_be_visible()
    shown = charts.locator("[data-plot=cpu] [data-plot-text]")
    expect(shown).to_have_text(re.compile(r"now \d.* %, highest"))
    # Drawn, not only made.
    pixels = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert charts.locator("[data-plot=memory_bytes] canvas").evaluate(pixels)
    with running.expect_response(re.compile(r"/metrics/\?since=")) as answer:
        pass
    (since,) = parse_qs(urlsplit(answer.value.url).query)["since"]
    # Not the whole hour again.
    assert datetime.now(UTC) - datetime.fromisoformat(since) < timedelta(minutes=30)


def test_charts_of_what_never_ran_say_so(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/web/")
    charts = page.locator("[data-charts]")
    expect(charts.get_by_text("No samples in this time")).to_have_count(1)
    expect(charts.get_by_text("No samples in this time")).to_be_visible()
    expect(charts.locator("canvas")).to_have_count(0)
    stack.do("POST", "/containers/web/start/")
    expect(charts.locator("canvas")).to_have_count(4)
    expect(charts.get_by_text("No samples in this time")).to_be_hidden()


def test_the_table_beside_the_charts_has_the_numbers_of_now(running: Page) -> None:
    expect(running.locator("#use [data-use=memory]")).to_have_text(AMOUNT)
    running.locator("#use summary").click()
    expect(running.locator("#use-table tbody tr").first).to_contain_text(AMOUNT)
    running.get_by_role("link", name="Last day").click()
    expect(running.locator("#use-table tbody tr")).to_have_count(24)


def test_charts_take_the_colours_of_the_theme(running: Page) -> None:
    canvas = running.locator("[data-plot=cpu] canvas")
    expect(canvas).to_be_visible()
    canvas.evaluate("canvas => (canvas.dataset.old = '1')")
    running.get_by_label("Theme").click()
    running.get_by_role("button", name="Dark", exact=True).click()
    expect(running.locator("[data-plot=cpu] canvas[data-old]")).to_have_count(0)
    expect(canvas).to_be_visible()


def test_the_list_counts_on_with_every_sample(page: Page, stack: Stack) -> None:
    stack.add("web", limits={"memory_bytes": 64 << 20})
    page.goto("/containers/")
    used = page.locator("#row-web [data-use=memory]")
    expect(used).to_have_text("–")
    stack.do("POST", "/containers/web/start/")
    expect(used).to_have_text(AMOUNT)
    expect(page.locator("#row-web [data-use=cpu]")).to_have_text(re.compile(r"\d %"))
    meter = page.locator("#row-web").get_by_role("meter", name="Share of its limit")
    assert 0 < meter.evaluate("meter => meter.value") < meter.evaluate("meter => meter.max") == 64 << 20
    host = "{cpu: 0, processors: 1, memory_bytes: 0, disk_bytes: 0, disk_total_bytes: 1}"
    sample = f"{{host: {host}, containers: {{web: {{memory_bytes: 32 << 20}}}}}}"
    page.evaluate(f"document.dispatchEvent(new CustomEvent('spocweb:sample', {{detail: {sample}}}))")
    assert meter.evaluate("meter => meter.value") == 32 << 20


def test_the_dashboard_follows(page: Page, stack: Stack) -> None:
    stack.add("web", ready="echo no table; exit 3", timeouts={"ready": 8})
    page.goto("/")
    expect(page.locator("#counts")).to_contain_text("Stopped 1")
    expect(page.locator("[data-host-use=cpu]")).to_have_text(re.compile(r"\d %"))
    stack.do("POST", "/containers/web/start/")
    expect(page.locator("#counts")).to_contain_text("Not ready 1")
    expect(page.locator("#attention")).to_contain_text("no table")
    expect(page.locator("#recent")).to_contain_text("Start web")
    page.locator("#attention").get_by_role("link", name="web", exact=True).click()
    expect(page.get_by_role("heading", name="web", level=1)).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_columns_are_chosen(open_session: Any, stack: Stack, script: bool) -> None:
    stack.add("web")
    session: Session = open_session(java_script_enabled=script)
    page = session.page()
    session.sign_in(page)
    head = page.locator("#containers thead th")
    expect(head.filter(has_text="Limits")).to_have_count(0)
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Limits").check()
    page.get_by_role("checkbox", name="Address").uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(head.filter(has_text="Limits")).to_have_count(1)
    expect(head.filter(has_text="Address")).to_have_count(0)


def test_without_script_the_numbers_are_there(open_session: Any, stack: Stack) -> None:
    stack.add("web")
    stack.do("POST", "/containers/web/start/")
    session: Session = open_session(java_script_enabled=False)
    page = session.page()
    session.sign_in(page)
    page.goto("/containers/web/")
    page.locator("#use summary").click()
    expect(page.locator("#use-table tbody tr")).to_have_count(12)
    expect(page.locator("#use .sw-plots")).to_be_hidden()

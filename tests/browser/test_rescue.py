"""What somebody does who has never seen the panel, and of whose two hundred containers one does not start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import lxc
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

OTHERS = 199
_FILL = f"""
import ipaddress
from django.conf import settings
from containers.models import Container
from containers.services import hosts
host = hosts.current()
addresses = [str(address) for address in settings.SUBNET.hosts()][-{OTHERS}:]
Container.objects.bulk_create(
    Container(host=host, name=f"service-{{number:03}}", address=address) for number, address in enumerate(addresses)
)
"""
_EMPTY = 'from containers.models import Container; Container.objects.filter(name__startswith="service-").delete()'


@pytest.fixture
def crowded(stack: Stack) -> Iterator[Stack]:
    """A host with one container that does not start, among 199 that are only rows."""
    stack.manage("shell", "-c", _FILL)
    yield stack
    stack.manage("shell", "-c", _EMPTY)


def sign_in(page: Page, stack: Stack) -> None:
    page.goto("/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard", level=1)).to_be_visible()
    page.wait_for_load_state()


def find_what_failed(page: Page) -> None:
    """From the dashboard's count to the failing command's own words."""
    page.get_by_role("main").get_by_role("link", name=re.compile(r"Failed\s*1")).first.click()
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(1)
    rows.get_by_role("link", name="web", exact=True).click()
    words = page.locator("#overview-top")
    expect(words).to_contain_text('Failed to exec "/usr/bin/httpd"')
    words.get_by_role("link", name=re.compile(r"^Job \d+")).click()
    expect(page.locator(".sw-out").filter(has_text="The container failed to start").first).to_be_visible()
    page.go_back()


def look_around(page: Page) -> None:
    """Open a terminal in what does not start by itself."""
    page.locator("#overview-top").get_by_role("link", name="Terminal").click()
    door = page.locator("#terminal-door")
    expect(door).to_contain_text("web does not run")
    door.get_by_role("link", name="Start to look around").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox")).to_have_value("/bin/sleep 3600")
    dialog.get_by_role("button", name=re.compile("^Start")).click()
    # By itself, as soon as it runs.
    door.get_by_role("button", name="Open terminal").click()
    expect(page.locator("[data-status]")).to_have_text("Open")
    page.keyboard.type("which httpd\n")
    expect(page.locator(".xterm-rows")).to_contain_text("/bin/httpd")


def mend(page: Page, watcher: Page) -> None:
    """Change the definition and apply it, while somebody else looks on."""
    row = watcher.get_by_role("row").filter(has=watcher.get_by_role("link", name="web", exact=True))
    expect(row.locator(".sw-state").first).to_have_text("Running")
    page.get_by_role("link", name="Definition", exact=True).click()
    page.get_by_label("Command").fill("/bin/httpd -f -p 80 -h /srv")
    page.get_by_role("button", name="Save and apply").click()
    expect(page.get_by_role("heading", name="Restart web", level=1)).to_be_visible()
    expect(page.locator("#plan-effect + ul")).to_contain_text("/usr/bin/httpd -f -p 80 -h /srv → /bin/httpd -f -p 80 -h /srv")
    expect(row.get_by_text("Change waits for restart")).to_be_visible()
    page.get_by_role("button", name="Restart web").click()
    expect(row.get_by_text("Change waits for restart")).to_be_hidden()
    expect(row.locator(".sw-state").first).to_have_text("Running")


def read_it_all_again(page: Page) -> None:
    page.goto("/containers/web/")
    page.get_by_role("link", name=re.compile("^Jobs")).last.click()
    jobs = page.locator("table tbody")
    for text in ("Restart web", "Start web", "Create web"):
        expect(jobs).to_contain_text(text)
    page.get_by_role("link", name=re.compile("^History")).click()
    expect(page.locator("del")).to_contain_text("/usr/bin/httpd")
    expect(page.locator("ins")).to_contain_text("/bin/httpd")
    page.get_by_role("link", name="All events in the audit trail").click()
    for text in ("Container defined", "Job ended", "Terminal opened", "Definition changed"):
        expect(page.locator("#events")).to_contain_text(text)


def test_the_one_that_failed_is_found_understood_mended_and_on_record(open_session: Any, crowded: Stack) -> None:
    crowded.add("web", cmd="/usr/bin/httpd -f -p 80 -h /srv")
    assert crowded.do("POST", "/containers/web/start/")["state"] == "failed"
    page: Page = open_session().page()
    sign_in(page, crowded)
    find_what_failed(page)
    look_around(page)
    other = open_session()
    watcher: Page = other.page()
    other.sign_in(watcher)
    watcher.goto("/containers/?search=web")
    mend(page, watcher)
    read_it_all_again(page)
    init = lxc.run("lxc-attach", "-P", str(crowded.layout.containers), "-n", "web", "--", "cat", "/proc/1/cmdline")
    assert init.startswith("/bin/httpd")

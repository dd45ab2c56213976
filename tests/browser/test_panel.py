"""What the pages' scripts do, and how they get over a lost connection."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Session
from tests.browser.support import violations
from tests.support import lxc
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]


def row(page: Page, name: str) -> Any:
    return page.locator(f"#row-{name}")


def test_the_list_is_searched_as_one_types(page: Page, stack: Stack) -> None:
    for name in ("web", "app", "db"):
        stack.add(name)
    page.goto("/containers/")
    page.keyboard.press("/")
    page.keyboard.type("ap", delay=20)
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?search=ap"))
    expect(page.locator("#find")).to_be_focused()
    expect(page.locator("#find")).to_have_value("ap")
    page.go_back()
    expect(page.locator("#rows tr")).to_have_count(3)


# Rows are laid out each by itself: nothing but their widths keeps the cells below their heads.
@pytest.mark.parametrize("width", [1440, 1300, 1024, 800])
def test_the_cells_of_the_list_stand_below_their_heads(page: Page, stack: Stack, width: int) -> None:
    stack.add("web", description="A description that is much longer than the column of names is wide")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/containers/")
    head, cells = (page.evaluate(EDGES, place) for place in ("thead", "#rows"))
    assert head == cells
    assert len(head) >= 4
    assert page.evaluate("document.documentElement.scrollWidth") <= width


EDGES = """place => [...document.querySelectorAll(`${place} tr:first-child > *`)].filter(cell => cell.offsetParent)
    .map(cell => cell.getBoundingClientRect()).map(({ left, right }) => [left, right])"""


def test_the_bulk_bar_tells_beforehand_whom_a_stop_reaches(page: Page, stack: Stack) -> None:
    stack.add("db")
    stack.add("app", depends=["db"])
    stack.add("web", depends=["app"])
    stack.do("POST", "/containers/web/start/")
    page.goto("/containers/")
    expect(page.get_by_role("form", name="Actions for the selected")).to_be_hidden()
    page.get_by_role("checkbox", name="Select db", exact=True).check()
    bar = page.get_by_role("form", name="Actions for the selected")
    expect(bar).to_contain_text("1 of 3 selected")
    expect(bar).to_contain_text("Also reaches what needs them: app, web")
    expect(bar.get_by_role("button", name="Start 0…")).to_be_disabled()
    page.get_by_role("checkbox", name="Select all 3").check()
    expect(bar).to_contain_text("3 of 3 selected")
    bar.get_by_role("button", name="Clear").click()
    expect(bar).to_be_hidden()


def test_rows_in_groups_are_walked_and_ticked_with_the_keyboard(page: Page, stack: Stack) -> None:
    stack.add("db")
    stack.add("web", depends=["db"])
    page.goto("/containers/")
    page.get_by_text("Group", exact=True).click()
    page.get_by_role("link", name="tier").click()
    expect(page).to_have_url(re.compile("group=tier"))
    page.get_by_role("checkbox", name="Select all of Tier 1").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="Select db", exact=True)).to_be_checked()
    expect(page.get_by_role("form", name="Actions for the selected")).to_contain_text("1 of 2 selected")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("checkbox", name="Select db", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="db", exact=True)).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="web", exact=True)).to_be_focused()
    assert violations(page) == []


def test_the_menu_of_a_row_leads_to_the_plan(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/")
    more = page.get_by_role("link", name="More for web")
    more.click()
    menu = page.get_by_role("navigation", name="Actions")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(more).to_be_focused()
    more.click()
    menu.get_by_role("link", name="Start…").click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="Start web")).to_be_focused()


def test_deleting_in_the_dialog_leads_to_the_page_of_the_job(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/web/")
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_label("Type web to confirm")
    name.fill("web")
    name.press("Enter")
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="Delete web", level=1)).to_be_visible()


def test_the_open_tab_is_in_view_on_a_phone(open_session: Any, stack: Stack) -> None:
    stack.add("web")
    session = open_session(viewport=PHONE)
    page = session.page()
    session.sign_in(page)
    page.goto("/containers/web/history/")
    expect(page.get_by_role("link", name=re.compile("^History"))).to_be_in_viewport(ratio=1)


def test_a_double_click_on_confirm_is_one_job(page: Page, stack: Stack) -> None:
    stack.add("web")
    before = stack.get("/jobs/?operation=start")["count"]
    page.goto("/containers/web/")
    page.get_by_role("link", name="Start…").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Start web").dblclick()
    expect(page.locator("#head .sw-state").first).to_have_text("Running")
    assert stack.get("/jobs/?operation=start")["count"] == before + 1


def test_the_definition_shows_what_saving_it_would_do(page: Page, stack: Stack) -> None:
    stack.add("db")
    stack.add("web", env={"A": "1"})
    page.goto("/containers/web/definition/")
    expect(page.locator("#unsaved")).to_contain_text("Nothing to save")
    page.get_by_label("Add a container").select_option("db")
    page.get_by_label("Value 1").fill("2")
    page.get_by_label("Key 2").fill("B")
    expect(page.locator("#unsaved")).to_contain_text("3 unsaved changes")
    expect(page.locator("#definition-text")).to_contain_text('"A": "2"')
    page.get_by_label("Command").fill("'")
    expect(page.locator("#definition-checks")).to_contain_text("Command:")
    page.get_by_label("Command").fill("/bin/sleep 2000")
    page.get_by_role("button", name="Remove db", exact=True).click()
    expect(page.locator("#definition-checks")).to_contain_text("The definition is valid")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("web is saved as revision 2.")).to_be_visible()
    definition = stack.get("/containers/web/")["definition"]
    assert definition == {"layers": ["base"], "env": {"A": "2", "B": ""}, "cmd": "/bin/sleep 2000", "halt": "SIGKILL"}


def test_a_difference_is_read_on_a_phone_without_scrolling_sideways(page: Page, stack: Stack) -> None:
    stack.add("web", env={"LONG": "a-value-without-a-place-to-break-it-" * 4})
    stack.call("PATCH", "/containers/web/", {"definition": {"layers": ["base"], "env": {"LONG": "another-" * 20}}})
    page.set_viewport_size(PHONE)
    page.goto("/containers/web/history/?revision=2")
    table = page.get_by_role("table", name="Fields that differ")
    before, after = (table.get_by_role("row").last.locator(sign).bounding_box() for sign in ("del", "ins"))
    assert before["y"] + before["height"] <= after["y"]
    assert table.evaluate("table => table.parentElement.scrollWidth <= table.parentElement.clientWidth")
    assert violations(page) == []


def test_form_and_text_follow_each_other(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/web/definition/")
    page.get_by_text("Edit as text").click()
    text = page.get_by_label("Definition as JSON, to be changed")
    text.fill('{"definition": {"layers": ["base"], "env": {"A": "1"}, "cmd": "/bin/sleep 3"}')
    expect(page.locator("#definition-checks")).to_contain_text("This is not JSON")
    expect(page.get_by_label("Command")).not_to_have_value("/bin/sleep 3")
    text.press("End")
    text.press_sequentially("}")
    expect(page.get_by_label("Command")).to_have_value("/bin/sleep 3")
    expect(page.get_by_label("Key 1")).to_have_value("A")
    expect(text).to_be_focused()
    page.get_by_label("Value 1").fill("2")
    expect(text).to_have_value(re.compile('"A": "2"'))
    assert violations(page) == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("web is saved as revision 2.")).to_be_visible()
    assert stack.get("/containers/web/")["definition"] == {"layers": ["base"], "env": {"A": "2"}, "cmd": "/bin/sleep 3"}


def test_the_output_of_a_command_comes_line_by_line_and_without_a_gap(page: Page, stack: Stack) -> None:
    stack.add("web")
    stack.do("POST", "/containers/web/start/")
    page.goto("/containers/web/execute/")
    page.get_by_label("Command").fill("sh -c 'for i in $(seq 1 40); do echo line $i; sleep 0.05; done'")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("pre[data-command]")).to_contain_text("line 2")
    expect(page.locator("#job-head .sw-state")).to_have_text("Succeeded")
    lines = page.locator("pre[data-command] > span").evaluate_all("spans => spans.map(span => span.textContent.trim().slice(11))")
    assert lines == [f"line {number}" for number in range(1, 41)]


@contextmanager
def web_gone(stack: Stack) -> Iterator[None]:
    """End what answers browsers, and keep its parent from starting it anew until the block ends."""
    pids = stack.pids("gunicorn")
    workers = [pid for pid in pids if stack.parent(pid) in pids]
    (master,) = set(pids) - set(workers)
    os.kill(master, signal.SIGSTOP)
    try:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        yield
    finally:
        os.kill(master, signal.SIGCONT)


def test_a_lost_connection_is_shown_and_what_was_missed_is_made_good(open_session: Any, stack: Stack) -> None:
    stack.add("web")
    stack.do("POST", "/containers/web/start/")
    session = open_session()
    page: Page = session.page()
    session.sign_in(page)
    expect(row(page, "web").locator(".sw-state")).to_have_text("Running")
    expect(page.locator("#connection [data-when=live]")).to_be_visible()
    with web_gone(stack):
        expect(page.locator("#connection [data-when=lost]")).to_be_visible()
        lxc.run("lxc-stop", "-k", "-P", str(stack.layout.containers), "-n", "web")
    expect(page.locator("#connection [data-when=live]")).to_be_visible()
    expect(row(page, "web").locator(".sw-state")).to_have_text("Stopped")
    session.forgive_network_errors()


# The first answer about a job comes late, as from a busy server: whatever was asked for after it is here before.
LATE = """
    const real = window.fetch;
    let count = 0;
    window.fetch = async (...words) => {
        const answer = await real(...words);
        if (String(words[0].url ?? words[0]).includes("/jobs/") && count++ === 0) await new Promise((go) => setTimeout(go, 5000));
        return answer;
    };
"""


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(page: Page, stack: Stack) -> None:
    """Before this the page of a job that had failed could go on saying that it was in progress."""
    stack.add("web")
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    job_id = stack.call("POST", "/containers/web/execute/", {"command": ["sleep", "3"]}).json["job"]
    page.add_init_script(LATE)
    page.goto(f"/jobs/{job_id}/")
    assert stack.ended(job_id)["state"] == "succeeded"
    # Longer than the late answer takes.
    page.wait_for_timeout(8_000)
    expect(page.locator("main .sw-state").first).to_have_text(re.compile("Succeeded"), timeout=1_000)


def test_light_and_dark_are_chosen_and_kept(page: Page) -> None:
    for label, theme in (("Dark", "dark"), ("Light", "light")):
        page.get_by_label("Theme").click()
        page.get_by_role("button", name=label, exact=True).click()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)


@pytest.fixture
def stopped(page: Page, stack: Stack) -> Page:
    """The page of a container that can be started."""
    stack.add("web")
    page.goto("/containers/web/")
    return page


def test_a_lost_answer_is_told(stopped: Page, session: Session) -> None:
    stopped.get_by_role("link", name="Start…").first.click()
    stopped.route("**/containers/web/start/", lambda route: route.abort())
    stopped.get_by_role("dialog").get_by_role("button", name="Start web").click()
    expect(stopped.locator("#notices")).to_contain_text("answer got lost")
    expect(stopped.get_by_role("dialog")).to_be_hidden()
    session.forgive_network_errors()


def test_a_dialog_whose_answer_got_lost_is_asked_for_again(stopped: Page, session: Session) -> None:
    stopped.route("**/containers/web/start/", lambda route: route.abort(), times=1)
    stopped.get_by_role("link", name="Start…").first.click()
    expect(stopped.get_by_role("dialog").get_by_role("button", name="Start web")).to_be_visible()
    session.forgive_network_errors()


def test_the_first_container_appears_in_an_empty_list_and_is_followed(page: Page, stack: Stack) -> None:
    expect(page.get_by_text("No containers yet")).to_be_visible()
    stack.add("web")
    expect(row(page, "web").locator(".sw-state")).to_have_text("Stopped")
    stack.do("POST", "/containers/web/start/")
    expect(row(page, "web").locator(".sw-state")).to_have_text("Running")


def test_what_changes_under_the_pointer_does_not_take_the_click_away(page: Page, stack: Stack) -> None:
    stack.add("web")
    page.goto("/containers/web/")
    expect(page.locator("#connection [data-when=live]")).to_be_visible()
    page.get_by_role("link", name="Start…").first.hover()
    page.mouse.down()
    with page.expect_response(lambda response: response.request.headers.get("hx-request") == "true" and "web" in response.url):
        stack.call("PATCH", "/containers/web/", {"description": "Changed"})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.mouse.up()
    expect(page.get_by_role("dialog").get_by_role("button", name="Start web")).to_be_visible()
    expect(page.locator("#head")).to_contain_text("Changed")


def test_a_long_output_shows_its_end_and_earlier_lines_on_demand(page: Page, stack: Stack) -> None:
    stack.add("web")
    stack.do("POST", "/containers/web/start/")
    job = stack.do("POST", "/containers/web/execute/", {"command": ["seq", "1", "1500"]})
    page.goto(f"/jobs/{job['id']}/")
    output = page.locator("pre[data-command]")
    expect(output.locator(".l")).to_have_count(200)
    output.locator(".sw-earlier").click()
    expect(output.locator(".l")).to_have_count(1_200)
    expect(output).to_be_focused()
    output.locator(".sw-earlier").click()
    expect(output.locator(".l")).to_have_count(1_500)
    expect(output.locator(".sw-earlier")).to_have_count(0)
    numbers = output.locator(".l").evaluate_all("rows => rows.map(row => Number(row.lastChild.textContent))")
    assert numbers == list(range(1, 1_501))


def test_who_signs_out_elsewhere_is_sent_to_the_door_when_the_stream_ends(open_session: Any, stack: Stack) -> None:
    session = open_session()
    page: Page = session.page()
    session.sign_in(page)
    expect(page.locator("#connection [data-when=live]")).to_be_visible()
    other = session.page()
    other.goto("/jobs/")
    other.locator("summary", has_text="Account").click()
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    session.errors[:] = [error for error in session.errors if "401" not in error]

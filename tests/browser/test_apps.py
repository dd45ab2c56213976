"""Apps as a new administrator meets them: the form, two sites, an update that goes wrong, a backup, a farewell, a return."""

from __future__ import annotations

import re
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Session
from tests.browser.support import violations
from tests.browser.test_images import job_of
from tests.support.apps import ALL_QUESTIONS, write
from tests.support.stack import ROOT, Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

ENTRY = ROOT / "containers/catalog/entries/static-site"
PATIENCE_S = 600


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    """A stack with a catalogue beside the one that comes with spocweb, as an administrator has one."""
    stack = Stack()
    try:
        catalog = catalog_of(stack)
        catalog.mkdir(mode=0o755)
        stack.variables["SPOCWEB_CATALOG_DIRS"] = str(catalog)
        write(catalog, ALL_QUESTIONS, name="every")
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def catalog(stack: Stack) -> Path:
    return catalog_of(stack)


def catalog_of(stack: Stack) -> Path:
    return stack.base / "catalog"


def free_ports(count: int) -> list[int]:
    """Return ports that nothing on this machine listens on; they are held until all are known."""
    with ExitStack() as held:
        return [held.enter_context(socket.create_server(("", 0))).getsockname()[1] for _number in range(count)]


def put(catalog: Path, version: str, **changes: str) -> None:
    """Have the static site in the catalogue under a name of our own, in a version, with some texts changed."""
    folder = catalog / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ENTRY, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    text = (folder / "app.toml").read_text()
    text = text.replace('name = "static-site"', 'name = "pages"', 1).replace('version = "1.0"', f'version = "{version}"', 1)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "app.toml").write_text(text)


def install(page: Page, stack: Stack, name: str, title: str, port: int) -> None:
    """From the catalogue to a site that runs, by clicks alone."""
    page.goto("/apps/")
    page.get_by_label("Find by name, purpose or category").fill("pages that lie")
    page.get_by_role("link", name="Static site").last.click()
    page.get_by_role("link", name="Install…").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Title of the first page").fill(title)
    page.get_by_label("Port on the host").fill(str(port))
    expect(page.locator("#install-lines")).to_contain_text(f'"{name}-web"')
    page.get_by_role("button", name="Review plan…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"as {name}$"))
    page.get_by_role("button", name=f"Install {name}").click()
    job_of(page, stack)


def site(port: int, path: str = "") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


def write_post(page: Page, stack: Stack, container: str, text: str) -> None:
    page.goto(f"/containers/{container}/execute/")
    page.get_by_label("Command").fill(f"sh -c 'echo {text} > /srv/www/post.html'")
    page.get_by_role("button", name="Run").click()
    job_of(page, stack)


def version_of(page: Page, name: str) -> str:
    page.goto(f"/installations/{name}/")
    return str(page.locator("dt", has_text=re.compile("^Version$")).locator("+ dd").inner_text())


def dialog(page: Page, link: str) -> Any:
    """Open what a link of the installation's page leads to."""
    found = page.get_by_role("link", name=link)
    if not found.is_visible():
        page.locator("summary[aria-label='More actions']").click()
    found.click()
    return page.get_by_role("dialog")


@pytest.mark.timeout(PATIENCE_S)
def test_two_sites_an_update_that_fails_and_a_way_back_for_everything(page: Page, stack: Stack, catalog: Path) -> None:
    page.set_default_timeout(30_000)
    first, second, third = free_ports(3)
    put(catalog, "1.0", **{'title = "Static site"': 'title = "Static site of ours"'})
    install(page, stack, "blog", "The blog", first)
    install(page, stack, "wiki", "The wiki", second)
    page.goto("/installations/")
    assert page.get_by_role("link", name=f"The site, {first}").get_attribute("href") == f"http://127.0.0.1:{first}/"
    assert "The blog" in site(first)
    assert "The wiki" in site(second)
    write_post(page, stack, "blog-web", "our-post")
    assert site(first, "post.html").strip() == "our-post"

    put(
        catalog,
        "2.0",
        **{
            'image = "web"\ndescription': 'image = "web"\nready = "false"\ntimeouts = { ready = 3 }\ndescription',
            'title = "Static site"': 'title = "Static site of ours"\nchanges = "It is broken."',
        },
    )
    page.goto("/installations/blog/")
    page.get_by_role("link", name="Update to 2.0…").click()
    expect(page.locator("main")).to_contain_text("It is broken.")
    expect(page.get_by_role("region", name="blog-web")).to_contain_text("ready")
    page.get_by_role("button", name="Update to 2.0").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    assert stack.ended(int(page.url.split("/")[-2]), timeout_s=PATIENCE_S)["state"] == "failed"
    assert version_of(page, "blog") == "1.0"
    expect(page.locator("main .sw-state").first).to_have_text("Installed")
    assert site(first, "post.html").strip() == "our-post"
    assert "The wiki" in site(second)

    # Whoever published it takes it back.
    put(catalog, "1.0", **{'title = "Static site"': 'title = "Static site of ours"'})
    page.goto("/installations/blog/")
    dialog(page, "Back up…").get_by_role("button", name="Back up").click()
    job_of(page, stack)
    page.goto("/installations/blog/")
    box = dialog(page, "Uninstall…")
    expect(box.get_by_label("remove, for good blog-pages")).not_to_be_checked()
    box.get_by_label("Type blog to confirm").fill("blog")
    box.get_by_role("button", name="Uninstall blog").click()
    job_of(page, stack)
    volumes = {volume["name"] for volume in stack.get("/volumes/")["results"]}
    assert {"blog-pages", "blog-config"} <= volumes

    page.goto("/installations/")
    page.get_by_role("link", name=re.compile("^Restore… blog-")).click()
    page.get_by_label("Name", exact=True).fill("back")
    page.get_by_label("Port on the host").fill(str(third))
    page.get_by_role("button", name="Restore").click()
    job_of(page, stack)
    assert site(third, "post.html").strip() == "our-post"
    assert version_of(page, "back") == "1.0"
    assert violations(page) == []

    for name in ("wiki", "back"):
        page.goto(f"/installations/{name}/uninstall/")
        for tick in page.locator("input[name=volumes]").all():
            tick.check()
        page.get_by_label(f"Type {name} to confirm").fill(name)
        page.get_by_role("button", name=f"Uninstall {name}").click()
        job_of(page, stack)


def test_the_form_follows_its_answers_hides_what_is_not_asked_and_loses_nothing(page: Page, session: Session) -> None:
    page.goto("/apps/every/install/")
    user = page.get_by_label("User", exact=True)
    expect(user).to_be_hidden()
    page.get_by_label("Protect with a password").check()
    expect(user).to_be_visible()
    page.get_by_role("button", name="New random Password").click()
    password = page.get_by_label("Password", exact=True)
    expect(password).to_have_value(re.compile("^[A-Za-z0-9]{24}$"))
    page.get_by_label("Title", exact=True).fill("small")
    checks = page.locator("#install-checks")
    expect(checks).to_contain_text("Title: must begin with a capital letter")
    page.get_by_label("Title", exact=True).fill("Large")
    expect(checks).not_to_contain_text("Title:")
    expect(page.locator("#install-lines .sw-line-new")).to_contain_text(['"TITLE": "Large"'])
    assert violations(page) == []
    page.get_by_label("Title", exact=True).press("Enter")
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#problems")).to_contain_text("E-mail: is required")
    expect(password).to_have_value("")
    expect(page.locator("main")).to_contain_text("Kept as you typed it")
    assert violations(page) == []
    # Chromium takes an answer that says what is wrong for a failure.
    assert len(session.errors) == 1
    assert "422" in session.errors.pop()
    page.get_by_label("E-mail").fill("a@example.org")
    page.get_by_role("button", name="Review plan…").click()
    expect(page.get_by_role("heading", name="Order")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Change answers").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Large")


def test_pages_of_apps_on_a_phone_in_the_dark(open_session: Any, stack: Stack) -> None:
    session = open_session(viewport=PHONE, color_scheme="dark", has_touch=True)
    page: Page = session.page()
    session.sign_in(page)
    for address in ("/apps/", "/apps/every/", "/apps/every/install/", "/installations/", "/restore/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), address
        assert violations(page) == [], address

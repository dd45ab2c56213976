"""Apps as a new administrator meets them: WordPress by a form, two of it, an update that goes wrong, a backup, a return."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, Session
from tests.browser.support import violations
from tests.browser.test_images import job_of
from tests.support import built_layers
from tests.support.apps import ALL_QUESTIONS, MANIFEST, write
from tests.support.backups import archive_of, made
from tests.support.netns import NetworkNamespace
from tests.support.stack import ROOT, Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

ENTRY = ROOT / "containers/catalog/entries/wordpress"
# The first time on a machine Debian's packages come from its mirror, at its speed.
PATIENCE_S = 900
# What an update can do at its worst, and what it says then.
LOSES_EVERYTHING = """
[[steps.update]]
title = "Lose every post"
container = "db"
run = ["/bin/sh", "-c", "mariadb --execute='DELETE FROM wordpress.wp_posts'; echo that went wrong; exit 1"]
"""


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    """A stack with a catalogue beside the one that comes with spocweb, as an administrator has one."""
    stack = Stack()
    try:
        catalog = catalog_of(stack)
        catalog.mkdir(mode=0o755)
        stack.variables["SPOCWEB_CATALOG_DIRS"] = str(catalog)
        # Who installs for the first time on a machine is not asked again who they are in the middle.
        stack.variables["SPOCWEB_CONFIRM_SECONDS"] = "86400"
        write(catalog, ALL_QUESTIONS, name="every")
        write(catalog, MANIFEST.replace("/usr/bin/httpd -f -p 80 -h /data", "/bin/sleep 1000"))
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def built(stack: Stack) -> Iterator[None]:
    """What was built for WordPress once needs not be built again."""
    built_layers.lend(stack)
    yield
    built_layers.keep(stack)


@pytest.fixture
def catalog(stack: Stack) -> Path:
    return catalog_of(stack)


def catalog_of(stack: Stack) -> Path:
    return stack.base / "catalog"


def free_ports(count: int) -> list[int]:
    """Return ports that nothing on this machine listens on; they are held until all are known."""
    with ExitStack() as held:
        return [held.enter_context(socket.create_server(("", 0))).getsockname()[1] for _number in range(count)]


def put(catalog: Path, version: str = "", more: str = "") -> None:
    """Have WordPress in the catalogue under a name of our own, in another version and with more in its manifest."""
    folder = catalog / "press"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ENTRY, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    text = (folder / "app.toml").read_text()
    for old, new in (('name = "wordpress"', 'name = "press"'), ('title = "WordPress"', 'title = "WordPress of ours"')):
        assert old in text
        text = text.replace(old, new, 1)
    if version:
        text, count = re.subn(r'^version = ".*"$', f'version = "{version}"\nchanges = "It is broken."', text, count=1, flags=re.M)
        assert count
    (folder / "app.toml").write_text(text + more)


def install(page: Page, stack: Stack, name: str, title: str, port: int) -> str:
    """From the catalogue to a site that runs, by clicks alone; return the password of its administrator."""
    page.goto("/apps/")
    page.get_by_label("Find by name, purpose or category").fill("of ours")
    page.get_by_role("link", name="WordPress of ours").click()
    page.get_by_role("link", name="Install…").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Title of the site").fill(title)
    page.get_by_role("button", name="New random Password", exact=True).click()
    password = page.get_by_label("Password", exact=True).input_value()
    page.get_by_label("Port on the host").fill(str(port))
    expect(page.locator("#install-lines")).to_contain_text(f'"{name}-web"')
    page.get_by_role("button", name="Review plan…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"as {name}$"))
    assert password not in page.content()
    page.get_by_role("button", name=f"Install {name}").click()
    job_of(page, stack)
    return password


class Sites:
    """A visitor of the sites, in a browser of their own that reaches nothing but them."""

    def __init__(self, browser: Browser, network: NetworkNamespace) -> None:
        self._network = network
        self._context = browser.new_context()
        self._context.set_default_timeout(60_000)
        self.page = self._context.new_page()

    def open(self, port: int, path: str = "") -> str:
        """Return what is to be read on a page."""
        self.page.goto(f"http://127.0.0.1:{port}/{path}")
        return self.page.locator("body").inner_text()

    def publish(self, port: int) -> None:
        """Have a port of the host where the browser is."""
        self._network.relay(port)

    def sign_in(self, port: int, password: str) -> None:
        self.open(port, "wp-login.php")
        self.page.get_by_label("Username or Email Address").fill("admin")
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Log In").click()
        self.page.get_by_role("heading", name="Dashboard", level=1).wait_for()

    def write_post(self, port: int, title: str, text: str) -> None:
        """As an author does, in WordPress' own editor."""
        self.open(port, "wp-admin/post-new.php")
        self.page.get_by_role("dialog").get_by_role("button", name="Close").click()
        heading = self.page.frame_locator("iframe[name=editor-canvas]").get_by_label("Add title")
        heading.fill(title)
        heading.press("Enter")
        self.page.keyboard.type(text)
        self.page.get_by_role("button", name="Publish", exact=True).click()
        self.page.get_by_label("Editor publish").get_by_role("button", name="Publish", exact=True).click()
        self.page.get_by_label("Editor publish").get_by_text("is now live").first.wait_for()

    def read_post(self, port: int, title: str) -> str:
        """Follow the link on the first page, and return where it leads and what is there."""
        self.open(port)
        self.page.get_by_role("link", name=title).click()
        self.page.get_by_role("heading", name=title, level=1).wait_for()
        return f"{self.page.url} {self.page.locator('.wp-block-post-content').first.inner_text()}"


@pytest.fixture
def sites(browser: Browser, network: NetworkNamespace) -> Sites:
    return Sites(browser, network)


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


def update_in_vain(page: Page, stack: Stack, name: str, version: str) -> str:
    """Ask for an update that goes wrong, and return what its job says."""
    page.goto(f"/installations/{name}/")
    page.get_by_role("link", name=f"Update to {version}…").click()
    expect(page.locator("main")).to_contain_text("It is broken.")
    page.get_by_role("button", name=f"Update to {version}").click()
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = stack.ended(int(page.url.split("/")[-2]), timeout_s=PATIENCE_S)
    assert job["state"] == "failed", job
    return f"{job['reason']} {job['error']}"


def back_up(page: Page, stack: Stack, name: str) -> None:
    page.goto(f"/installations/{name}/")
    dialog(page, "Back up…").get_by_role("button", name="Back up").click()
    job_of(page, stack)


def uninstall(page: Page, stack: Stack, name: str, *, with_data: bool) -> None:
    page.goto(f"/installations/{name}/")
    box = dialog(page, "Uninstall…")
    # Once this can be filled in, the ticks are there, too.
    box.get_by_label(f"Type {name} to confirm").fill(name)
    for tick in box.locator("input[name=volumes]").all():
        expect(tick).not_to_be_checked()
        tick.set_checked(with_data)
    box.get_by_role("button", name=f"Uninstall {name}").click()
    job_of(page, stack)


def restore(page: Page, stack: Stack, name: str, port: int) -> None:
    """Restore the only backup of what is not installed any more, under a name and on a port of its own."""
    page.goto("/installations/")
    page.get_by_role("link", name=re.compile("^Restore… blog-")).click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Port on the host").fill(str(port))
    page.get_by_role("button", name="Restore").click()
    job_of(page, stack)


def volumes(stack: Stack, *installations: str) -> set[str]:
    names = {volume["name"] for volume in stack.get("/volumes/")["results"]}
    return {name for name in names if name.partition("-")[0] in installations}


@pytest.mark.timeout(2 * PATIENCE_S)
@pytest.mark.usefixtures("built")
def test_wordpress_twice_an_update_that_fails_and_a_way_back_for_everything(
    page: Page, stack: Stack, catalog: Path, sites: Sites
) -> None:
    first, second, third = ports = free_ports(3)
    put(catalog)
    password = install(page, stack, "blog", "The blog", first)
    install(page, stack, "wiki", "The wiki", second)
    for port in ports:
        sites.publish(port)
    page.goto("/installations/")
    assert page.get_by_role("link", name=f"The site, {first}").get_attribute("href") == f"http://127.0.0.1:{first}/"
    sites.sign_in(first, password)
    sites.write_post(first, "Our first post", "It has to survive.")
    post = sites.read_post(first, "Our first post")
    assert "It has to survive." in post
    assert post.startswith(f"http://127.0.0.1:{first}/20"), "its address has words"
    wiki = sites.open(second)
    assert "The wiki" in wiki

    put(catalog, "9.0", LOSES_EVERYTHING)
    error = update_in_vain(page, stack, "blog", "9.0")
    assert "that went wrong" in error
    assert "blog is back on version" in error
    assert version_of(page, "blog") != "9.0"
    expect(page.locator("main .sw-state").first).to_have_text("Installed")
    assert violations(page) == []
    assert sites.read_post(first, "Our first post") == post
    assert sites.open(second) == wiki

    # Whoever published it takes it back.
    put(catalog)
    back_up(page, stack, "blog")
    uninstall(page, stack, "blog", with_data=False)
    assert volumes(stack, "blog", "wiki") == {"blog-database", "blog-site", "wiki-database", "wiki-site"}
    assert sites.open(second) == wiki

    restore(page, stack, "back", third)
    assert sites.read_post(third, "Our first post") == post.replace(f":{first}/", f":{third}/")
    sites.sign_in(third, password)
    for name in ("wiki", "back"):
        uninstall(page, stack, name, with_data=True)
    assert volumes(stack, "blog", "wiki") == {"blog-database", "blog-site"}


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


def sent_backup(page: Page, name: str, port: int) -> None:
    """Send a backup that another host has made, of the app note."""
    volume = archive_of("./kept", b"It has to survive.")
    said = {"answers": {"text": "a note", "port": port}, "secrets": {"password": "hush-hush"}}
    content = made(Ed25519PrivateKey.generate(), volume, installation=name, **said)
    page.goto("/restore/")
    page.get_by_label("File that you send").set_input_files({"name": "x.tar", "mimeType": "application/x-tar", "buffer": content})
    page.get_by_role("button", name="Look into it").click()


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize(("name", "script"), [("pages", True), ("plain", False)])
def test_a_backup_that_is_sent_is_shown_and_then_restored(open_session: Any, stack: Stack, name: str, script: bool) -> None:
    was, port = free_ports(2)
    session: Session = open_session(java_script_enabled=script)
    page = session.page()
    session.sign_in(page)
    sent_backup(page, name, was)
    expect(page.get_by_role("heading", name=f"Restore a backup of {name}")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("a key that this host does not know")
    expect(page.get_by_role("main")).to_contain_text("data 10 KiB")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    expect(page.get_by_role("main")).to_contain_text(f"Left empty: {was}, as it was.")
    if script:
        assert violations(page) == []
    page.get_by_label("Port", exact=True).fill(str(port))
    page.get_by_role("button", name="Restore").click()
    expect(page).to_have_url(re.compile("/jobs/[0-9]+/$"))
    job = stack.ended(int(page.url.split("/")[-2]), timeout_s=PATIENCE_S)
    assert job["state"] == "succeeded", job["error"]
    assert [one["port"] for one in stack.get(f"/installations/{name}/")["ports"]] == [port]
    assert "kept" in str(stack.get(f"/volumes/{name}-data/files/"))


def test_pages_of_apps_on_a_phone_in_the_dark(open_session: Any, stack: Stack) -> None:
    session = open_session(viewport=PHONE, color_scheme="dark", has_touch=True)
    page: Page = session.page()
    session.sign_in(page)
    for address in ("/apps/", "/apps/every/", "/apps/every/install/", "/installations/", "/restore/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), address
        assert violations(page) == [], address

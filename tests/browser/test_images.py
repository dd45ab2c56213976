"""From nothing to a database that runs, and its image away and back: as a new administrator goes, in a browser alone."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.support import violations
from tests.support import lxc
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

# Debian's packages come from its mirror, at its speed.
PATIENCE_S = 900
RECIPE = """\
FROM debian
ENV LANG=C.UTF-8
RUN apt-get update && \\
    apt-get install --yes --no-install-recommends postgresql && \\
    rm -rf /var/lib/apt/lists/* /var/lib/postgresql/*/main
COPY <<'END' /usr/local/bin/serve
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
[ -s /data/PG_VERSION ] || "$bin/initdb" --pgdata=/data
exec "$bin/postgres" -D /data -c unix_socket_directories=/tmp
END
USER postgres
CMD /bin/sh /usr/local/bin/serve
READY pg_isready --host=/tmp
HALT SIGINT
"""


WIDE = """[...document.querySelectorAll("main *")]
    .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map((element) => element.outerHTML.slice(0, 100))"""


def job_of(page: Page, stack: Stack) -> Any:
    """The job whose page has just opened, when it has ended well."""
    expect(page).to_have_url(re.compile(r"/jobs/\d+/$"))
    job = stack.ended(int(page.url.split("/")[-2]), timeout_s=PATIENCE_S)
    assert job["state"] == "succeeded", job["error"]
    expect(page.locator("main .sw-state").first).to_have_text(re.compile("Succeeded"))
    return job


def start(page: Page, stack: Stack) -> None:
    change(page, stack, "Start", "Running")


def change(page: Page, stack: Stack, verb: str, state: str) -> None:
    """Press the button on the container's page, confirm the plan, and see the state change."""
    page.goto("/containers/db/")
    page.get_by_role("link", name=verb).first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile(f"^{verb}")).click()
    expect(page.locator("main .sw-state").first).to_have_text(re.compile(state), timeout=120_000)


def run(page: Page, stack: Stack, command: str) -> str:
    """Run a command in the container by its page; return what it printed."""
    page.goto("/containers/db/execute/")
    page.get_by_label("Command").fill(command)
    page.get_by_role("button", name="Run").click()
    job = job_of(page, stack)
    return str(job["steps"][-1]["commands"][-1]["output"])


def make_base(page: Page, stack: Stack) -> None:
    page.goto("/add-layer/?from=debian")
    page.get_by_label("Name", exact=True).fill("debian")
    page.get_by_label("Release").fill("bookworm")
    page.locator("main form button.btn-primary").click()
    job_of(page, stack)


def build(page: Page, stack: Stack) -> None:
    page.goto("/images/")
    page.get_by_role("link", name="Recipes").click()
    page.get_by_role("link", name="New recipe").click()
    page.get_by_label("Name", exact=True).fill("postgresql")
    page.get_by_role("textbox", name="Recipe").fill(RECIPE)
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="postgresql", level=1).wait_for()
    expect(page.locator("main .sw-state").first).to_have_text("Not built yet")
    page.get_by_role("button", name="Build", exact=True).click()
    job_of(page, stack)
    page.goto("/recipes/postgresql/")
    expect(page.locator("main .sw-state").first).to_have_text("Up to date")


def make_container(page: Page) -> None:
    page.goto("/images/postgresql/latest/")
    page.get_by_role("link", name="New container from image").click()
    expect(page.locator("input[name=ready]")).to_have_value("pg_isready --host=/tmp")
    page.get_by_label("Name", exact=True).fill("db")
    page.get_by_role("button", name="Mount", exact=True).click()
    page.get_by_label("Volume 1").fill("pgdata")
    page.get_by_label("Mountpoint 1").fill("data")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_role("heading", name="db", level=1).wait_for()


def psql(statement: str) -> str:
    return f"""su postgres -s /bin/sh -c "psql --host=/tmp --tuples-only --no-align --command='{statement}'\""""


@pytest.fixture
def web_server(stack: Stack) -> Iterator[str]:
    """Any web server over the directory of exported images."""
    handler = functools.partial(Quiet, directory=str(stack.layout.data_dir / "repository"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.timeout(PATIENCE_S * 2)
def test_a_database_from_nothing_and_its_image_away_and_back(page: Page, stack: Stack, web_server: str) -> None:
    page.set_default_timeout(60_000)
    make_base(page, stack)
    build(page, stack)
    make_container(page)
    start(page, stack)
    row = stack.get("/containers/db/")
    assert row["definition"]["layers"] == ["debian", "postgresql-latest"]
    run(page, stack, psql("create table kept as select 42"))
    run(page, stack, "touch /etc/not-kept")

    change(page, stack, "Stop", "Stopped")
    start(page, stack)
    assert run(page, stack, psql("select * from kept")) == "42\n"
    assert run(page, stack, "sh -c 'ls /etc/not-kept || echo gone'").splitlines()[-1] == "gone"

    page.goto("/images/postgresql/latest/")
    page.get_by_role("button", name="Export").click()
    job_of(page, stack)
    assert stack.do("DELETE", "/containers/db/")["state"] == "succeeded"
    page.goto("/images/postgresql/latest/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove image").click()
    job_of(page, stack)
    # Others of these tests may have built theirs on the same stack.
    assert "postgresql" not in {image["name"] for image in stack.get("/images/")["results"]}

    page.goto("/repositories/own/")
    public_key = page.locator("code.sw-words").filter(has_text=re.compile("^[0-9a-f]{64}$")).first.inner_text()
    page.goto("/repositories/")
    page.get_by_label("Name", exact=True).fill("elsewhere")
    page.locator("input[name=location]").fill(web_server)
    page.get_by_role("textbox", name="Public key").fill(public_key)
    page.get_by_role("button", name="Add", exact=True).click()
    job_of(page, stack)
    page.goto("/repositories/elsewhere/")
    expect(page.get_by_role("button", name="Fetch postgresql:latest")).to_be_visible()
    page.get_by_role("button", name="Fetch postgresql:latest").click()
    job_of(page, stack)

    make_container(page)
    start(page, stack)
    assert run(page, stack, psql("select * from kept")) == "42\n"
    assert stack.do("DELETE", "/containers/db/?volumes=true")["state"] == "succeeded"
    assert lxc.leftovers(stack.layout) == []


def test_a_recipe_is_written_given_a_file_and_built_without_script(open_session: Any, stack: Stack) -> None:
    session = open_session(java_script_enabled=False)
    page: Page = session.page()
    session.sign_in(page)
    page.goto("/new-recipe/")
    page.get_by_label("Name", exact=True).fill("small")
    page.get_by_role("textbox", name="Recipe").fill("FROM base\nRUM x\n")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#problems")).to_contain_text("Line 2: RUM: is not an instruction")
    page.get_by_role("textbox", name="Recipe").fill("FROM base\nCOPY page /srv/\n")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#problems")).to_contain_text("the recipe has no file page")
    page.get_by_label("File", exact=True).set_input_files({"name": "page", "mimeType": "text/plain", "buffer": b"hello"})
    page.get_by_role("button", name="Add file").click()
    expect(page.locator("main .sw-state").first).to_have_text("Not built yet")
    page.get_by_role("button", name="Save and build").click()
    job_of_without_script(page, stack)
    page.goto("/recipes/")
    row = page.get_by_role("row").filter(has_text="small")
    expect(row).to_contain_text("Up to date")
    expect(row).to_contain_text("small:latest")
    page.goto("/recipes/small/")
    page.get_by_role("button", name="Remove page").click()
    expect(page.locator("#problems")).to_contain_text("the recipe has no file page")
    # What the browser says of the recipe that was refused.
    session.errors[:] = [error for error in session.errors if "422" not in error]


def job_of_without_script(page: Page, stack: Stack) -> None:
    # A browser keeps the fragment of the page before.
    expect(page).to_have_url(re.compile(r"/jobs/\d+/(#files)?$"))
    job = stack.ended(int(page.url.split("/")[-2]))
    assert job["state"] == "succeeded", job["error"]


@pytest.mark.parametrize("size", [{"width": 1440, "height": 1000}, PHONE], ids=["desktop", "phone"])
def test_pages_of_recipes_hold_no_violation_and_do_not_scroll_sideways(open_session: Any, stack: Stack, size: Any) -> None:
    long = "x" * 60
    stack.call("PUT", f"/recipes/{long}/", {"text": f"FROM base\nRUN echo {'y' * 300}\nCOPY nothing /\n"})
    stack.call("PUT", f"/recipes/{long}/files/", {"path": f"{long}/{long}", "text": "", "executable": True})
    session = open_session(viewport=size)
    page: Page = session.page()
    session.sign_in(page)
    found: dict[str, Any] = {}
    for path in ("/recipes/", "/new-recipe/", f"/recipes/{long}/"):
        page.goto(path)
        found[path] = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found[path].append(("scrolls sideways", page.evaluate(WIDE)))
    assert found == {path: [] for path in found}

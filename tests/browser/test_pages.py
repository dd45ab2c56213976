"""Every page there is, as each kind of person sees it: no error on the page or on the console, nothing that axe minds."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.urls import NoReverseMatch, URLPattern, reverse
from playwright.sync_api import Page

from containers.urls import urlpatterns
from tests.browser.support import COLOURS, violations
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.lxc, pytest.mark.stack]

# What is there to be looked at: the first number of its kind is that of a job, a revision, a command.
THERE = {"container": "web", "number": 1, "operation": "start", "version": "1", "layer": "base"}
VOLUME = {**THERE, "layer": "data"}
# What this stack has none of.
ABSENT = (
    "repository-",
    "export-",
    "image-",
    "recipe-",
    "app-",
    "catalogue-",
    # A second factor to take away: see test_signing.
    "mfa_deactivate_",
    "mfa_remove_",
    "installation-",
    "backup-remove",
    "audit-",
    "account-",
    "token-",
    "user-",
    "invitation-",
)
PEOPLE = {
    "operator": ("operate_container", "view_container"),
    "viewer": ("view_container",),
    "stranger": (),
}
PASSWORD = "a-long-enough-word"


def addresses() -> dict[str, str]:
    """Return {name of the page: its address}, whatever method it takes."""
    found = {}
    for pattern in urlpatterns:
        if not isinstance(pattern, URLPattern) or not pattern.name:
            continue
        world = VOLUME if pattern.name.startswith("volume-") else THERE
        arguments = [world.get(_kind(converter), "web") for converter in pattern.pattern.converters.values()]
        try:
            found[pattern.name] = reverse(pattern.name, args=arguments)
        except NoReverseMatch:
            assert pattern.name.startswith(ABSENT), pattern.name
    return found


def _kind(converter: object) -> str:
    return type(converter).__name__.removesuffix("Converter").lower().replace("name", "container")


@pytest.fixture
def world(stack: Stack) -> Stack:
    stack.add("db", description="A store")
    stack.add("web", depends=["db"], mounts={"data": "srv"}, env={"A": "1"})
    return stack


def make(stack: Stack, name: str, rights: tuple[str, ...]) -> None:
    made = f"user, _made = User.objects.get_or_create(username={name!r}); user.set_password({PASSWORD!r}); user.save()"
    given = f"user.user_permissions.set(Permission.objects.filter(codename__in={rights!r}))"
    stack.manage("shell", "-c", f"from django.contrib.auth.models import Permission, User; {made}; {given}")


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/sign-in/?next=/styleguide/missing/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).wait_for()


def walk(page: Page) -> dict[str, int]:
    """Open all that is a page for whoever is signed in; return what each address answered."""
    answers = {}
    for name, address in addresses().items():
        # Asked first: a refusal that is expected would be an error on the console.
        response = page.context.request.get(address, max_redirects=0)
        answers[name] = response.status
        if response.status == 200 and "<html" in _text(response):
            page.goto(address)
            page.get_by_role("heading", level=1).first.wait_for()
    return answers


def _text(response: Any) -> str:
    return str(response.text()) if "html" in response.headers.get("content-type", "") else ""


@pytest.mark.parametrize("person", ["admin", *PEOPLE])
def test_no_page_has_an_error_for_anybody(open_session: Any, world: Stack, person: str) -> None:
    if person in PEOPLE:
        make(world, person, PEOPLE[person])
    session = open_session()
    page: Page = session.page()
    sign_in(page, person, world.password if person == "admin" else PASSWORD)
    # Where the sign-in led is nowhere.
    session.errors.clear()
    answers = walk(page)
    assert {name for name, status in answers.items() if status >= 500} == set()
    shown = {name for name, status in answers.items() if status == 200}
    if person == "admin":
        missing = {name for name, status in answers.items() if status in (403, 404)}
        assert {name for name in missing if not name.startswith(ABSENT)} <= {"notification"}
    elif person == "stranger":
        assert not shown & {"dashboard", "container-list", "container-detail", "job-list", "volume-detail", "search"}
    else:
        assert {"dashboard", "container-list", "container-definition", "job-detail", "volume-detail"} <= shown
        assert ("container-create" in shown) is (person == "operator")


def test_nobody_sees_nothing_but_the_door(open_session: Any, world: Stack) -> None:
    page: Page = open_session().page()
    answers = {name: page.context.request.get(address, max_redirects=0).status for name, address in addresses().items()}
    assert {name for name, status in answers.items() if status == 200} <= {"account_login"}
    assert {name for name, status in answers.items() if status >= 500} == set()
    page.goto("/")
    page.get_by_role("button", name="Sign in").wait_for()
    assert violations(page) == []


def test_what_a_viewer_sees_holds_no_violation(open_session: Any, world: Stack) -> None:
    make(world, "viewer", PEOPLE["viewer"])
    session = open_session()
    page: Page = session.page()
    sign_in(page, "viewer", PASSWORD)
    session.errors.clear()
    found = {}
    paths = ("/", "/containers/?group=tier", "/containers/web/definition/", "/volumes/data/", "/containers/web/layers/")
    for scheme, path in product(("light", "dark"), paths):
        # Before the page comes: colours that are still on their way from the other scheme have too little contrast.
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(path)
        found[path, scheme] = violations(page, rules=COLOURS if scheme == "dark" else None)
    assert found == dict.fromkeys(found, [])

"""Who may, for every address that answers: one that is added without a decision, or does not keep to it, fails here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from containers.domain.rights import RIGHTS, WHOLE
from containers.models import Grant
from containers.services.entry import ACT, EVERYBODY, SIGNED_IN, Entry
from containers.views import middleware
from tests.support import exports, rows
from tests.support.sessions import session_server
from tests.support.surface import Address, addresses, furnish

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

ADDRESSES = addresses()
DECIDED = [address for address in ADDRESSES if address.entries is not None]
# Streams have a test of their own: tests/api/test_events.py.
CALLS = [(address, method) for address in DECIDED for method in address.entries or {} if address.route != "api/v1/events/"]
WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE")
# What is written because somebody looked: that he was refused or took something out, his session, a ticket to look at files,
# and that he has seen how his job ended.
TRACES = ("containers_event", "containers_ticket", "django_session", "containers_apitoken")
SEEN = {"jobs/<number:number>/": ("containers_job",)}
# These take a second right, which is asked for where the container is looked up.
MORE = ("containers/<container:name>/layers/keep/",)


@pytest.fixture(autouse=True)
def _static_files(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def _plain_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is a page as a whole, which takes longer than what is asked for here."""
    monkeypatch.setattr(middleware, "render", lambda request, template, context, status: HttpResponse(status=status))


@pytest.fixture
def numbers() -> Iterator[dict[str, int]]:
    found = furnish()
    with exports.own("spare:1"):
        yield found


def browser(user: User, **more: Any) -> Client:
    client = Client(**more)
    client.force_login(user)
    return client


def ask(client: Client, address: Address, method: str, numbers: Mapping[str, int]) -> Any:
    more: dict[str, Any] = {"data": "{}", "content_type": "application/json"} if address.is_api and method != "GET" else {}
    return client.generic(method, address.path(numbers), **more)


@contextmanager
def written() -> Iterator[set[str]]:
    """The tables that are written to meanwhile."""
    tables: set[str] = set()

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.lstrip().upper().startswith(WRITING):
            tables.update(re.findall(r'^\s*(?:INSERT INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+"?(\w+)', sql, re.IGNORECASE))
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield tables


def with_all_but(right: str) -> User:
    person = User.objects.create(username=f"all-but-{right}")
    Grant.objects.bulk_create(Grant(user=person, right=other) for other in RIGHTS if other != right)
    return person


def elsewhere() -> User:
    """Who may everything with containers of other names."""
    return rows.limited("elsewhere", "other-*", *(right for right in RIGHTS if right not in WHOLE))


def wrong_people() -> dict[str, User]:
    """People by what they lack."""
    return {
        "": rows.user("stranger"),
        "act": rows.user("viewer", "view_container"),
        "here": elsewhere(),
        **{right: with_all_but(right) for right in RIGHTS},
    }


def lacking(entry: Entry, address: Address) -> list[str]:
    """Return which of `wrong_people` the entry has to keep out."""
    found = [""] + ([entry.right] if entry.right else []) + (["act"] if entry is ACT else [])
    is_of_container = "/<container:name>/" in address.route or "containers/<name>" in address.route
    is_limited = entry.is_everywhere or (is_of_container and "containers/" in address.route)
    return found + (["here"] if is_limited else [])


def test_every_address_has_a_decision_about_who_may() -> None:
    assert [str(address) for address in ADDRESSES if address.entries is None] == []
    assert len(ADDRESSES) > 180


def test_who_is_not_signed_in_is_let_in_nowhere_else(numbers: dict[str, int]) -> None:
    client, wrong = Client(), {}
    with written() as tables:
        for address, method in CALLS:
            assert address.entries is not None
            status = ask(client, address, method, numbers).status_code
            refused = (401,) if address.is_api else (302, 405)
            if address.entries[method] is not EVERYBODY and status not in refused:
                wrong[f"{method} {address}"] = status
    assert wrong == {}
    assert tables <= {"django_session"}


@pytest.mark.usefixtures("_plain_errors")
def test_who_lacks_the_right_is_let_in_nowhere(numbers: dict[str, int]) -> None:
    clients = {name: browser(person) for name, person in wrong_people().items()}
    wrong = {}
    with written() as tables:
        for address, method in CALLS:
            assert address.entries is not None
            entry = address.entries[method]
            for name in [] if entry in (EVERYBODY, SIGNED_IN) else lacking(entry, address):
                status = ask(clients[name], address, method, numbers).status_code
                # A request of the API that cannot be read is not looked into further.
                if status not in ((403, 404, 422) if address.is_api and name == "here" else (403, 404, 405)):
                    wrong[f"{method} {address} without {name!r}"] = status
    assert wrong == {}
    # That they were refused.
    assert tables <= {"containers_event", "django_session"}


def test_who_has_the_right_and_no_other_is_let_in_and_changes_nothing_by_looking(numbers: dict[str, int]) -> None:
    people = {right: browser(rows.limited(f"only-{right}", "*", right)) for right in RIGHTS}
    anybody = browser(rows.user("anybody", "view_container", "operate_container"))
    wrong = {}
    for address, method in CALLS:
        if method == "GET":
            with written() as tables:
                entry = (address.entries or {})[method]
                status = ask(people[entry.right] if entry.right else anybody, address, method, numbers).status_code
            if status >= 500 or (status == 403 and address.route not in MORE) or tables - {*TRACES, *SEEN.get(address.route, ())}:
                wrong[str(address)] = (status, tables)
    assert wrong == {}


def test_what_changes_something_takes_the_token_of_a_page_of_ours(numbers: dict[str, int]) -> None:
    client = browser(rows.user("root", is_superuser=True), enforce_csrf_checks=True)
    wrong = {}
    with written() as tables:
        for address, method in CALLS:
            if method == "GET" or (address.is_api and address.entries == dict.fromkeys(address.entries or {}, EVERYBODY)):
                continue
            response = ask(client, address, method, numbers)
            said = json.loads(response.content)["message"] if address.is_api else "CSRF"
            if (response.status_code, "CSRF" in said) != (403, True) and response.status_code != 405:
                wrong[f"{method} {address}"] = response.status_code
    assert wrong == {}
    assert tables == set()


def test_a_page_is_looked_at_or_sent_to_and_answers_no_other_method(numbers: dict[str, int]) -> None:
    client = browser(rows.user("root", is_superuser=True))
    wrong = {}
    for address in DECIDED:
        if not address.is_api and EVERYBODY not in (address.entries or {}).values():
            for method in ("PUT", "PATCH", "DELETE"):
                if (status := ask(client, address, method, numbers).status_code) != 405:
                    wrong[f"{method} {address}"] = status
    assert wrong == {}


# In a column that is a name, and in one that is a number, which SQLite does not mind.
HOSTILE = ("../../marker", "<script>\n-rf", "")
NAMED = ("layer", "volume", "image", "recipe", "repository", "installation", "container")
MEASURED = ("layer", "volume")


def test_a_list_shows_rows_that_nobody_has_judged(numbers: dict[str, int]) -> None:
    with connection.cursor() as cursor:
        for table, name in product(NAMED, HOSTILE):
            # A row each, as far as there are any.
            cursor.execute(
                f"UPDATE containers_{table} SET name = %s WHERE id = (SELECT min(id) FROM containers_{table} WHERE name > 'a')",  # noqa: S608
                [name],
            )
        for table in MEASURED:
            cursor.execute(f"UPDATE containers_{table} SET size_bytes = 'much'")  # noqa: S608
    client = browser(rows.user("root", is_superuser=True), raise_request_exception=False)
    lists = [address for address, method in CALLS if method == "GET" and "<" not in address.route]
    found = {str(address): ask(client, address, "GET", numbers).status_code for address in lists}
    assert {route: status for route, status in found.items() if status >= 500} == {}

"""A bad day: floods of bad sign-ins and hostile requests, forged lines of logs, a disk that is full.

BAD_DAY is how many of each; ten thousand take some minutes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.middleware.csrf import CSRF_SECRET_LENGTH
from django.test import Client

from containers.choices import Via
from containers.errors import Conflict, SpocError
from containers.models import ApiToken, Container, Event, Job
from containers.services import accounts, audit, containers, signing, tokens
from containers.services.actor import Actor
from containers.services.token_terms import Terms
from spocweb.requests import WsgiHandler
from tests.security import hostile
from tests.support import rows

MANY = int(os.environ.get("BAD_DAY", "200"))


def attempt(address: str, name: str) -> bool:
    """Give a wrong password; return whether it was looked at."""
    actor = Actor(None, Via.WEB, address)
    try:
        signing.check_pace(actor, name)
    except Conflict:
        return False
    signing.record_failure(actor, name)
    return True


@pytest.mark.django_db
def test_however_many_bad_sign_ins_leave_few_events() -> None:
    assert sum(attempt("10.0.0.1", "anna") for _ in range(MANY)) == signing.MOST_FOR_BOTH
    assert (
        sum(attempt("10.0.0.1", f"name-{number}") for number in range(MANY)) == signing.MOST_FROM_ADDRESS - signing.MOST_FOR_BOTH
    )
    # What is held up is no event: it is on record by what held it up.
    assert Event.objects.count() == signing.MOST_FROM_ADDRESS
    # Somebody else, and the same person from elsewhere, comes in.
    assert attempt("10.0.0.2", "bob")
    assert attempt("10.0.0.2", "anna")


@pytest.mark.django_db
def test_many_addresses_together_do_not_get_past_the_limits() -> None:
    """Each stays below its own limit, and each account below what one glance at the newest events would tell."""
    names = [f"name-{number}" for number in range(4)]
    tried = [(f"10.0.0.{number % 20}", names[number // 20 % 4]) for number in range(1_000)]
    assert sum(attempt(address, name) for address, name in tried) == len(names) * signing.MOST_FOR_ACCOUNT


@pytest.fixture
def app(settings: Any, tmp_path: Path) -> Iterator[WsgiHandler]:
    """The panel without the part that closes connections: the test's transaction lives in one."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.MEDIA_ROOT.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(settings.MEDIA_ROOT)
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WsgiHandler()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def send(app: WsgiHandler, environ: dict[str, Any]) -> int:
    """Have a request answered to the end; return the status."""
    found: list[str] = []
    response = app(environ, lambda status, headers: found.append(status))
    for _chunk in response:
        pass
    response.close()
    return int(found[0].split()[0])


def bearer(admin: User) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {tokens.create_token(admin)}"}


def session(admin: User) -> dict[str, str]:
    client, secret = Client(), "a" * CSRF_SECRET_LENGTH
    client.force_login(admin)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookies = f"{settings.SESSION_COOKIE_NAME}={key}; {settings.CSRF_COOKIE_NAME}={secret}"
    return {"HTTP_COOKIE": cookies, "HTTP_X_CSRFTOKEN": secret}


@pytest.mark.django_db
@pytest.mark.parametrize("let_in", [bearer, session])
def test_no_hostile_request_is_an_error_of_ours(
    let_in: Callable[[User], dict[str, str]], app: WsgiHandler, caplog: pytest.LogCaptureFixture, redis_server: object
) -> None:
    rows.container("web")
    known = let_in(rows.user("admin", is_superuser=True))
    caplog.set_level(logging.INFO)
    broken = []
    for number in range(MANY):
        caplog.clear()
        environ = hostile.request(number, **known)
        status = send(app, environ)
        if status >= 500:
            broken.append((number, environ["REQUEST_METHOD"], environ["PATH_INFO"], status))
        forged = [record.getMessage() for record in caplog.records if not record.getMessage().isprintable()]
        assert forged == [], number
    assert broken == []
    # The account that was sent along is still there, and nobody else is an administrator.
    assert [user.username for user in User.objects.filter(is_superuser=True)] == ["admin"]


@pytest.mark.django_db(transaction=True)
def test_what_a_full_disk_cannot_record_is_not_done() -> None:
    web, person = rows.container("web"), rows.user("anna", is_superuser=True)
    other = rows.user("bob")
    before = state()
    with connection.cursor() as cursor:
        # The disk is as large as the file is: no page can be added.
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
    try:
        with pytest.raises(SpocError, match="is full"):
            fill()
        for change in (
            lambda: containers.update_container(rows.actor(person), web, {"description": "x" * 200}),
            lambda: tokens.create(rows.actor(person), person, Terms("nightly")),
            lambda: accounts.set_active(rows.actor(person), other, active=False),
            lambda: accounts.remove(rows.actor(person), User.objects.get(username="bob")),
        ):
            with pytest.raises(Exception, match="is full"):
                change()
            assert state() == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1073741823")
    accounts.set_active(rows.actor(person), other, active=False)
    assert Event.objects.latest("id").kind == "user.update"


def fill() -> None:
    """Use up what room there still is on the pages that there are, until the smallest event finds none."""
    with suppress(SpocError):
        while True:
            audit.record(rows.ROOT, "demo.create", "x" * 90, {"text": "x" * 2_000})
    while True:
        audit.record(rows.ROOT, "demo.create", "", {})


def state() -> tuple[object, ...]:
    people = User.objects.order_by("pk").values_list("username", "is_active")
    return (*Container.objects.values_list("description"), *people, ApiToken.objects.count(), Job.objects.count())

"""A secret of its own in every place where one can be given, real jobs with them, and then a search through all there is."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from containers.choices import JobState
from containers.domain.secrecy import MASK
from containers.models import Backup, Command, Container, Job, Line
from containers.services import accounts, events, installations, vault
from tests.api.conftest import Api
from tests.jobs.shop import PORT, SMALL, Shop
from tests.support import rows
from tests.support.html import parse
from tests.support.signing import code, sign_in
from tests.support.surface import Address, addresses

pytestmark = pytest.mark.lxc

# What the definition of a container is: who reads the database reads it, and the pages hide it from who may only look.
MEANT = {("containers_environmentvariable", "value"), ("containers_revision", "data")}
# Prints all that it was given, and ends badly: what goes wrong is quoted in many places.
TELLS = "env; cat /data/secret/password; exit 3"
APP = SMALL.replace("echo $WHO > /data/installed", "echo $WHO | tee /data/installed")
NOT_WALKED = ("api/v1/events/", "api/v1/openapi.json")


class Planter:
    """Secrets by where they were planted."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, where: str, value: str = "") -> str:
        self.planted[where] = value or f"Seed{secrets.token_hex(9)}"
        return self.planted[where]

    def found_in(self, text: str) -> list[str]:
        """Return where what stands in `text` had been planted, as it is or in another spelling."""
        return [where for where, value in self.planted.items() if any(form in text for form in _spellings(value))]


def _spellings(value: str) -> set[str]:
    raw = value.encode()
    return {value, json.dumps(value)[1:-1], raw.hex(), base64.b64encode(raw).decode().rstrip("=")}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every live event."""
    heard: list[str] = []
    monkeypatch.setattr(events, "publish_all", lambda news: heard.extend(map(json.dumps, news)))
    return heard


@pytest.fixture
def planter(shop: Shop, admin: User, settings: Any, told: list[str]) -> Planter:
    """All is planted, all jobs have run."""
    settings.STATIC_ROOT = shop.catalog
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    made = Planter()
    made.plant("Django's key", django_settings.SECRET_KEY)
    for number, key in enumerate(vault.keys()):
        made.plant(f"key {number} of the vault", key)
    _plant_in_account(made, admin)
    api = Api(admin)
    made.plant("the token that asks", api.headers["Authorization"].split()[1])
    made.plant("a token", api.post("/tokens/", {"name": "nightly"}).json()["token"])
    _plant_in_container(made, shop, api, sign_in(Client(), admin))
    _plant_in_app(made, shop, api)
    return made


def _plant_in_account(made: Planter, admin: User) -> None:
    first, second, wrong = made.plant("a password"), made.plant("a changed password"), made.plant("a wrong password")
    accounts.create(rows.actor(admin), "anna", first)
    client = Client()
    assert client.post("/sign-in/", {"username": "anna", "password": wrong}).status_code == 200
    assert client.post("/sign-in/", {"username": "anna", "password": first}).status_code == 302
    assert client.post("/confirm/", {"password": wrong}).status_code == 200
    given = {"oldpassword": first, "password1": second, "password2": second}
    assert client.post("/security/password/", given).status_code == 302
    key = made.plant("an authenticator's key", parse(client.get("/security/app/")).one("input", id="secret")["value"])
    assert client.post("/security/app/", {"code": code(key)})["Location"] == "/security/codes/"
    codes = [item.text for item in parse(client.get("/security/codes/")).one("ul", cls="sw-codes").all("li")]
    for number, one in enumerate(codes):
        made.plant(f"recovery code {number}", one)
    again = Client()
    assert again.post("/sign-in/", {"username": "anna", "password": second})["Location"] == "/sign-in/code/"
    assert again.post("/sign-in/code/", {"code": codes[3]}).status_code == 302
    accounts.set_password(rows.actor(admin), User.objects.get(username="anna"), made.plant("a password that was set"))


def _plant_in_container(made: Planter, shop: Shop, api: Api, browser: Client) -> None:
    env = {"DB_PASSWORD": made.plant("a variable"), "PORT": "8080"}
    url = f"postgres://me:{made.plant('a URL')}@db/shop"
    definition = {"layers": ["base"], "cmd": "/bin/sleep 1000", "halt": "SIGKILL", "ready": "env", "env": {**env, "URL": url}}
    assert _done(shop, api.post("/containers/", {"name": "plain", "definition": definition})) == JobState.SUCCEEDED
    assert _done(shop, api.post("/containers/plain/start/")) == JobState.SUCCEEDED
    assert _execute(shop, api, "plain") == JobState.FAILED
    # What runs has the one before; and what prints it after the row has changed is not the row's.
    definition["env"] = {"DB_PASSWORD": made.plant("a changed variable")}
    assert api.patch("/containers/plain/", {"definition": definition}).status_code == 200
    assert _execute(shop, api, "plain") == JobState.FAILED
    assert _done(shop, api.post("/containers/plain/restart/")) == JobState.SUCCEEDED
    assert _done(shop, api.post("/containers/plain/stop/")) == JobState.SUCCEEDED
    assert _execute(shop, api, "plain") == JobState.FAILED
    # What does not start is quoted.
    pasted = f"export API_KEY={made.plant('a pasted line')}\nAPP_PIN = {made.plant('another pasted line')}"
    sent = {"name": "noisy", "layers": ["base"], "env_lines": pasted, "cmd": f"/bin/sh -c '{TELLS}'", "halt": "SIGKILL"}
    assert browser.post("/new/", {**sent, "ready": "env; false", "ready_timeout": "1"}).status_code == 302
    assert shop.panel.run(Job.objects.latest("pk")).state == JobState.SUCCEEDED
    assert _done(shop, api.post("/containers/noisy/start/")) == JobState.FAILED


def _plant_in_app(made: Planter, shop: Shop, api: Api) -> None:
    shop.write(APP)
    answers = {"password": made.plant("an answer"), "port": PORT}
    assert _done(shop, api.post("/installations/", {"app": "note", "name": "blog", "answers": answers})) == JobState.SUCCEEDED
    assert _execute(shop, api, "blog-web") == JobState.FAILED
    changed = {"answers": {"password": made.plant("a changed answer")}}
    assert _done(shop, api.post("/installations/blog/update/", changed)) == JobState.SUCCEEDED
    assert _done(shop, api.post("/installations/blog/backup/", {"freeze": True})) == JobState.SUCCEEDED
    backup = Backup.objects.get().file_name
    answers = {"password": made.plant("an answer for a restoration"), "port": PORT + 1}
    restore = {"name": "copy", "backup": backup, "answers": answers}
    assert _done(shop, api.post("/installations/restore/", restore)) == JobState.SUCCEEDED
    assert installations.answers_of(shop.row("copy"))["password"] == answers["password"]
    # Whatever it is of: nobody has read yet which of its questions ask for a secret.
    hidden = {"name": "other", "path": "/nowhere/backup.tar", "answers": {"password": made.plant("an answer for nothing")}}
    assert _done(shop, api.post("/installations/restore/", hidden)) == JobState.FAILED


def _done(shop: Shop, response: Any) -> str:
    assert response.status_code in (201, 202), response.content
    return shop.panel.run(Job.objects.latest("pk")).state


def _execute(shop: Shop, api: Api, name: str) -> str:
    return _done(shop, api.post(f"/containers/{name}/execute/", {"command": ["/bin/sh", "-c", TELLS]}))


def _stored() -> Iterator[tuple[tuple[str, str], str]]:
    """Every value of every row, by table and column; what a session holds as it is read."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                yield from (((table, name), str(value)) for name, value in zip(names, row, strict=True))
    for session in Session.objects.all():
        yield ("django_session", "session_data"), str(session.get_decoded())


def _logged() -> Iterator[tuple[str, str]]:
    for path in sorted(django_settings.LOG_DIR.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(django_settings.LOG_DIR)), path.read_text(errors="replace")


def _looked_at(person: User) -> Iterator[tuple[str, str]]:
    """All that somebody gets to see."""
    client = sign_in(Client(), person)
    for address in addresses():
        if "GET" in (address.entries or {"GET": None}) and address.route not in NOT_WALKED:
            for path in _paths(address):
                response = client.get(path)
                body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
                yield f"{response.status_code} {path}", body.decode(errors="replace")


def _paths(address: Address) -> set[str]:
    names = [*Container.objects.values_list("name", flat=True), "blog", "copy", "note"]
    commands = Command.objects.values_list("step__job", "pk")
    if "<number:command>" in address.route:
        chosen = [{"number": job, "command": command} for job, command in commands]
    elif "job" in address.route:
        chosen = [{"number": job, "job_id": job} for job in Job.objects.values_list("pk", flat=True)]
    else:
        chosen = [{"name": name} for name in names]
    return {address.path({"command": 1, "job_id": 1, **one}) for one in chosen}  # type: ignore[dict-item]


def test_no_secret_stands_where_it_is_not_meant_to_be(planter: Planter, told: list[str], admin: User, caplog: Any) -> None:
    leaks: dict[str, list[str]] = {}

    def search(where: str, text: str) -> None:
        if found := planter.found_in(text):
            leaks[where] = sorted({*leaks.get(where, []), *found})

    for (table, column), value in _stored():
        if (table, column) not in MEANT:
            search(f"{table}.{column}", value)
    # A console is the container's own word; who reads it, in pages and API, is told no more than below.
    for name, text in _logged():
        if name != "noisy.log":
            search(f"log {name}", text)
    search("messages of the panel", caplog.text)
    for one in told:
        search("live events", one)
    person = rows.limited("looker", "*", "audit")
    seen = dict(_looked_at(person))
    for name, text in seen.items():
        search(name, text)
    assert leaks == {}
    assert len([name for name in seen if name.startswith("200 ")]) > 150
    _check_that_it_was_looked_for(planter, told, seen)


def _check_that_it_was_looked_for(planter: Planter, told: list[str], seen: Mapping[str, str]) -> None:
    """The search finds what there is: it stands where it is meant to be, and is hidden where it would be seen."""
    held = {where for place, value in _stored() if place in MEANT for where in planter.found_in(value)}
    assert {"a variable", "a URL", "a changed variable", "a pasted line", "another pasted line"} <= held
    lines = "\n".join(Line.objects.values_list("text", flat=True))
    for name in ("DB_PASSWORD", "API_KEY", "APP_PIN"):
        assert f"{name}={MASK}" in lines + "\n".join(Job.objects.values_list("error", flat=True))
    assert any(MASK in one for one in told)
    for part in ("/support/", "/record/", "/audit/export/", "/api/v1/containers/plain/", "/installations/blog/"):
        assert [name for name in seen if re.fullmatch(rf"200 .*{part}", name)], part

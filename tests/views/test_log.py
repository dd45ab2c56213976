"""The console of a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.support import rows
from tests.support.html import Element, parse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log(settings: Any, tmp_path: Path) -> Path:
    rows.container("web")
    settings.LOG_DIR = tmp_path
    return tmp_path / "web.log"


def page(client: Client, query: str = "") -> Element:
    response = client.get(f"/containers/web/log/{query}")
    assert response.status_code == 200
    return parse(response)


def lines(tree: Element) -> list[str]:
    return [line.text for line in tree.one(id="log").all("span", "l") if "id" not in line.attrs]


def test_a_container_that_has_said_nothing(client: Client) -> None:
    assert "Nothing has been written" in page(client).one(id="log").text


def test_the_last_lines_are_shown_as_text(client: Client, log: Path) -> None:
    log.write_text("".join(f"{number}\n" for number in range(300)) + "<b>\x1b[31mred\x1b[0m</b>\nprompt>")
    tree = page(client)
    assert lines(tree)[0] == "101"
    assert lines(tree)[-1] == "<b>red</b>"
    assert tree.one(id="log-rest").text == "prompt>"
    assert len(lines(page(client, "?lines=1000"))) == 301
    assert len(lines(page(client, "?lines=7"))) == 200


def test_it_can_be_had_as_a_file(client: Client, log: Path) -> None:
    log.write_text("first <b>\n\x1b[31mred\x1b[0m\n")
    response = client.get("/containers/web/log/?download")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="web.log"'
    assert response.content.decode() == "first <b>\nred\n"


def test_a_search_marks_what_it_finds(client: Client, log: Path) -> None:
    log.write_text("GET /?a=<b>&\nnothing\n<B>old\n")
    tree = page(client, "?search=%3Cb%3E")
    assert lines(tree) == ["GET /?a=<b>&", "<B>old"]
    assert [mark.text for mark in tree.one(id="log").all("mark")] == ["<b>", "<B>"]
    assert "2 lines with “<b>”" in tree.text
    assert "No line is like that" in page(client, "?search=.*").text


def test_a_follower_gets_what_is_new(client: Client, log: Path) -> None:
    log.write_text("one\n")
    position = page(client).one(id="log")["data-position"]
    with log.open("a") as stream:
        stream.write("<two>\nthree")
    response = client.get("/containers/web/log/", {"after": position})
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert (body["lines"], body["rest"], body["is_new"]) == (["&lt;two&gt;"], "three", False)
    log.write_text("fresh\n")
    assert client.get("/containers/web/log/", {"after": body["position"]}).json()["is_new"]


def test_a_follower_of_a_search_gets_what_fits(client: Client, log: Path) -> None:
    log.write_text("error 1\nfine\n")
    assert client.get("/containers/web/log/", {"after": "", "search": "ERR"}).json()["lines"] == ["<mark>err</mark>or 1"]


def test_a_stranger_sees_nothing_of_it(stranger_client: Client, log: Path) -> None:
    log.write_text("secret\n")
    for query in ("", "?download", "?after="):
        response = stranger_client.get(f"/containers/web/log/{query}")
        assert response.status_code == 403
        assert b"secret" not in response.content


def test_who_may_only_look_reads_no_secret_and_finds_none(log: Path, client: Client, viewer_client: Client) -> None:
    rows.container("db", env={"DB_PASSWORD": "hunter22"})
    (log.parent / "db.log").write_text("begins\nuses hunter22 now\nhunter22")
    assert "hunter22" in client.get("/containers/db/log/").content.decode()
    for query in ("", "?download", "?after="):
        text = viewer_client.get(f"/containers/db/log/{query}").content.decode()
        assert ("hunter22" in text, "uses ********" in text) == (False, True)
    for search, found in (("hunter", False), ("uses", True)):
        text = viewer_client.get(f"/containers/db/log/?after=&search={search}").content.decode()
        assert (" now" in text) == found

"""Pages in the language of whoever looks at them; the API and what is put on record in English."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from django.db import DatabaseError
from django.test import Client, RequestFactory
from django.utils import translation

from containers.choices import JobState
from containers.errors import Unrecorded
from containers.models import Job, Layer
from containers.services import audit, layers
from containers.views import spans, wording
from containers.views.middleware import language_of
from tests.support import rows
from tests.support.html import parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

HEADINGS = {"en": "Containers", "cs": "Kontejnery", "de": "Container"}


def heading(client: Client, path: str = "/containers/", **headers: str) -> tuple[str, str]:
    """The language that a page says it is in, and its heading."""
    page = parse(client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}))
    return page.one("html")["lang"], page.one("h1").text


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("", "en"),
        ("cs", "cs"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,cs;q=0.5,en;q=0.3", "cs"),
        ("fr,ja", "en"),
        ("de;q=x,\0,;;q=," * 50, "en"),
    ],
)
def test_pages_are_in_the_browsers_language(client: Client, accepts: str, language: str) -> None:
    assert heading(client, accept_language=accepts) == (language, HEADINGS[language])
    # The next request is somebody else's.
    assert translation.get_language() == "en"


def test_a_chosen_language_is_kept_in_a_cookie(client: Client) -> None:
    response = client.post("/language/", {"language": "cs", "next": "/jobs/"}, headers={"Accept-Language": "de"})
    assert response["Location"] == "/jobs/"
    assert client.cookies["spocweb_language"]["httponly"]
    page = parse(client.get("/containers/", headers={"Accept-Language": "de"}))
    assert page.one("html")["lang"] == "cs"
    assert [button.text for button in page.all("button", name="language", aria_pressed="true")] == ["Čeština"]
    client.post("/language/", {"language": ""})
    assert heading(client, accept_language="de") == ("de", "Container")


@pytest.mark.parametrize("chosen", ["xx", "fr", "../cs", "cs, de", "c" * 500])
def test_a_language_that_there_is_not_means_the_browsers(client: Client, chosen: str) -> None:
    assert client.post("/language/", {"language": chosen, "next": "https://example.org/"})["Location"] == "/containers/"
    assert client.get("/language/").status_code == 405
    client.cookies["spocweb_language"] = chosen
    assert heading(client, accept_language="de")[0] == "de"


def test_the_language_is_chosen_before_signing_in(anonymous: Client) -> None:
    assert heading(anonymous, "/sign-in/", accept_language="de") == ("de", "Anmelden")
    anonymous.post("/language/", {"language": "cs", "next": "/sign-in/"})
    page = parse(anonymous.get("/sign-in/?next=/jobs/"))
    assert (page.one("html")["lang"], page.one("h1").text) == ("cs", "Přihlásit se")
    assert [button.text for button in page.all("button", name="language")] == ["English", "Čeština", "Deutsch"]
    assert page.one("form", action="/language/").one("input", name="next")["value"] == "/sign-in/?next=/jobs/"


def test_errors_are_in_the_readers_language(client: Client) -> None:
    assert heading(client, "/nowhere/", accept_language="cs") == ("cs", "Tady nic není")
    assert heading(client, "/containers/nowhere/", accept_language="de")[0] == "de"


def test_a_part_of_a_page_is_in_the_language_of_the_page(client: Client) -> None:
    """What live events lead to: another tab may have chosen another language since the page was made."""
    rows.container("web")
    words = {"en": "Stopped", "cs": "Zastaven", "de": "Gestoppt"}
    # One after the other, and again: what is kept of rows is kept per language.
    for language in ("cs", "de", "en", "cs"):
        client.cookies["spocweb_language"] = "de"
        page = {**HTMX, "Page-Language": language}
        response = client.get("/containers/?row=web", headers=page)
        assert words[language] in parse(response).one("tr").text
        assert response["Content-Language"] == language
        assert {"Page-Language", "Accept-Language"} <= set(response["Vary"].split(", "))
    for refused in ("fr", "", "x\0"):
        assert words["de"] in parse(client.get("/containers/?row=web", headers={**HTMX, "Page-Language": refused})).one("tr").text


def test_every_page_says_its_language_to_what_asks_for_parts_of_it(client: Client) -> None:
    page = parse(client.get("/containers/", headers={"Accept-Language": "de"}))
    assert page.one("body")["hx-headers"] == '{"Page-Language": "de"}'


def test_the_api_speaks_english(rf: RequestFactory, client: Client) -> None:
    german = {"Accept-Language": "de", "Page-Language": "de"}
    assert language_of(rf.get("/api/v1/jobs/", headers=german)) == "en"
    assert "Content-Language" not in client.get("/api/v1/jobs/", headers=german)


def test_records_and_errors_are_in_english_whoever_causes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.host()
    with translation.override("cs"):
        layers.request_import(rows.ROOT, "base", upload="0" * 32)
        monkeypatch.setattr(audit, "_insert", Mock(side_effect=DatabaseError("disk is full")))
        with pytest.raises(Unrecorded, match="Job asked for cannot be recorded"):
            layers.request_import(rows.ROOT, "other", upload="1" * 32)
    assert Layer.objects.get(name="base").origin == "an uploaded archive"


def test_days_and_ages_are_written_as_the_language_does(client: Client) -> None:
    job = Job.objects.create(host=rows.host(), operation="start", targets=["db", "web"], via="cli", state=JobState.FAILED)
    Job.objects.filter(pk=job.pk).update(created_at="2026-01-31T23:30:00Z")
    client.cookies["spocweb_zone"] = "Europe/Prague"
    page = parse(client.get(f"/jobs/{job.pk}/", headers={"Accept-Language": "cs"}))
    assert "1. 2. 2026, 00:30:00" in page.text
    assert page.one("h1").text == "Spustit: db a web"
    assert "příkazový řádek" in page.text
    german = parse(client.get(f"/jobs/{job.pk}/", headers={"Accept-Language": "de"}))
    assert "1. 2. 2026, 00:30:00" in german.text
    assert german.one("h1").text == "Starten: db und web"


def test_words_in_sentences() -> None:
    with translation.override("cs"):
        assert spans.words().ago % spans.short(7_300) == "před 2 h"
    with translation.override("de"):
        assert wording.inside("In Warteschlange") == "in Warteschlange"
        assert spans.words().ago % spans.short(7_300) == "vor 2 h"
    assert spans.words().ago % spans.short(7_300) == "2 h ago"


@pytest.mark.parametrize(
    ("count", "czech", "german"),
    [(0, "0 kontejnerů", "0 Container"), (1, "1 kontejner", "1 Container"), (3, "3 kontejnery", "3 Container")]
    + [(5, "5 kontejnerů", "5 Container"), (22, "22 kontejnerů", "22 Container"), (101, "101 kontejnerů", "101 Container")],
)
def test_plurals(count: int, czech: str, german: str) -> None:
    for language, text in (("cs", czech), ("de", german)):
        with translation.override(language):
            assert translation.ngettext("%d container", "%d containers", count) % count == text

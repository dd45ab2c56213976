"""The catalogue of apps, the page of one, and what is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from containers.choices import InstallationState, MountKind
from containers.models import Backup, Container, Installation, Job
from containers.services import hosts
from tests.support import rows
from tests.support.apps import MANIFEST, installed, write
from tests.support.html import Element, parse
from tests.views.conftest import HTMX, signed_in

pytestmark = pytest.mark.django_db

WIKI = MANIFEST.replace('name = "note"', 'name = "wiki"', 1).replace('title = "Note"', 'title = "Wiki"\ncategories = ["web"]', 1)
ICON = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path)
    rows.layer()
    return tmp_path


def main(response: Any) -> Element:
    return parse(response).one("main")


def titles(response: Any) -> list[str]:
    return [link.text for link in parse(response).all("a", "sw-app-link")]


def test_the_catalogue_is_searched_and_divided_by_its_address(client: Client, catalog: Path) -> None:
    write(catalog, WIKI, name="wiki")
    assert titles(client.get("/apps/")) == ["Note", "Wiki"]
    assert titles(client.get("/apps/", {"search": "keeps WIKI"})) == ["Wiki"]
    assert titles(client.get("/apps/", {"category": "web"}, headers=HTMX)) == ["Wiki"]
    chips = [chip.text for chip in main(client.get("/apps/", {"category": "web"})).all("a", "sw-chip")]
    assert chips == ["All 2", "Web 1"]
    assert "No app is like that" in main(client.get("/apps/", {"search": "mail", "category": "web"})).text
    assert titles(client.get("/apps/", {"search": "\0" * 200})) == ["Note", "Wiki"]


def test_a_folder_that_is_no_app_is_shown_with_file_and_line(client: Client, catalog: Path) -> None:
    write(catalog, MANIFEST.replace("port = 80\n", "port = 0\n"), name="broken")
    text = main(client.get("/apps/")).text
    assert "app.toml:" in text
    assert "ports.0.port" in text
    for app in ("note", "broken"):
        for file in (catalog / app).iterdir():
            file.unlink()
        (catalog / app).rmdir()
    assert "No apps yet" in main(client.get("/apps/")).text


def test_the_page_of_an_app_says_what_it_makes_and_where_it_is(client: Client) -> None:
    installed()
    page = main(client.get("/apps/note/"))
    for text in ("NAME-db", "NAME-web", "NAME-data", "port 80 of NAME-web", "app-note-web:1.0", "web.recipe", "Say good-bye"):
        assert text in page.text
    assert "/installations/blog/" in [link["href"] for link in page.all("a")]
    assert client.get("/apps/nothing/").status_code == 404


def test_an_icon_can_do_nothing_and_is_what_it_is(client: Client, catalog: Path) -> None:
    assert client.get("/apps/note/icon/").status_code == 404
    write(catalog, MANIFEST.replace("[[questions]]", 'icon = "icon.svg"\n\n[[questions]]', 1), **{"icon.svg": ICON})
    response = client.get("/apps/note/icon/")
    assert (response.content.decode(), response["Content-Type"]) == (ICON, "image/svg+xml")
    assert "sandbox" in response["Content-Security-Policy"]
    assert "script" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_an_installation_shows_what_it_is_and_no_secret(client: Client, catalog: Path) -> None:
    row = installed(notes="Ask for <b>blog</b>.\nThen write.")
    rows.volume("blog-data", size_bytes=3 << 20, kind=MountKind.DIRECTORY)
    Backup.objects.create(host=row.host, installation="blog", app="note", version="1.0", file_name="blog-1.tar", size_bytes=2048)
    Job.objects.create(host=row.host, operation="app-install", targets=["blog"], state="succeeded", via="web")
    response = client.get("/installations/blog/")
    page = main(response)
    for text in ("Installed", "blog-db", "blog-web", "Running", "3 MiB", "blog-1.tar", "Ask for <b>blog</b>.", "kept secret"):
        assert text in page.text
    assert "hush-hush" not in response.content.decode()
    assert "http://testserver:30000/" in [link["href"] for link in page.all("a")]
    assert f"/jobs/{Job.objects.get(operation='app-install').pk}/" in [link["href"] for link in page.all("a")]
    write(catalog, MANIFEST.replace('version = "1.0"', 'version = "2.0"', 1))
    assert "Version 2.0 is there" in main(client.get("/installations/blog/")).text
    assert client.get("/installations/other/").status_code == 404


def test_an_app_that_left_the_catalogue_is_still_shown(client: Client, catalog: Path) -> None:
    installed()
    for file in (catalog / "note").iterdir():
        file.unlink()
    (catalog / "note").rmdir()
    text = main(client.get("/installations/blog/")).text
    assert "not in the catalogue any more" in text
    assert "hello" in text
    assert "Installed" in main(client.get("/installations/")).text


def test_what_is_being_done_is_loud(client: Client) -> None:
    job = Job.objects.create(host=hosts.current(), operation="app-update", targets=["blog"], via="web")
    installed(state=InstallationState.UPDATING, job=job)
    page = main(client.get("/installations/blog/"))
    assert "Being updated" in page.text
    assert f"Open job {job.pk}" in page.text


def test_an_empty_list_leads_to_the_catalogue(client: Client) -> None:
    page = main(client.get("/installations/"))
    assert "Nothing is installed yet" in page.text


def test_more_installations_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    for address in ("/installations/", "/apps/", "/apps/note/"):
        installed(f"first{Installation.objects.count()}")
        with django_assert_max_num_queries(16) as few:
            client.get(address)
        for _number in range(3):
            installed(f"more{Installation.objects.count()}")
        with django_assert_max_num_queries(len(few)):
            client.get(address)
    assert Container.objects.count() == 24


def test_parts_that_follow_the_events(client: Client) -> None:
    installed()
    for address, part in (("/installations/", "installations"), ("/installations/blog/", "installation")):
        response = client.get(address, {"row": "*"})
        assert parse(response).one(id=part)["data-live-url"].startswith(address)
        assert not parse(response).all("main")


def test_apps_are_found_by_the_palette(client: Client) -> None:
    assert "/apps/" in client.get("/search/", {"q": "cata"}).content.decode()


def test_a_container_says_which_app_it_belongs_to(client: Client) -> None:
    installed()
    rows.container("alone")
    assert "/installations/blog/" in [link["href"] for link in main(client.get("/containers/blog-web/")).all("a", href=True)]
    assert "Part of" not in main(client.get("/containers/alone/")).text
    heads = [head.text for head in main(client.get("/containers/", {"group": "app"})).all("tr", "sw-group")]
    assert [head.split(" · ")[0] for head in heads] == ["blog", "No app"]


def test_who_may_not_see_the_containers_does_not_see_the_installation() -> None:
    limited = signed_in(rows.limited("limited", "wiki-*"))
    installed("blog")
    installed("wiki")
    names = [cell.one("a").text for cell in main(limited.get("/installations/")).one("tbody").all("th")]
    assert names == ["wiki"]
    assert limited.get("/installations/wiki/").status_code == 200
    assert limited.get("/installations/blog/").status_code == 404
    assert "blog" not in main(limited.get("/apps/note/")).text
    assert limited.get("/apps/note/install/").status_code == 403

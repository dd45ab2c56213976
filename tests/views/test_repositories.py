"""Repositories: the own one first, others added and looked into, images compared with what is here; files sent in parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from containers.models import Event, Image, Job, Layer, Repository
from tests.support import exports, rows
from tests.support.html import Element, parse

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 1000
ADDRESS = "/exports/debian/12/"


@pytest.fixture
def own() -> Iterator[Path]:
    with exports.own("debian:12", "pg:15", content=CONTENT) as directory:
        yield directory


def page(client: Client, path: str = "/repositories/") -> Element:
    return parse(client.get(path))


def sent(**changes: str) -> dict[str, str]:
    return {"name": "team", "location": "https://images.example.org/a", "public_key": exports.PUBLIC, **changes}


def test_before_anything_is_there_the_pages_say_what_a_repository_is(client: Client) -> None:
    assert "No other repositories yet" in page(client).text
    assert "made with the first export" in page(client).text
    assert "Nothing exported yet" in page(client, "/repositories/own/").text


def test_the_own_one_stands_first_with_key_and_path(client: Client, own: Path) -> None:
    tree = page(client)
    assert tree.one("main").all("h2")[0].text == "This host's own"
    assert {code.text for code in tree.one("dl").all("code")} == {str(own), exports.PUBLIC}
    assert tree.one("button", aria_label="Copy public key")["data-copy-text"] == exports.PUBLIC


def test_the_navigation_leads_here(client: Client) -> None:
    links = page(client).one("nav", aria_label="Main").all("a", href="/repositories/")
    assert [link["aria-current"] for link in links] == ["page"]


def test_one_is_added_and_looked_into(client: Client) -> None:
    response = client.post("/repositories/", sent(location="https://images.example.org/a/"))
    job, row = Job.objects.get(), Repository.objects.get()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets) == ("repository-refresh", ["team"])
    assert (row.name, row.location, row.public_key) == ("team", "https://images.example.org/a", exports.PUBLIC)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "../x"}, "name"),
        ({"name": "own"}, "name"),
        ({"name": "taken"}, "name"),
        ({"location": ""}, "location"),
        ({"location": "ftp://x/"}, "location"),
        ({"location": "/etc"}, "location"),
        ({"location": "http://user:secret@x/"}, "location"),
        ({"public_key": ""}, "public_key"),
        ({"public_key": "0" * 63}, "public_key"),
        ({"public_key": "x" * 64}, "public_key"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client: Client, changes: dict[str, str], field: str) -> None:
    exports.row("taken")
    response = client.post("/repositories/", sent(**changes))
    assert response.status_code == 422
    tree = parse(response)
    assert tree.one("input", name=field)["aria-invalid"] == "true"
    assert tree.one("input", name="location")["value"] == sent(**changes)["location"]
    assert (Repository.objects.count(), Job.objects.count()) == (1, 0)


def test_a_page_compares_images_with_what_is_here(client: Client) -> None:
    rows.image("debian:12", layers=("same",))
    rows.image("debian:11", layers=("other",))
    Layer.objects.filter(name="same").update(digest="b" * 64)
    Image.objects.update(updated_at=exports.CREATED)
    exports.row("team", "debian:12", "debian:11", "debian:10", "pg:15")
    lines = page(client, "/repositories/team/").one("tbody").all("tr")
    assert [[cell.text for cell in line.all("td")[:2]] for line in lines] == [
        ["10", "other version"],
        ["11", "Another content"],
        ["12", "Here"],
        ["15", "no"],
    ]
    assert [bool(line.all("form")) for line in lines] == [True, True, False, True]
    assert "Replace the image debian:11" in lines[1].one("form")["data-ask"]


def test_an_image_is_fetched_by_a_job(client: Client) -> None:
    exports.row("team", "debian:12")
    form = page(client, "/repositories/team/").one("tbody").one("form")
    response = client.post(form["action"], {"image": form.one("input", name="image")["value"]})
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets, job.inputs) == ("image-fetch", ["debian:12"], {"repository": "team"})


@pytest.mark.parametrize("image", ["", "debian:13", "../x", "debian:12\n"])
def test_what_is_not_there_is_not_fetched(client: Client, image: str) -> None:
    exports.row("team", "debian:12")
    response = client.post("/repositories/team/fetch/", {"image": image}, follow=True)
    assert parse(response).one(id="notices").all("div", "sw-bad")
    assert Job.objects.count() == 0


def test_one_is_refreshed_and_forgotten(client: Client) -> None:
    exports.row("team")
    client.post("/repositories/team/refresh/")
    assert Job.objects.get().operation == "repository-refresh"
    response = client.post("/repositories/team/remove/")
    assert response["Location"] == "/repositories/"
    assert not Repository.objects.exists()
    assert Event.objects.filter(kind="repository.remove", subject="team").exists()


def test_a_look_that_did_not_succeed_is_said_until_one_does(client: Client) -> None:
    exports.row("team")
    client.post("/repositories/team/refresh/")
    job = Job.objects.get()
    assert "did not succeed" not in page(client, "/repositories/team/").text
    Job.objects.update(state="failed", reason="The index is signed with another key", ended_at=timezone.now())
    tree = page(client, "/repositories/team/").one("main")
    assert "The last look did not succeed" in tree.text
    assert "The index is signed with another key" in tree.text
    assert tree.all("a", href=f"/jobs/{job.pk}/")
    client.post("/repositories/team/refresh/")
    Job.objects.filter(pk__gt=job.pk).update(state="succeeded", ended_at=timezone.now())
    assert "did not succeed" not in page(client, "/repositories/team/").text


@pytest.mark.parametrize("action", ["refresh", "remove"])
def test_the_own_one_is_neither_refreshed_nor_forgotten(client: Client, own: Path, action: str) -> None:
    assert client.post(f"/repositories/own/{action}/").status_code == 404
    assert client.post(f"/repositories/other/{action}/").status_code == 404


def test_an_image_is_exported_from_its_page(client: Client) -> None:
    rows.image("debian:12")
    form = page(client, "/images/debian/12/").one("form", action="/images/debian/12/export/")
    assert form.one("button").text == "Export"
    client.post(form["action"])
    job = Job.objects.get()
    assert (job.operation, job.targets) == ("image-export", ["debian:12"])


def test_an_exported_file_is_removed_by_a_job(client: Client, own: Path) -> None:
    tree = page(client, "/repositories/own/")
    (form,) = tree.all("form", action="/exports/pg/15/remove/")
    client.post(form["action"])
    job = Job.objects.get()
    assert (job.operation, job.targets) == ("export-remove", ["pg:15"])
    assert client.post("/exports/other/1/remove/").status_code == 404


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_an_exported_file_is_sent(client: Client, own: Path) -> None:
    (link,) = page(client, "/repositories/own/").all("a", href=ADDRESS)
    response = client.get(link["href"])
    assert body(response) == CONTENT
    entry = exports.entry("debian:12", CONTENT)
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["Content-Disposition"] == f'attachment; filename="{entry.file}"'
    assert response.headers["ETag"] == f'"{entry.sha256}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-", 0, 255_999),
        ("bytes=1000-", 1000, 255_999),
        ("bytes=1000-1999", 1000, 1999),
        ("bytes=255999-", 255_999, 255_999),
        ("bytes=1000-999999", 1000, 255_999),
        ("bytes=-1", 255_999, 255_999),
        ("bytes=-999999", 0, 255_999),
    ],
)
def test_a_part_is_sent(client: Client, own: Path, header: str, first: int, last: int) -> None:
    response = client.get(ADDRESS, headers={"Range": header})
    assert body(response) == CONTENT[first : last + 1]
    is_whole = last - first + 1 == len(CONTENT)
    assert response.status_code == (200 if is_whole else 206)
    assert response.headers.get("Content-Range") == (None if is_whole else f"bytes {first}-{last}/256000")


@pytest.mark.parametrize("header", ["bytes=256000-", "bytes=5-4", "bytes=-0"])
def test_a_part_that_is_not_there_is_refused(client: Client, own: Path, header: str) -> None:
    response = client.get(ADDRESS, headers={"Range": header})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */256000")


@pytest.mark.parametrize("header", ["bytes=1-2,4-5", "bytes=-", "bytes=a-", "lines=1-2", "", "bytes=1-2-3", "bytes=" + "9" * 100])
def test_what_is_no_range_gets_the_whole(client: Client, own: Path, header: str) -> None:
    response = client.get(ADDRESS, headers={"Range": header})
    assert (response.status_code, body(response)) == (200, CONTENT)


def test_a_part_of_another_content_is_not_sent(client: Client, own: Path) -> None:
    entry = exports.entry("debian:12", CONTENT)
    same = client.get(ADDRESS, headers={"Range": "bytes=5-", "If-Range": f'"{entry.sha256}"'})
    assert (same.status_code, body(same)) == (206, CONTENT[5:])
    other = client.get(ADDRESS, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (other.status_code, body(other)) == (200, CONTENT)


def test_the_viewer_sees_no_form(viewer_client: Client, own: Path) -> None:
    exports.row("team", "debian:12")
    for path in ("/repositories/", "/repositories/team/", "/repositories/own/"):
        assert page(viewer_client, path).one("main").all("form") == []
    assert page(viewer_client, "/repositories/own/").all("a", href=ADDRESS) == []
    assert viewer_client.get(ADDRESS).status_code == 403


def test_more_repositories_and_images_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    exports.row("a", "debian:12")
    with django_assert_max_num_queries(20) as few:
        page(client)
        page(client, "/repositories/a/")
    Repository.objects.all().delete()
    exports.row("a", *(f"debian:{number}" for number in range(20)))
    for name in "bcdef":
        exports.row(name, "debian:12")
    with django_assert_max_num_queries(len(few)):
        page(client)
        page(client, "/repositories/a/")


def test_a_row_that_was_changed_behind_its_back_is_shown(client: Client) -> None:
    row = exports.row("team", "debian:12")
    Repository.objects.filter(pk=row.pk).update(images=[{"name": "<script>"}], location="javascript:alert(1)", serial=-5)
    for path in ("/repositories/", "/repositories/team/"):
        assert client.get(path).status_code == 200


def test_nothing_is_read_outside_the_directory(client: Client, own: Path) -> None:
    (settings.DATA_DIR / "secret@1.tar").write_text("secret")
    for path in ("/exports/..%2Fsecret/1/", "/exports/secret/1/", "/exports/debian/..%2F..%2F12/"):
        assert client.get(path).status_code == 404
    (settings.DATA_DIR / "secret@1.tar").unlink()

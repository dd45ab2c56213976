"""Search from anywhere: what is found, in which order, for whom, and how much it may cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Job
from containers.views import finding
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db


def options(client: Client, typed: str) -> dict[str, list[tuple[str, str]]]:
    """What the field at the top offers: {group: [(title, address)]}."""
    response = client.get("/search/", {"q": typed, "options": "1"}, headers=HTMX)
    assert response.status_code == 200
    return {
        group.all("div")[0].text: [
            (option.one("span", "sw-found").text, option["href"]) for option in group.all("a", role="option")
        ]
        for group in parse(response).all("div", role="group")
    }


def titles(client: Client, typed: str) -> dict[str, list[str]]:
    return {group: [title for title, _url in items] for group, items in options(client, typed).items()}


def test_containers_are_found_by_name_and_description_the_likeliest_first(client: Client) -> None:
    rows.container("my-shop")
    rows.container("shop-db", description="PostgreSQL")
    rows.container("shop")
    rows.container("mail", description="Mail of the shop")
    assert titles(client, " SHOP ")["Containers"] == ["shop", "shop-db", "my-shop", "mail"]
    assert options(client, "postgres")["Containers"] == [("shop-db", "/containers/shop-db/")]


def test_an_action_leads_to_its_plan(client: Client) -> None:
    rows.container("mail")
    rows.container("mail-db")
    assert options(client, "stop mail")["Actions"] == [
        ("Stop mail…", "/containers/mail/stop/"),
        ("Stop mail-db…", "/containers/mail-db/stop/"),
    ]
    assert titles(client, "sta mail-d")["Actions"] == ["Start mail-db…"]
    assert options(client, "destroy mail-db")["Actions"] == [("Delete mail-db…", "/containers/mail-db/delete/")]
    assert titles(client, "del mail-db")["Actions"] == ["Delete mail-db…"]
    assert "Actions" not in options(client, "stop")
    assert "Actions" not in options(client, "stop nothing")


def test_who_may_only_look_is_offered_nothing_to_do(viewer_client: Client) -> None:
    rows.container("mail")
    assert "Actions" not in options(viewer_client, "stop mail")
    assert titles(viewer_client, "new") == {}
    assert "Containers" in options(viewer_client, "mail")


@pytest.mark.parametrize("typed", ["{0}", "job {0}", "#{0}", "Job #{0}"])
def test_a_job_is_found_by_its_number(client: Client, typed: str) -> None:
    rows.container("mail")
    job = Job.objects.get()
    assert options(client, typed.format(job.pk))["Jobs"] == [(f"{job.pk}: Create mail", f"/jobs/{job.pk}/")]


def test_the_last_jobs_of_a_container_images_layers_and_volumes_are_found(client: Client) -> None:
    rows.layer("mail-1")
    rows.container("mail", mounts={"mail-data": "srv"})
    rows.container("backup", mounts={"mail-data": "srv"})
    rows.image("mail:12", layers=("mail-1",))
    found = options(client, "mail")
    assert [title.partition(": ")[2] for title, _url in found["Jobs"]] == ["Create mail"]
    assert found["Images"] == [("mail:12", "/images/mail/12/")]
    assert found["Layers"] == [("mail-1", "/layers/mail-1/")]
    assert found["Volumes"] == [("mail-data", "/containers/backup/definition/")]


def test_pages_are_found_by_the_beginnings_of_words(client: Client) -> None:
    assert titles(client, "root") == {"Pages": ["What root can do"]}
    assert titles(client, "exp")["Pages"] == ["Export all as one file"]
    assert "New container" in titles(client, "")["Pages"]


TYPED = ["\0", "%", "_", "'", "job 99999999999999999999", "job 999999999999999999", "é" * 500, "² x", "<b>"]


@pytest.mark.parametrize("typed", TYPED)
def test_whatever_is_typed_is_answered(client: Client, typed: str) -> None:
    rows.container("mail")
    options(client, typed)
    page = parse(client.get("/search/", {"q": typed}))
    assert page.one("h1").text == "Search"


def test_nothing_found_is_said(client: Client) -> None:
    tree = parse(client.get("/search/?q=zzz&options=1", headers=HTMX))
    assert "Nothing is like that" in tree.text
    assert tree.one("div", data_count=True).text == "0 results"


def test_without_script_there_is_a_page_of_links(client: Client) -> None:
    rows.container("mail")
    form = parse(client.get("/containers/")).one("form", data_palette=True)
    assert (form["action"], form.one("input")["name"]) == ("/search/", "q")
    page = parse(client.get("/search/?q=stop+mail"))
    assert page.one("input", id="search-typed")["value"] == "stop mail"
    assert "/containers/mail/stop/" in hrefs(page.one(id="results"))
    fragment = parse(client.get("/search/?q=mail", headers=HTMX))
    assert "/containers/mail/" in hrefs(fragment)
    assert fragment.all("h1") == []


def hrefs(tree: Element) -> list[str]:
    return [link["href"] for link in tree.all("a")]


def test_groups_and_queries_are_bounded(operator: User, django_assert_max_num_queries: Any) -> None:
    for number in range(10):
        rows.container(f"start-{number}", mounts={f"start-{number}": "srv"})
        rows.layer(f"start-{number}")
    with django_assert_max_num_queries(9):
        groups = finding.find("start start", may_operate=True)
        assert all(len(group.items) <= 2 * finding.MOST for group in groups)
    assert {str(group.title): len(group.items) for group in finding.find("start-", may_operate=True)} == {
        "Containers": 6,
        "Layers": 6,
        "Volumes": 6,
    }

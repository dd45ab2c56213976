"""The pages of volumes and of the network, and their API."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from containers.choices import ContainerState
from containers.models import Container, Host, Job, Volume
from containers.services import volumes
from tests.api.conftest import Api
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db


def page(client: Client, path: str, **more: Any) -> Element:
    response = client.get(path, **more)
    assert response.status_code == 200
    return parse(response)


def table(tree: Element) -> dict[str, list[str]]:
    return {
        line["id"].removeprefix("volume-"): [cell.text for cell in line.all("td")][:4] for line in tree.one("tbody").all("tr")
    }


@pytest.fixture
def shop() -> None:
    rows.container("db", mounts={"data": "srv", "conf": "etc/db.conf:file"})
    rows.container("web", mounts={"data": "var/data", "lost": "srv"})
    rows.volume("data", size_bytes=2**30, measured_at=timezone.now())
    rows.volume("conf", kind="file")
    rows.volume("old", size_bytes=2**20, measured_at=timezone.now())


@pytest.mark.usefixtures("shop")
def test_all_volumes_are_listed_with_who_mounts_them(client: Client) -> None:
    tree = page(client, "/volumes/")
    assert table(tree) == {
        "conf": ["In use", "–not measured", "db at /etc/db.conf", "File"],
        "data": ["In use", "1 GiBnow", "db at /srv web at /var/data", "Directory"],
        "lost": ["Missing Not on the host: the next start makes it, empty", "–", "web at /srv", "Directory"],
        "old": ["Unused In no definition", "1 MiBnow", "nothing", "Directory"],
    }
    assert "1 GiB" in tree.text
    assert "1 not measured" in tree.text
    assert "the host has not been looked at yet" in tree.text


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("show", "names"),
    [("used", ["conf", "data"]), ("unused", ["old"]), ("missing", ["lost"]), ("odd", ["conf", "data", "lost", "old"])],
)
def test_they_are_filtered(client: Client, show: str, names: list[str]) -> None:
    assert list(table(page(client, f"/volumes/?show={show}"))) == names


def test_a_volume_of_a_container_that_is_not_made_yet_is_to_come(client: Client) -> None:
    rows.container("db", mounts={"data": "srv"})
    Container.objects.update(is_created=False)
    assert table(page(client, "/volumes/"))["data"][0] == "To come Made together with its container"


def test_without_volumes_the_page_says_what_they_are(client: Client) -> None:
    assert "No volumes yet" in page(client, "/volumes/").text


@pytest.mark.usefixtures("shop")
def test_only_an_unused_volume_can_be_deleted(client: Client, viewer_client: Client) -> None:
    tree = page(client, "/volumes/")
    assert [link["href"] for link in tree.all("a", data_dialog=True)] == ["/volumes/old/remove/"]
    assert len(tree.all("button", aria_disabled="true")) == 2
    assert page(viewer_client, "/volumes/").all("a", data_dialog=True) == []
    assert "Measure sizes" not in page(viewer_client, "/volumes/").text


@pytest.mark.usefixtures("shop")
def test_deleting_asks_for_the_name(client: Client) -> None:
    assert "1 MiB" in page(client, "/volumes/old/remove/", headers=HTMX).text
    response = client.post("/volumes/old/remove/", {"confirm": "new"})
    assert response.status_code == 422
    assert parse(response).one("input", name="confirm")["aria-invalid"] == "true"
    assert not Job.objects.filter(operation="volume-remove").exists()
    response = client.post("/volumes/old/remove/", {"confirm": "old"})
    job = Job.objects.get(operation="volume-remove")
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.targets, job.user_name) == (["old"], "operator")


@pytest.mark.usefixtures("shop")
def test_a_volume_in_use_is_not_deleted(client: Client) -> None:
    assert "mounted by db, web" in page(client, "/volumes/data/remove/").text
    response = client.post("/volumes/data/remove/", {"confirm": "data"})
    assert response.status_code == 409
    assert not Job.objects.filter(operation="volume-remove").exists()
    assert client.get("/volumes/nothing/remove/").status_code == 404


@pytest.mark.usefixtures("shop")
def test_measuring_is_a_job_and_shown_while_it_goes_on(client: Client) -> None:
    client.post("/measure-volumes/")
    job = Job.objects.get(operation="volume-scan")
    tree = page(client, "/volumes/?row=", headers=HTMX)
    assert [element["id"] for element in tree.children if isinstance(element, Element)] == ["volumes"]
    assert f"Job {job.pk} measures" in tree.text
    assert "Measure sizes" not in tree.text


@pytest.mark.usefixtures("shop")
def test_more_volumes_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(14) as few:
        page(client, "/volumes/")
    for number in range(10):
        rows.container(f"more-{number}", mounts={f"volume-{number}": "srv", "data": "var"})
        rows.volume(f"volume-{number}")
    with django_assert_max_num_queries(len(few)):
        page(client, "/volumes/")


def test_a_listing_keeps_what_was_made_while_it_was_taken() -> None:
    host = rows.host()
    rows.volume("old", size_bytes=7)
    before = volumes.known(host)
    rows.volume("new")
    volumes.record_listing(host, {"old": False}, before, timezone.now())
    assert dict(Volume.objects.values_list("name", "size_bytes")) == {"old": 7, "new": None}
    volumes.record_listing(host, {"new": True}, {"old", "new"}, timezone.now())
    assert dict(Volume.objects.values_list("name", "kind")) == {"new": "file"}


@pytest.mark.usefixtures("shop")
def test_the_api_says_the_same(operator: Any, viewer: Any) -> None:
    api = Api(operator)
    found = {volume["name"]: volume for volume in api.get("/volumes/").json()["results"]}
    assert {name: volume["state"] for name, volume in found.items()} == {
        "conf": "used",
        "data": "used",
        "lost": "missing",
        "old": "unused",
    }
    assert found["data"]["mounted_by"] == [
        {"container": "db", "mountpoint": "srv"},
        {"container": "web", "mountpoint": "var/data"},
    ]
    assert found["data"]["size"] == 2**30
    assert api.delete("/volumes/data/").status_code == 409
    assert api.delete("/volumes/nothing/").status_code == 404
    assert Api(viewer).delete("/volumes/old/").status_code == 403
    assert api.delete("/volumes/old/").status_code == 202
    assert api.post("/volumes/measure/").status_code == 202


# --- network ---


def test_addresses_are_listed_in_their_order_with_what_is_left(client: Client) -> None:
    rows.container("web", state=ContainerState.RUNNING)
    rows.container("db")
    tree = page(client, "/networks/")
    lines = [[line.one("th").text, *[cell.text for cell in line.all("td")]] for line in tree.one("tbody").all("tr")]
    assert [line[:3] for line in lines] == [[rows.address(2), "web", "Running"], [rows.address(3), "db", "Stopped"]]
    size = settings.SUBNET.num_addresses - 3
    facts = {term.text: value.text for term, value in zip(tree.all("dt"), tree.all("dd"), strict=True)}
    assert facts["Subnet"] == str(settings.SUBNET)
    assert facts["Host"] == rows.address(1)
    assert facts["Free"] == str(size - 2)
    assert facts["Next"] == rows.address(4)
    assert facts["Reserved"].startswith(f"{rows.address(0)} network {rows.address(1)} host")
    assert f"2 of {size} in use" in tree.text
    assert "Not looked at yet" in tree.text


def test_what_the_host_lacks_is_said(client: Client) -> None:
    rows.host()
    Host.objects.update(network_missing=["there is no bridge spocbr0"], network_seen_at=timezone.now())
    assert "there is no bridge spocbr0" in page(client, "/networks/").one("div", "sw-note").text
    Host.objects.update(network_missing=[])
    assert "Set up" in page(client, "/networks/").text


def test_an_address_that_is_none_of_ours_is_shown_and_named(client: Client) -> None:
    rows.container("web")
    Container.objects.update(address="192.0.2.1")
    tree = page(client, "/networks/")
    assert "not in this subnet" in tree.one("tbody").text
    assert f"0 of {settings.SUBNET.num_addresses - 3} in use" in tree.text


def test_the_api_tells_of_the_network(operator: Any) -> None:
    rows.container("web")
    body = Api(operator).get("/network/").json()
    assert body["leases"][0]["container"] == "web"
    assert (body["gateway"], body["next"], body["used"]) == (rows.address(1), rows.address(3), 1)

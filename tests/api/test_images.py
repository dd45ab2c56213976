"""/images/, and containers made from them."""

from __future__ import annotations

from typing import Any

import pytest

from containers.models import Container, Image, Job, Layer
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

DEFAULTS = {"env": {"LANG": "C.UTF-8", "PGDATA": "/data"}, "uid": "5", "cmd": "/bin/postgres", "ready": "pg_isready"}


def shown(name: str, version: str, **more: Any) -> dict[str, Any]:
    unused = {"used_by": [], "ways_back": []}
    return {"name": name, "version": version, "layers": ["base"], "defaults": {}, "size": 0, **unused, **more}


def test_images_are_listed_with_exactly_what_the_contract_says(api: Api) -> None:
    rows.image("pg:15", layers=("base", "pg"), **DEFAULTS)
    rows.image("debian:12")
    Layer.objects.filter(name="base").update(size_bytes=200)
    Layer.objects.filter(name="pg").update(size_bytes=30)
    rows.container("other", layers=("pg", "base"))
    rows.container("b", layers=("base", "pg"))
    rows.layer("own")
    rows.container("a", layers=("base", "pg", "own"))
    rows.container("plain")
    assert api.get("/images/").json() == {
        "count": 2,
        "next": None,
        "results": [
            shown("debian", "12", size=200, used_by=["a", "b", "plain"]),
            shown("pg", "15", layers=["base", "pg"], defaults=DEFAULTS, size=230, used_by=["a", "b"]),
        ],
    }


def test_a_name_alone_is_its_newest_version(api: Api) -> None:
    for version in ("2", "10", "9"):
        rows.image(f"debian:{version}")
    assert api.get("/images/debian/").json() == shown("debian", "9")
    assert api.get("/images/debian:10/").json() == shown("debian", "10")
    rows.image("debian:2")
    assert api.get("/images/debian/").json() == shown("debian", "2")


@pytest.mark.parametrize("name", ["other", "debian:13", "debian:", ":12", "a:b:c", "..", "%00", "A", "debian:12%0A", "x" * 1000])
def test_what_does_not_exist_is_not_found(api: Api, name: str) -> None:
    rows.image("debian:12")
    for response in (api.get(f"/images/{name}/"), api.delete(f"/images/{name}/")):
        assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_more_images_need_no_more_queries(api: Api, django_assert_max_num_queries: Any) -> None:
    rows.image("i0:1", layers=("base", "l0"))
    with django_assert_max_num_queries(10) as few:
        api.get("/images/")
    for number in range(1, 6):
        rows.image(f"i{number}:1", layers=("base", f"l{number}"))
        rows.container(f"c{number}", layers=("base", f"l{number}"))
    with django_assert_max_num_queries(len(few)):
        assert api.get("/images/").json()["count"] == 6


def test_an_image_is_removed_by_a_job_that_knows_its_layers(api: Api) -> None:
    rows.image("pg:15", layers=("base", "pg"))
    response = api.delete("/images/pg/")
    job = Job.objects.get()
    assert (response.status_code, response.json(), response["Location"]) == (202, {"job": job.pk}, f"/api/v1/jobs/{job.pk}/")
    assert (job.operation, job.targets, job.inputs) == ("image-remove", ["pg:15"], {"layers": ["base", "pg"]})
    assert Image.objects.count() == 1


def test_an_image_in_use_stays_and_who_uses_it_is_named(api: Api) -> None:
    rows.image("pg:15", layers=("base", "pg"))
    rows.container("shop", layers=("base", "pg"))
    rows.container("db", layers=("base", "pg"))
    response = api.delete("/images/pg:15/")
    assert (response.status_code, response.json()["message"]) == (409, "The image pg:15 is used by db, shop")
    assert not Job.objects.filter(operation="image-remove").exists()


def test_an_image_fills_in_a_definition(api: Api) -> None:
    rows.image("pg:14", layers=("old",))
    rows.image("pg:15", layers=("base", "pg"), **DEFAULTS)
    sent = {"name": "db", "image": "pg", "definition": {"env": {"LANG": "C", "MORE": "1"}, "uid": "7", "ready": None}}
    response = api.post("/containers/", sent)
    assert response.status_code == 201
    assert response.json()["definition"] == {
        "layers": ["base", "pg"],
        "env": {"LANG": "C", "PGDATA": "/data", "MORE": "1"},
        "uid": "7",
        "cmd": "/bin/postgres",
    }
    assert api.get("/images/pg:15/").json()["used_by"] == ["db"]


@pytest.mark.parametrize("definition", [{}, None])
def test_an_image_is_enough(api: Api, definition: Any) -> None:
    rows.image("pg:15", layers=("base", "pg"), **DEFAULTS)
    sent = {"name": "db", "image": "pg:15", **({} if definition is None else {"definition": definition})}
    assert api.post("/containers/", sent).json()["definition"] == {"layers": ["base", "pg"], **DEFAULTS}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"image": "pg:15", "definition": {"layers": ["base"]}}, "definition.layers"),
        ({"image": "pg:15", "definition": {"layers": []}}, "definition.layers"),
        ({"image": "pg:16", "definition": {}}, "image"),
        ({"image": "pg:", "definition": {}}, "image"),
        ({"image": "../x", "definition": {}}, "image"),
        ({"image": 5, "definition": {}}, "image"),
        ({"image": ["pg"], "definition": {}}, "image"),
        ({"image": "pg:15", "definition": []}, "definition"),
        ({"image": "pg:15", "definition": {"env": []}}, "definition.env"),
        ({"image": "pg:15", "definition": {"uid": 5}}, "definition.uid"),
        ({"image": None, "definition": {}}, "definition.layers"),
        ({"definition": {}}, "definition.layers"),
    ],
)
def test_what_is_wrong_is_said_by_field(api: Api, sent: dict[str, Any], field: str) -> None:
    rows.image("pg:15", **DEFAULTS)
    response = api.post("/containers/", {"name": "db", **sent})
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert not Container.objects.exists()


def test_an_image_is_for_new_containers_alone(api: Api) -> None:
    rows.image("pg:15")
    rows.container("web")
    assert api.patch("/containers/web/", {"image": "pg:15"}).status_code == 422
    assert api.post("/import/", {"containers": {"a": {"image": "pg:15"}}}).status_code == 422


def test_a_broken_row_is_an_answer_and_no_error(api: Api) -> None:
    image = rows.image("pg:15")
    Image.objects.filter(pk=image.pk).update(defaults={"uid": "\u0000", "hooks": 1})
    assert api.get("/images/pg/").status_code == 200
    response = api.post("/containers/", {"name": "db", "image": "pg", "definition": {}})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")

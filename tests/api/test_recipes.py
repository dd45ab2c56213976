"""/recipes/: written, given files, built."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from containers.models import Job, Recipe
from containers.services import recipes
from containers.services.recipes import FileContent
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

TEXT = "FROM base\nRUN true\nCOPY conf /etc/\n"


@pytest.fixture(autouse=True)
def _base() -> None:
    rows.layer()


def test_a_recipe_is_written_given_files_and_built(api: Api) -> None:
    made = api.post("/recipes/", {"name": "shop", "text": TEXT})
    assert made.status_code == 201
    assert made.json() == {
        "name": "shop",
        "text": TEXT,
        "files": [],
        "image": None,
        "current": False,
        "problem": "line 3: the recipe has no file conf",
        "job": None,
        "updated_at": made.json()["updated_at"],
    }
    assert api("PUT", "/recipes/shop/files/", {"path": "conf/a", "text": "é"}).status_code == 200
    encoded = base64.b64encode(b"\0\xff").decode()
    with_files = api("PUT", "/recipes/shop/files/", {"path": "conf/b", "base64": encoded, "executable": True}).json()
    assert with_files["files"] == [
        {"path": "conf/a", "digest": hashlib.sha256("é".encode()).hexdigest(), "executable": False},
        {"path": "conf/b", "digest": hashlib.sha256(b"\0\xff").hexdigest(), "executable": True},
    ]
    assert with_files["problem"] is None
    content = api.get("/recipes/shop/files/?path=conf/b")
    assert (content.content, content["Content-Type"]) == (b"\0\xff", "application/octet-stream")
    answer = api.post("/recipes/shop/build/", {"version": "1.2", "force": True})
    job = Job.objects.get(operation="image-build")
    assert (answer.status_code, answer.json(), answer["Location"]) == (202, {"job": job.pk}, f"/api/v1/jobs/{job.pk}/")
    assert (job.targets, job.inputs["force"], job.via) == (["shop:1.2"], True, "api")
    assert api.post("/recipes/shop/build/").status_code == 202
    shown = api.get("/recipes/shop/").json()
    assert shown["job"] == Job.objects.latest("pk").pk
    assert api.get("/recipes/").json() == {"count": 1, "next": None, "results": [shown]}


def test_a_recipe_is_written_anew_and_deleted(api: Api) -> None:
    assert api("PUT", "/recipes/shop/", {"text": "FROM base"}).status_code == 200
    assert api("PUT", "/recipes/shop/", {"text": "FROM base\nCMD x"}).json()["text"] == "FROM base\nCMD x"
    assert api.post("/recipes/", {"name": "shop", "text": "FROM base"}).status_code == 409
    assert api.delete("/recipes/shop/files/?path=nothing").status_code == 204
    assert api.delete("/recipes/shop/").status_code == 204
    assert Recipe.objects.count() == 0
    assert api.get("/recipes/shop/").status_code == 404


def test_every_wrong_line_is_named(api: Api) -> None:
    answer = api.post("/recipes/", {"name": "shop", "text": "FROM base\nRUM x\nUSER !\n"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["line 2", "line 3"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"path": "../a", "text": ""}, "path"),
        ({"path": "a"}, "text"),
        ({"path": "a", "text": "", "base64": ""}, "text"),
        ({"path": "a", "base64": "!"}, "base64"),
        ({"path": "a", "base64": "é"}, "base64"),
        ({"path": "a", "text": "\ud800"}, "text"),
        ({"path": "a", "text": "", "mode": 1}, "mode"),
        ({"text": ""}, "path"),
    ],
)
def test_a_file_that_is_none_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    recipes.save(rows.ROOT, "shop", "FROM base")
    answer = api("PUT", "/recipes/shop/files/", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_what_cannot_be_built_now_is_said(api: Api) -> None:
    recipes.save(rows.ROOT, "shop", "FROM nothing")
    answer = api.post("/recipes/shop/build/", {})
    assert (answer.status_code, answer.json()["field"]) == (422, "line 1")
    assert api.get("/recipes/shop/").json()["problem"] == "line 1: there is no image and no layer nothing"
    assert api.post("/recipes/shop/build/", {"version": "a b"}).json()["field"] == "version"
    assert api.get("/recipes/shop/files/?path=x").status_code == 404


def test_more_recipes_need_no_more_queries(api: Api, django_assert_max_num_queries: Any) -> None:
    def add(count: int) -> None:
        for number in range(count):
            recipe = recipes.save(rows.ROOT, f"r{Recipe.objects.count()}", "FROM tools base:1\nRUN x")
            recipes.put_file(rows.ROOT, recipe, "a", FileContent(b"1"))
            rows.image(f"{recipe.name}:{number}", layers=("base",))
            recipes.request_build(rows.ROOT, recipe, "1")

    rows.layer("tools")
    rows.image("base:1")
    add(2)
    api.get("/recipes/")
    with django_assert_max_num_queries(30) as few:
        api.get("/recipes/")
    add(5)
    with django_assert_max_num_queries(len(few)):
        assert api.get("/recipes/").json()["count"] == 7

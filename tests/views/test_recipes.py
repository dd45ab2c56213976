"""Recipes: listed with what became of them, edited with errors by line, given files, built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from containers.choices import LayerSource
from containers.models import Job, Layer, Recipe
from containers.services import outlines, recipes
from containers.services.recipes import FileContent
from tests.support import rows
from tests.support.html import Element, parse

pytestmark = pytest.mark.django_db

TEXT = "FROM base\nRUN true\n"


@pytest.fixture(autouse=True)
def _base() -> None:
    rows.layer()


@pytest.fixture
def recipe() -> Recipe:
    return recipes.save(rows.ROOT, "shop", TEXT)


def main(response: Any) -> Element:
    return parse(response).one("main")


def problems(response: Any) -> list[str]:
    assert response.status_code == 422
    return [item.text for item in main(response).one(id="problems").all("li")]


def test_an_empty_list_says_what_a_recipe_is(client: Client) -> None:
    assert "No recipes yet" in main(client.get("/recipes/")).text
    assert [link["href"] for link in main(client.get("/images/")).all("a") if link.text == "Recipes"] == ["/recipes/"]


def test_the_list_says_what_became_of_each(client: Client, recipe: Recipe) -> None:
    recipes.save(rows.ROOT, "gone", "FROM nothing")
    recipes.save(rows.ROOT, "old", TEXT)
    rows.image("old:1")
    key = outlines.of(recipe).key
    Layer.objects.filter(pk=rows.layer("made").pk).update(build_key=key)
    rows.image("shop:latest", layers=("base", "made"))
    job = recipes.request_build(rows.ROOT, recipe, "latest")
    recipes.save(rows.ROOT, "young", TEXT)
    lines = main(client.get("/recipes/")).one("tbody").all("tr")
    words = {line.one("th").text: [cell.text for cell in line.all("td")[:2]] for line in lines}
    assert words == {
        "gone": ["Cannot be built", "none"],
        "old": ["Changed since built", "old:1"],
        "shop": ["Up to date", "shop:latest"],
        "young": ["Not built yet", "none"],
    }
    assert f"/jobs/{job.pk}/" in [link["href"] for link in lines[2].all("a")]


def test_more_recipes_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            recipe = recipes.save(rows.ROOT, f"r{Recipe.objects.count()}", "FROM tools:1 base\nRUN x")
            recipes.put_file(rows.ROOT, recipe, "a", FileContent(b"1"))
            rows.image(f"{recipe.name}:1")
            recipes.request_build(rows.ROOT, recipe, "1")

    rows.image("tools:1", layers=("tools",))
    add(2)
    with django_assert_max_num_queries(20) as few:
        client.get("/recipes/")
    add(8)
    with django_assert_max_num_queries(len(few)):
        assert len(main(client.get("/recipes/")).one("tbody").all("tr")) == 10


def test_a_new_recipe_begins_with_an_example_that_can_be_saved(client: Client) -> None:
    text = main(client.get("/new-recipe/")).one("textarea").text_as_is
    response = client.post("/new-recipe/", {"name": "shop", "text": text.replace("\n", "\r\n")})
    assert (response.status_code, response["Location"]) == (302, "/recipes/shop/")
    assert Recipe.objects.get().text == text


def test_the_example_stands_on_what_is_there(client: Client) -> None:
    def base(path: str) -> str:
        return main(client.get(path)).one("textarea").text.partition("FROM ")[2].split()[0]

    assert base("/new-recipe/") == "debian-12"
    Layer.objects.filter(pk=rows.layer("trixie").pk).update(source=LayerSource.BOOTSTRAP)
    assert base("/new-recipe/") == "trixie"
    assert base("/new-recipe/?from=base") == "base"
    assert base("/new-recipe/?from=../x") == "trixie"
    assert [link["href"] for link in main(client.get("/layers/base/")).all("a") if link.text == "New recipe on it"] == [
        "/new-recipe/?from=base"
    ]


def test_every_wrong_line_is_shown_with_what_stands_there_and_what_was_typed_stays(client: Client, recipe: Recipe) -> None:
    text = "FROM base\nRUM <b>\n\nUSER !\n"
    for path, more in (("/new-recipe/", {"name": "other"}), ("/recipes/shop/", {})):
        response = client.post(path, {"text": text, **more})
        found = problems(response)
        assert found[0].startswith("Line 2: RUM: is not an instruction")
        assert found[0].endswith("RUM <b>")
        assert "USER or USER:GROUP" in found[1]
        assert main(response).one("textarea").text_as_is == text
    recipe.refresh_from_db()
    assert recipe.text == TEXT


def test_a_name_is_taken_once(client: Client, recipe: Recipe) -> None:
    response = client.post("/new-recipe/", {"name": "shop", "text": TEXT})
    assert response.status_code == 422
    assert "There is a recipe shop already" in main(response).text
    assert client.post("/new-recipe/", {"name": "", "text": ""}).status_code == 422
    assert problems(client.post("/new-recipe/", {"name": "../x", "text": TEXT})) != []


def test_a_recipe_is_saved_and_built_in_one_click(client: Client, recipe: Recipe) -> None:
    response = client.post("/recipes/shop/", {"text": TEXT + "CMD /x\r\n", "build": ""})
    job = Job.objects.get(operation="image-build")
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.targets, job.inputs["recipe"], job.via) == (["shop:latest"], TEXT + "CMD /x\n", "web")
    response = client.post("/recipes/shop/", {"text": "FROM nothing", "build": ""})
    assert problems(response) == ["Line 1: there is no image and no layer nothing FROM nothing"]
    assert Recipe.objects.get().text == "FROM nothing"
    saved = client.post("/recipes/shop/", {"text": TEXT, "save": ""}, follow=True)
    assert "Saved" in parse(saved).one(id="notices").text
    assert client.post("/recipes/shop/", {"text": ""}).status_code == 422
    assert Job.objects.filter(operation="image-build").count() == 1


def test_a_version_is_built_on_its_own_and_forced(client: Client, recipe: Recipe) -> None:
    client.post("/recipes/shop/build/", {"version": "1.2", "force": "on"})
    client.post("/recipes/shop/build/", {"version": ""})
    jobs = [(job.targets, job.inputs.get("force", False)) for job in Job.objects.filter(operation="image-build").order_by("pk")]
    assert jobs == [(["shop:1.2"], True), (["shop:latest"], False)]
    refused = client.post("/recipes/shop/build/", {"version": "a b"})
    assert (refused.status_code, "must start and end with" in main(refused).text) == (422, True)
    assert client.post("/recipes/shop/build/", {"version": "x" * 64}).status_code == 422
    Layer.objects.all().delete()
    assert problems(client.post("/recipes/shop/build/", {})) == ["Line 1: there is no image and no layer base FROM base"]


def test_files_are_added_read_and_removed(client: Client, recipe: Recipe) -> None:
    upload = SimpleUploadedFile("run me.sh", b"#!/bin/sh\n")
    response = client.post("/recipes/shop/file/add/", {"file": upload, "path": "bin/run me", "executable": "on"})
    assert response["Location"] == "/recipes/shop/#files"
    client.post("/recipes/shop/file/add/", {"file": SimpleUploadedFile("empty.conf", b"")})
    files = {file.path: (bytes(file.content), file.is_executable) for file in recipe.files.all()}
    assert files == {"bin/run me": (b"#!/bin/sh\n", True), "empty.conf": (b"", False)}
    table = main(client.get("/recipes/shop/")).one(id="files")
    assert [line.one("th").text for line in table.one("tbody").all("tr")] == ["bin/run me can be run", "empty.conf"]
    content = client.get(table.one("tbody").all("a")[0]["href"])
    assert (content.content, content["Content-Type"]) == (b"#!/bin/sh\n", "application/octet-stream")
    assert content["Content-Disposition"] == "attachment"
    for path in ("empty.conf", "empty.conf", "../x", "\0", ""):
        assert client.post("/recipes/shop/file/remove/", {"path": path}).status_code == 302
    assert [file.path for file in recipe.files.all()] == ["bin/run me"]
    for path in ("nothing", "../x", "\0", ""):
        assert client.get("/recipes/shop/file/", {"path": path}).status_code == 404


def test_a_file_that_cannot_be_taken_is_refused_with_the_reason(
    client: Client, recipe: Recipe, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    refused = client.post("/recipes/shop/file/add/", {"file": SimpleUploadedFile("a", b"1"), "path": "../a"})
    assert (refused.status_code, "must be a relative path" in main(refused).text) == (422, True)
    assert client.post("/recipes/shop/file/add/", {"path": "a"}).status_code == 422
    big = SimpleUploadedFile("big", b"x" * (recipes.MAX_FILE_BYTES + 1))
    refused = client.post("/recipes/shop/file/add/", {"file": big})
    assert (refused.status_code, "larger than 4 MiB" in main(refused).text) == (422, True)
    monkeypatch.setattr(recipes, "MAX_TOTAL_BYTES", 3)
    refused = client.post("/recipes/shop/file/add/", {"file": SimpleUploadedFile("a", b"1234")})
    assert (refused.status_code, "together" in main(refused).text) == (422, True)
    assert recipe.files.count() == 0


def test_a_recipe_is_deleted(client: Client, recipe: Recipe) -> None:
    assert client.post("/recipes/shop/delete/")["Location"] == "/recipes/"
    assert Recipe.objects.count() == 0
    assert client.get("/recipes/shop/").status_code == 404


def test_who_may_only_look_sees_the_text_and_no_button(viewer_client: Client, recipe: Recipe) -> None:
    recipes.put_file(rows.ROOT, recipe, "a", FileContent(b"1"))
    page = main(viewer_client.get("/recipes/shop/"))
    assert page.one("textarea").text_as_is.strip() == TEXT.strip()
    assert page.all("button") == []


def test_what_keeps_it_from_being_built_is_on_its_page(client: Client) -> None:
    recipes.save(rows.ROOT, "shop", "FROM base\nCOPY x /y")
    assert "Line 2: the recipe has no file x" in main(client.get("/recipes/shop/")).one(id="problems").text


def test_a_job_that_builds_says_so_in_short(client: Client, recipe: Recipe) -> None:
    recipes.put_file(rows.ROOT, recipe, "a", FileContent(b"1"))
    job = recipes.request_build(rows.ROOT, recipe, "1", force=True)
    text = main(client.get(f"/jobs/{job.pk}/")).text
    assert "Build image shop:1" in text
    assert "recipe: 2 lines, files: a, force: True" in text

"""Images: listed with who stands on them, shown with what their removal takes along, taken for new containers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.domain.image import ImageRef
from containers.models import Container, Image, Job, Layer
from containers.services import images, recipes
from tests.support import rows
from tests.support.html import Element, parse

pytestmark = pytest.mark.django_db

DEFAULTS = {"env": {"LANG": "C.UTF-8", "PGDATA": "/data"}, "uid": "5", "cmd": "/bin/postgres", "ready": "pg_isready"}


def page(client: Client, path: str) -> Element:
    return parse(client.get(path)).one("main")


def test_an_empty_list_says_what_an_image_is(client: Client) -> None:
    tree = page(client, "/images/")
    assert "No images yet" in tree.text
    assert {"/add-layer/?from=debian", "/new-recipe/"} <= {link["href"] for link in tree.one("section").all("a")}


def test_images_are_listed_with_size_and_users(client: Client) -> None:
    rows.image("pg:15", layers=("base", "pg"))
    Layer.objects.update(size_bytes=2**20)
    rows.container("db", layers=("base", "pg"))
    (row,) = page(client, "/images/").one("tbody").all("tr")
    assert row.text.startswith("pg 15 2 2 MiB db")
    assert [link["href"] for link in row.all("a")] == ["/images/pg/15/", "/containers/db/", "/new/?image=pg%3A15"]


def test_an_image_shows_its_layers_lowest_first_and_its_defaults(client: Client) -> None:
    rows.image("pg:15", layers=("base", "a-top"), **DEFAULTS)
    tree = page(client, "/images/pg/15/")
    assert [link["href"] for link in tree.one("ol").all("a")] == ["/layers/base/", "/layers/a-top/"]
    for words in ("LANG=C.UTF-8", "PGDATA=/data", "/bin/postgres", "pg_isready", "No container stands on these layers"):
        assert words in tree.text


def test_the_page_says_what_a_removal_takes_along(client: Client) -> None:
    rows.image("pg:15", layers=("base", "pg"))
    rows.image("debian:12", layers=("base",))
    tree = page(client, "/images/pg/15/")
    removal = tree.one("section", aria_labelledby="image-remove")
    assert "Layer pg removed" in removal.text
    assert "Layer base used by image debian:12 kept" in removal.text
    response = client.post(removal.one("form")["action"])
    job = Job.objects.get()
    assert (response["Location"], job.operation, job.targets) == (f"/jobs/{job.pk}/", "image-remove", ["pg:15"])


def test_a_layer_that_a_recipe_stands_on_stays_when_an_image_goes(client: Client) -> None:
    rows.image("pg:15", layers=("base", "pg"))
    recipes.save(rows.ROOT, "pg", "FROM base\nRUN true\n")
    removal = page(client, "/images/pg/15/").one("section", aria_labelledby="image-remove")
    assert "Layer base used by recipe pg kept" in removal.text
    assert "Layer pg removed" in removal.text
    gone, kept = images.forget(rows.host(), ImageRef.parse("pg:15"), ["base", "pg"], mounted={})
    assert (gone, kept) == (["pg"], {"base": ["recipe pg"]})


def test_an_image_of_the_name_is_what_a_recipe_stands_on(client: Client) -> None:
    rows.image("base:1", layers=("below",))
    rows.image("pg:15", layers=("base",))
    recipes.save(rows.ROOT, "pg", "FROM base\n")
    assert "Layer base removed" in page(client, "/images/pg/15/").one("section", aria_labelledby="image-remove").text


def test_an_image_in_use_cannot_be_removed_and_the_page_says_by_whom(client: Client) -> None:
    rows.image("pg:15", layers=("base", "pg"))
    rows.container("db", layers=("base", "pg"))
    removal = page(client, "/images/pg/15/").one("section", aria_labelledby="image-remove")
    assert "In use by db" in removal.text
    assert removal.all("form") == []
    response = client.post("/images/pg/15/remove/", follow=True)
    assert "The image pg:15 is used by db" in parse(response).one(id="notices").text
    assert not Job.objects.filter(operation="image-remove").exists()


def test_a_broken_image_is_shown_all_the_same(client: Client) -> None:
    image = rows.image("pg:15")
    Image.objects.filter(pk=image.pk).update(defaults={"uid": "root", "hooks": []})
    assert "They cannot be read" in page(client, "/images/pg/15/").text
    assert client.get("/new/?image=pg:15").status_code == 422


def test_a_new_container_begins_with_what_the_image_says(client: Client) -> None:
    rows.image("pg:15", layers=("base", "a-top"), **DEFAULTS)
    tree = page(client, "/new/?image=pg:15")
    # The highest first, as everywhere in the form.
    assert [field["value"] for field in tree.all("input", name="layers")] == ["a-top", "base"]
    assert tree.one("input", name="cmd")["value"] == "/bin/postgres"
    assert {field["value"] for field in tree.all("input", name="env_key")} == {"LANG", "PGDATA", ""}
    assert "From the image pg:15" in tree.text
    assert "sw-field-new" in tree.one("input", id="id_cmd").classes | _field_of(tree, "id_cmd")


def _field_of(tree: Element, field: str) -> set[str]:
    (found,) = [element for element in tree.all(cls="sw-field") if element.all("input", id=field)]
    return found.classes


def test_what_the_form_was_filled_with_is_saved(client: Client) -> None:
    rows.image("pg:15", layers=("base", "a-top"), **DEFAULTS)
    tree = page(client, "/new/?image=pg:15")
    (form,) = [form for form in tree.all("form") if form.attrs.get("id") == "editor"]
    sent: dict[str, Any] = {"name": "db"}
    for field in form.all("input"):
        if field.attrs.get("type") != "checkbox" and field.attrs.get("name") not in (None, "name", "csrfmiddlewaretoken"):
            sent.setdefault(field["name"], []).append(field.attrs.get("value", ""))
    sent["mount_kind"] = ["directory"] * len(sent["mount_volume"])
    assert client.post("/new/?image=pg:15", sent)["Location"] == "/containers/db/"
    definition = Container.objects.with_definition().get(name="db").definition
    assert definition.export() == {"layers": ["base", "a-top"], **DEFAULTS}


def test_an_image_that_is_not_there_is_not_found(client: Client) -> None:
    rows.image("pg:15")
    for path in ("/images/pg/16/", "/images/other/15/", "/new/?image=pg:16", "/new/?image=..", "/new/?image=%00"):
        assert client.get(path).status_code == 404


def test_the_viewer_changes_nothing(viewer_client: Client) -> None:
    rows.image("pg:15")
    for path in ("/images/", "/images/pg/15/"):
        tree = page(viewer_client, path)
        assert tree.all("form") == []
        assert [link for link in tree.all("a") if "/new/" in link["href"]] == []


@pytest.mark.parametrize("path", ["/images/", "/images/i0/1/"])
def test_more_images_need_no_more_queries(client: Client, django_assert_max_num_queries: Any, path: str) -> None:
    rows.image("i0:1", layers=("base", "l0"))
    with django_assert_max_num_queries(16) as few:
        page(client, path)
    for number in range(1, 6):
        rows.image(f"i{number}:1", layers=("base", f"l{number}"))
        rows.container(f"c{number}", layers=("base", f"l{number}"))
    with django_assert_max_num_queries(len(few)):
        page(client, path)

"""Recipes as rows: saved, given files, built; and whether an image is what its recipe comes to now."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.domain.image import Defaults, ImageRef
from containers.errors import Conflict, Forbidden, InvalidRequest
from containers.models import Event, Image, Job, Layer, Recipe
from containers.services import images, jobs, outlines, recipes
from containers.services.recipes import FileContent
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db

TEXT = "FROM base\nRUN true\n"


@pytest.fixture(autouse=True)
def _base() -> None:
    rows.layer()


def fields(act: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        act()
    return {error.field: error.message for error in caught.value.errors}


def events() -> list[tuple[str, str]]:
    return list(Event.objects.filter(kind__startswith="recipe").order_by("pk").values_list("kind", "subject"))


def test_a_recipe_is_written_once_and_changed_when_it_differs() -> None:
    recipe = recipes.save(ROOT, "shop", TEXT.replace("\n", "\r\n"))
    assert recipe.text == TEXT
    recipes.save(ROOT, "shop", TEXT)
    changed = recipes.save(ROOT, "shop", TEXT + "CMD x")
    assert (changed.pk, changed.text) == (recipe.pk, TEXT + "CMD x")
    assert events() == [("recipe.create", "shop"), ("recipe.update", "shop")]
    assert Event.objects.latest("pk").data == {"before": {"text": TEXT}, "after": {"text": TEXT + "CMD x"}}
    with pytest.raises(Conflict, match="a recipe shop already"):
        recipes.save(ROOT, "shop", TEXT, new=True)


def test_what_is_wrong_is_not_written() -> None:
    assert list(fields(lambda: recipes.save(ROOT, "shop", "RUN x\nUSER !\n"))) == ["line 1", "line 2"]
    assert list(fields(lambda: recipes.save(ROOT, "../shop", TEXT))) == ["name"]
    assert (Recipe.objects.count(), events()) == (0, [])


def test_files_come_and_go() -> None:
    recipe = recipes.save(ROOT, "shop", TEXT)
    recipes.put_files(ROOT, recipe, {"a/b": FileContent(b"1"), "c": FileContent(b"2", is_executable=True)})
    recipes.put_file(ROOT, recipe, "c", FileContent(b"3"))
    recipes.put_file(ROOT, recipe, "c", FileContent(b"3"))
    files = {file.path: (bytes(file.content), file.is_executable) for file in recipe.files.all()}
    assert files == {"a/b": (b"1", False), "c": (b"3", False)}
    recipes.remove_file(ROOT, recipe, "c")
    recipes.remove_file(ROOT, recipe, "c")
    assert [file.path for file in recipe.files.all()] == ["a/b"]
    assert [kind for kind, _ in events()] == ["recipe.create"] + ["recipe.file"] * 4
    recipes.delete(ROOT, recipe)
    assert Recipe.objects.count() == 0
    assert Event.objects.latest("pk").data["before"] == {"text": TEXT, "files": ["a/b"]}


def test_files_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipes.save(ROOT, "shop", TEXT)
    assert list(fields(lambda: recipes.put_file(ROOT, recipe, "/etc/passwd", FileContent(b"")))) == ["path"]
    big = FileContent(b"x" * (recipes.MAX_FILE_BYTES + 1))
    assert "more than 4 MiB" in fields(lambda: recipes.put_file(ROOT, recipe, "a", big))["content"]
    recipes.put_files(ROOT, recipe, {f"f{number}": FileContent(b"") for number in range(99)})
    two = {"x": FileContent(b""), "y": FileContent(b"")}
    assert "at most 100 files" in fields(lambda: recipes.put_files(ROOT, recipe, two))["path"]
    monkeypatch.setattr(recipes, "MAX_TOTAL_BYTES", 10)
    recipes.put_file(ROOT, recipe, "x", FileContent(b"x" * 10))
    recipes.put_file(ROOT, recipe, "x", FileContent(b"y" * 10))
    assert "together" in fields(lambda: recipes.put_file(ROOT, recipe, "f1", FileContent(b"1")))["content"]
    assert recipe.files.count() == 100


def test_a_build_is_queued_with_all_that_it_is_made_of() -> None:
    recipe = recipes.save(ROOT, "shop", TEXT + "COPY conf /etc/\n")
    recipes.put_file(ROOT, recipe, "conf/a", FileContent(b"1"))
    job = recipes.request_build(ROOT, recipe, "1.2", force=True)
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert (job.operation, job.targets) == ("image-build", ["shop:1.2"])
    assert job.inputs == {"recipe": recipe.text, "files": {"conf/a": digest}, "force": True}
    assert Event.objects.filter(kind="image.build", subject="shop:1.2", job=job).exists()
    assert "force" not in recipes.request_build(ROOT, recipe, "latest").inputs


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("FROM nothing", "line 1", "there is no image and no layer nothing"),
        ("FROM nothing:1", "line 1", "there is no image nothing:1"),
        ("FROM coming", "line 1", "the layer coming is not ready for use yet"),
        ("FROM base\nCOPY x /y", "line 2", "the recipe has no file x"),
    ],
)
def test_a_build_of_what_is_not_there_is_refused(text: str, line: str, message: str) -> None:
    rows.layer("coming", available=False)
    recipe = recipes.save(ROOT, "shop", text)
    assert fields(lambda: recipes.request_build(ROOT, recipe, "latest")) == {line: message}
    assert Job.objects.count() == 0


def test_a_version_is_judged() -> None:
    recipe = recipes.save(ROOT, "shop", TEXT)
    assert list(fields(lambda: recipes.request_build(ROOT, recipe, "../1"))) == ["version"]


def test_a_build_can_be_asked_for_once_more() -> None:
    recipe = recipes.save(ROOT, "shop", TEXT)
    job = recipes.request_build(ROOT, recipe, "1")
    Job.objects.filter(pk=job.pk).update(state="failed")
    job.refresh_from_db()
    again = jobs.retry(ROOT, job)
    assert (again.targets, again.inputs, again.retry_of) == (job.targets, job.inputs, job)


def test_of_an_image_and_a_layer_of_one_name_the_image_is_meant() -> None:
    rows.image("tools:1", layers=("base", "tools"), env={"A": "1"})
    found = outlines.of(recipes.save(ROOT, "shop", "FROM tools"))
    assert (found.parents.names, found.parents.defaults.env) == (("base", "tools"), {"A": "1"})


def test_several_parents_lie_on_one_another_each_layer_once() -> None:
    rows.image("a:1", layers=("base", "one"), env={"A": "1", "B": "1"}, cmd="/a")
    rows.image("b:1", layers=("base", "two"), env={"B": "2"})
    found = outlines.of(recipes.save(ROOT, "shop", "FROM a b:1 three\nENV C=3\n".replace("three", rows.layer("three").name)))
    assert found.parents.names == ("base", "one", "two", "three")
    assert found.build.defaults.export() == {"env": {"A": "1", "B": "2", "C": "3"}, "cmd": "/a"}


def built(recipe: Recipe) -> Image:
    """An image as the worker would have made it."""
    now = outlines.of(recipe)
    stack = [*now.parents.names]
    if now.build.makes_layer:
        layer = rows.layer(f"built-{Layer.objects.count()}")
        Layer.objects.filter(pk=layer.pk).update(build_key=now.key)
        stack.append(layer.name)
    ids = {"uid": "70", "gid": "70"} if now.build.identity else {}
    defaults = Defaults.parse({**now.build.defaults.export(), **ids})
    images.write(rows.host(), ImageRef(recipe.name, "latest"), stack, defaults)
    return Image.objects.with_layers().get(name=recipe.name)


@pytest.mark.parametrize("text", [TEXT, "FROM base\nENV A=1", "FROM base\nUSER postgres\nRUN x\nCMD a"])
def test_an_image_is_what_its_recipe_comes_to_until_one_of_them_changes(text: str) -> None:
    recipe = recipes.save(ROOT, "shop", text)
    image = built(recipe)
    assert outlines.is_current(image, outlines.of(recipe))
    for other in (text + "\nENV B=2", text + "\nRUN y", text + "\nREADY z", text.replace("base", rows.layer("other").name)):
        assert not outlines.is_current(image, outlines.of(recipes.save(ROOT, "shop", other)))
    assert outlines.is_current(image, outlines.of(recipes.save(ROOT, "shop", f"# c\n{text}\n\n")))
    Layer.objects.filter(name="base").update(digest="0" * 64)
    assert outlines.is_current(image, outlines.of(recipe)) is ("RUN" not in text)


def test_nobody_without_the_right_may(operator: User, viewer: User, stranger: User) -> None:
    recipe = recipes.save(rows.actor(operator), "shop", TEXT)
    for user in (viewer, stranger):
        actor = rows.actor(user)
        for act in (
            lambda actor=actor: recipes.save(actor, "x", TEXT),
            lambda actor=actor: recipes.put_file(actor, recipe, "a", FileContent(b"")),
            lambda actor=actor: recipes.remove_file(actor, recipe, "a"),
            lambda actor=actor: recipes.request_build(actor, recipe, "latest"),
            lambda actor=actor: recipes.delete(actor, recipe),
        ):
            with pytest.raises(Forbidden):
                act()
    assert recipes.request_build(rows.actor(operator), recipe, "latest").user == operator

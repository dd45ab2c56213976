"""Commands of several actions: layers, images, recipes, and what containers have written."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from containers.choices import ContainerState
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.models import Container, Job, Layer, Recipe
from tests.support import rows

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    stdout = io.StringIO()
    call_command(*args, stdout=stdout)
    return stdout.getvalue()


def last_job() -> tuple[str, list[str], dict[str, object]]:
    job = Job.objects.latest("id")
    return job.operation, job.targets, job.inputs


@pytest.fixture
def tree(tmp_path: Path, settings: Any) -> Path:
    """Two layers on disk, one on the other in an image."""
    settings.DATA_DIR = tmp_path
    for name in ("layers/base/etc", "layers/top/etc/ssl"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "layers/base/etc/passwd").write_text("root")
    (tmp_path / "layers/top/etc/passwd").write_bytes(b"root\xff")
    (tmp_path / "layers/top/etc/ssl/key").write_text("key")
    (tmp_path / "layers/top/etc/link").symlink_to("/etc/shadow")
    rows.image("shop:1", layers=("base", "top"))
    return tmp_path


def test_layers_are_listed_and_shown() -> None:
    rows.image("shop:1", layers=("base", "top"))
    rows.container("web")
    Layer.objects.filter(name="base").update(size_bytes=7)
    assert run("layer", "list").splitlines() == ["base\t7\timport\tweb\tshop:1", "top\t-\timport\t-\tshop:1"]
    assert [row["name"] for row in json.loads(run("layer", "list", "--json"))] == ["base", "top"]
    assert "available\tyes" in run("layer", "show", "base").splitlines()
    assert json.loads(run("layer", "show", "top", "--json"))["images"] == ["shop:1"]


def test_images_are_listed_and_shown() -> None:
    rows.image("shop:1", layers=("base", "top"), env={"A": "é"})
    rows.container("web", layers=("base", "top"))
    assert run("image", "list") == "shop\t1\t0\tweb\n"
    assert run("image", "show", "shop").splitlines()[2:4] == ["layers\tbase, top", 'defaults\t{"env": {"A": "é"}}']
    assert json.loads(run("image", "show", "shop:1", "--json"))["layers"] == ["base", "top"]


def test_host_work_is_queued(settings: Any) -> None:
    rows.image("shop:1", layers=("base", "top"))
    rows.layer("lonely")
    path = str(settings.IMPORT_DIRS[0] / "x.tar")
    run("layer", "import", "new", path, "--no-wait")
    assert last_job() == ("layer-import", ["new"], {"path": path})
    run("layer", "remove", "lonely", "--no-wait")
    assert last_job() == ("layer-remove", ["lonely"], {})
    run("image", "remove", "shop", "--no-wait")
    assert last_job() == ("image-remove", ["shop:1"], {"layers": ["base", "top"]})


def test_what_a_container_has_written_is_kept_or_thrown_away() -> None:
    rows.container("web", state=ContainerState.RUNNING)
    run("ephemeral", "keep", "web", "kept", "--image", "shop:2", "--no-wait")
    assert last_job() == ("layer-commit", ["web"], {"layer": "kept", "image": "shop:2"})
    run("ephemeral", "reset", "web", "--no-wait")
    assert last_job() == ("reset", ["web"], {})


def test_what_is_refused_queues_nothing() -> None:
    rows.image("shop:1")
    rows.container("web")
    before = Job.objects.count()
    for command, error in (
        (["layer", "remove", "base"], Conflict),
        (["layer", "remove", "none"], NotFound),
        (["layer", "import", "new", "/etc"], InvalidRequest),
        (["image", "remove", "shop"], Conflict),
        (["image", "show", "none"], NotFound),
        (["ephemeral", "keep", "web", "kept"], Conflict),
        (["recipe", "show", "none"], NotFound),
    ):
        with pytest.raises(error):
            run(*command)
    with pytest.raises(CommandError, match="ACTION"):
        run("layer")
    assert Job.objects.count() == before


def test_the_files_of_a_layer_are_listed(tree: Path) -> None:
    lines = run("layer", "files", "top", "etc").splitlines()
    cells = [line.split("\t") for line in lines]
    assert [(row[0], row[1], row[5]) for row in cells] == [
        ("added", "directory", "etc/ssl"),
        ("added", "link", "etc/link"),
        ("changed", "file", "etc/passwd"),
    ]
    paths = [row["path"] for row in json.loads(run("layer", "files", "top", "--recursive", "--json"))]
    assert paths == ["etc", "etc/ssl", "etc/link", "etc/passwd", "etc/ssl/key"]
    assert json.loads(run("layer", "summary", "top", "--json"))["added"] == 2
    with pytest.raises(InvalidRequest):
        run("layer", "files", "top", "../base")


def test_a_file_is_printed_or_saved_as_it_is(tree: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run("layer", "cat", "top", "etc/passwd")
    assert capsysbinary.readouterr().out == b"root\xff"
    target = tree / "saved"
    run("layer", "cat", "top", "etc/passwd", "--to", str(target))
    assert target.read_bytes() == b"root\xff"
    with pytest.raises(CommandError, match="exists already"):
        run("layer", "cat", "top", "etc/passwd", "--to", str(target))
    with pytest.raises(InvalidRequest, match="no plain file"):
        run("layer", "cat", "top", "etc/link")


def test_so_are_those_that_a_container_has_written(tree: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    rows.container("web")
    written = tree / "containers/web/ephemeral/etc"
    written.mkdir(parents=True)
    (tree / "containers/web/config").write_text("lxc.hook.pre-start = python3 -I -S hook.py pre-start base\n")
    (written / "passwd").write_text("text")
    assert [line.split("\t")[::5] for line in run("ephemeral", "files", "web", "etc").splitlines()] == [["changed", "etc/passwd"]]
    run("ephemeral", "cat", "web", "etc/passwd")
    assert capsysbinary.readouterr().out == b"text"
    assert "changed\t1" in run("ephemeral", "summary", "web").splitlines()
    Container.objects.filter(name="web").update(build=True)
    with pytest.raises(Conflict, match="has no ephemeral layer"):
        run("ephemeral", "cat", "web", "etc/passwd")


def test_a_recipe_is_written_exported_and_built(tmp_path: Path) -> None:
    rows.layer()
    kitchen = tmp_path / "kitchen"
    kitchen.mkdir()
    (kitchen / "motd").write_text("hello")
    (kitchen / "motd").chmod(0o755)
    (kitchen / "Recipe").write_text("FROM base\nCOPY motd /etc/\n")
    assert run("recipe", "save", "shop", str(kitchen / "Recipe")) == "recipe shop is written, with 1 files\n"
    with pytest.raises(CommandError, match="There is a recipe shop already"):
        run("recipe", "save", "shop", str(kitchen / "Recipe"), "--new")
    assert run("recipe", "list") == "shop\t-\tno\t-\n"
    assert run("recipe", "show", "shop") == "FROM base\nCOPY motd /etc/\n"
    assert json.loads(run("recipe", "show", "shop", "--json"))["files"][0]["executable"] is True
    run("recipe", "export", "shop", str(tmp_path / "out"))
    assert (tmp_path / "out/Recipe").read_text() == "FROM base\nCOPY motd /etc/\n"
    assert (tmp_path / "out/motd").stat().st_mode & 0o777 == 0o755
    with pytest.raises(CommandError, match="File exists"):
        run("recipe", "export", "shop", str(tmp_path / "out"))
    run("recipe", "build", "shop:3", "--force", "--no-wait")
    assert last_job()[:2] == ("image-build", ["shop:3"])
    assert last_job()[2]["force"] is True
    run("recipe", "remove", "shop")
    assert not Recipe.objects.exists()


def test_a_wrong_recipe_is_told_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "Recipe"
    file.write_text("FROM base\nNONSENSE\n")
    with pytest.raises(CommandError, match=r"cannot be a recipe\n.*2"):
        run("recipe", "save", "shop", str(file))
    assert not Recipe.objects.exists()

"""`manage.py build`: a recipe from a file, with what lies beside it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from containers.choices import JobState, StepState
from containers.models import Command, Job, Line, Recipe, Step
from containers.services import recipes
from containers.services.recipes import FileContent
from tests.support import rows

pytestmark = pytest.mark.django_db

TEXT = "FROM base\nRUN true\nCOPY conf run.sh /srv/\n"


def build(*args: str) -> str:
    stdout = io.StringIO()
    call_command("build", *args, stdout=stdout)
    return stdout.getvalue()


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    rows.layer()
    (tmp_path / "Recipe").write_text(TEXT)
    (tmp_path / "conf/deep").mkdir(parents=True)
    (tmp_path / "conf/a").write_bytes(b"\0\xff")
    (tmp_path / "conf/deep/b").write_text("b")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "secret").write_text("not named")
    return tmp_path


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the next look at the job find what a worker did in the meantime."""

    def does(*deeds: Callable[[], None]) -> None:
        script = list(deeds)
        monkeypatch.setattr("containers.services.watch.time.sleep", lambda seconds: script.pop(0)())

    return does


def test_recipe_and_files_are_kept_and_built(kitchen: Path) -> None:
    recipe = recipes.save(rows.ROOT, "shop", "FROM base")
    recipes.put_file(rows.ROOT, recipe, "old", FileContent(b""))
    output = build(str(kitchen / "Recipe"), "--image", "shop:1.2", "--force", "--no-wait")
    job = Job.objects.get(operation="image-build")
    assert output == f"job {job.pk}: image-build shop:1.2\n"
    assert (job.targets, job.inputs["force"], job.via, job.user_name) == (["shop:1.2"], True, "cli", "root")
    recipe.refresh_from_db()
    files = {file.path: (bytes(file.content), file.is_executable) for file in recipe.files.all()}
    assert (recipe.text, files) == (
        TEXT,
        {"conf/a": (b"\0\xff", False), "conf/deep/b": (b"b", False), "run.sh": (b"#!/bin/sh\n", True)},
    )


def test_what_is_printed_comes_as_it_comes_and_a_failure_fails(kitchen: Path, worker: Callable[..., None]) -> None:
    def begin() -> None:
        job = Job.objects.get()
        step = Step.objects.create(job=job, number=1, action="build", reason="line 2: RUN true", state=StepState.RUNNING)
        command = Command.objects.create(step=step, number=1, argv=["true"], started_at=timezone.now())
        for number, text in enumerate(("one", "two"), start=1):
            Line.objects.create(job=job, command=command, number=number, at=timezone.now(), text=text)

    def end() -> None:
        Step.objects.update(state=StepState.FAILED, note="line 2: no", ended_at=timezone.now())
        Line.objects.create(job=Job.objects.get(), command=Command.objects.get(), number=3, at=timezone.now(), text="three")
        Job.objects.update(state=JobState.FAILED, reason="line 2: no")

    worker(begin, end)
    stdout = io.StringIO()
    with pytest.raises(CommandError, match=r"^job \d+ failed: line 2: no$"):
        call_command("build", str(kitchen / "Recipe"), "--image", "shop", stdout=stdout)
    assert stdout.getvalue().splitlines()[1:] == [
        "  line 2: RUN true",
        "    one",
        "    two",
        "    three",
        "  failed     line 2: RUN true: line 2: no",
    ]


def test_steps_about_the_container_say_what_they_do(kitchen: Path, worker: Callable[..., None]) -> None:
    def end() -> None:
        job, at = Job.objects.get(), timezone.now()
        for number, (action, reason) in enumerate((("start", "layer shop is built in it"), ("destroy", "it was there")), start=1):
            values = {"action": action, "reason": reason, "state": StepState.SUCCEEDED, "ended_at": at}
            Step.objects.create(job=job, number=number, container="build-shop-1", **values)
        Job.objects.update(state=JobState.SUCCEEDED)

    worker(end)
    assert build(str(kitchen / "Recipe"), "--image", "shop").splitlines()[1:-1] == [
        "  succeeded  start: layer shop is built in it",
        "  succeeded  destroy: it was there",
    ]


def test_the_text_may_come_from_standard_input(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kitchen)
    with (kitchen / "Recipe").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        build("-", "--image", "shop", "--no-wait")
    assert Job.objects.get().targets == ["shop:latest"]
    assert Recipe.objects.get().files.count() == 3


def test_all_that_lies_there_can_be_named(kitchen: Path) -> None:
    (kitchen / "Recipe").write_text("FROM base\nCOPY . /srv/\n")
    build(str(kitchen / "Recipe"), "--image", "shop", "--no-wait")
    assert [file.path for file in Recipe.objects.get().files.all()] == ["Recipe", "conf/a", "conf/deep/b", "run.sh", "secret"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda top: (top / "run.sh").unlink(), "run.sh: No such file"),
        (lambda top: (top / "run.sh").unlink() or (top / "run.sh").symlink_to("secret"), "run.sh: is a symbolic link"),
        (lambda top: (top / "conf/link").symlink_to("/etc/passwd"), "conf/link: is a symbolic link"),
        (lambda top: (top / "conf/up").symlink_to(".."), "conf/up: is a symbolic link"),
        (lambda top: os.mkfifo(top / "conf/pipe"), "conf/pipe: is not a file"),
        (lambda top: (top / "conf/big").write_bytes(b"x" * (4 << 20) + b"x"), "conf/big: has more than 4 MiB"),
        (lambda top: [(top / f"conf/{number}").touch() for number in range(100)], "COPY names more than 100 files"),
        (lambda top: (top / "conf/a\nb").touch(), "path: contains a control character"),
        (lambda top: (top / "Recipe").write_text("FROM base\nCOPY run.sh/x /y"), "run.sh/x: a part of it is not a directory"),
        (lambda top: (top / "Recipe").write_text("FROM base\nRUM x\nUSER !"), "line 2: RUM: is not an instruction"),
        (lambda top: (top / "Recipe").write_text("FROM nothing"), "line 1: there is no image and no layer nothing"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(kitchen: Path, make: Callable[[Path], object], message: str) -> None:
    make(kitchen)
    with pytest.raises(CommandError) as caught:
        build(str(kitchen / "Recipe"), "--image", "shop", "--no-wait")
    assert str(caught.value).startswith(f"{kitchen / 'Recipe'} cannot be built\n")
    assert message in str(caught.value)
    assert (Recipe.objects.count(), Job.objects.count()) == (0, 0)


def test_a_link_on_the_way_is_not_followed(kitchen: Path) -> None:
    (kitchen / "elsewhere").symlink_to("/etc")
    (kitchen / "Recipe").write_text("FROM base\nCOPY elsewhere/passwd /x")
    with pytest.raises(CommandError, match="elsewhere/passwd: is a symbolic link"):
        build(str(kitchen / "Recipe"), "--image", "shop", "--no-wait")


@pytest.mark.parametrize(
    ("content", "image", "message"),
    [
        (None, "shop", "No such file"),
        (b"\xff", "shop", "is not text in UTF-8"),
        (b"FROM base", "../x", "image: must not contain"),
    ],
)
def test_what_cannot_be_read_or_named(tmp_path: Path, content: bytes | None, image: str, message: str) -> None:
    if content is not None:
        (tmp_path / "Recipe").write_bytes(content)
    with pytest.raises(CommandError, match=message):
        build(str(tmp_path / "Recipe"), "--image", image, "--no-wait")

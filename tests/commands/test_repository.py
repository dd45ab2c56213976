"""Commands for repositories and exports."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from containers.domain.image import ImageRef
from containers.errors import InvalidRequest, NotFound
from containers.management.commands.exportimage import Command
from containers.models import ForgottenRepository, Job, Repository
from tests.support import exports, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def own() -> Iterator[Path]:
    with exports.own("debian:12") as directory:
        yield directory


def run(*args: str) -> str:
    stdout = io.StringIO()
    call_command(*args, stdout=stdout)
    return stdout.getvalue()


def last_job() -> tuple[str, list[str], dict[str, str]]:
    job = Job.objects.latest("id")
    return job.operation, job.targets, job.inputs


def test_repositories_are_listed_the_own_first(own: Path) -> None:
    exports.row("team", "debian:12", "debian:13")
    assert run("repository", "list").splitlines() == [
        f"own\t{own}\t{exports.PUBLIC}",
        f"team\thttps://images.example.org/a\t{exports.PUBLIC}",
    ]
    rows.image("debian:12")
    assert run("repository", "show", "own") == "debian:12\there\t7\n"
    assert run("repository", "show", "team") == "debian:12\tdiffers\t7\ndebian:13\tother-version\t7\n"


def test_the_key_is_printed(own: Path) -> None:
    assert run("repository", "key") == f"{exports.PUBLIC}\n"


def test_there_is_no_key_before_the_first_export(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="made with the first export"):
        run("repository", "key")


def test_one_is_added_refreshed_and_forgotten() -> None:
    run("repository", "--no-wait", "add", "team", "https://images.example.org/a", exports.PUBLIC)
    assert last_job() == ("repository-refresh", ["team"], {})
    run("repository", "--no-wait", "refresh", "team")
    assert Job.objects.count() == 2
    assert "what was fetched from it stays" in run("repository", "remove", "team")
    assert not Repository.objects.exists()
    exports.row("team")
    run("repository", "remove", "team", "--with-number")
    assert not ForgottenRepository.objects.exists()
    with pytest.raises(InvalidRequest, match="public_key"):
        run("repository", "--no-wait", "add", "team", "https://images.example.org/a", "x")


def test_images_are_fetched_and_exported(own: Path) -> None:
    run("repository", "--no-wait", "fetch", "own", "debian:12")
    assert last_job() == ("image-fetch", ["debian:12"], {"repository": "own"})
    run("repository", "--no-wait", "remove-export", "debian")
    assert last_job() == ("export-remove", ["debian:12"], {})
    rows.image("debian:12")
    run("exportimage", "--no-wait", "debian")
    assert last_job() == ("image-export", ["debian:12"], {})
    with pytest.raises(NotFound):
        run("exportimage", "--no-wait", "other")


def test_the_exported_file_is_copied(own: Path, tmp_path: Path) -> None:
    target = tmp_path / "debian.tar"
    command = Command(stdout=io.StringIO())
    command.copy(ImageRef("debian", "12"), target)
    assert target.read_bytes() == b"content"
    with pytest.raises(CommandError, match="exists already"):
        command.copy(ImageRef("debian", "12"), target)
    with pytest.raises(CommandError, match="No such file or directory"):
        command.copy(ImageRef("debian", "12"), tmp_path / "nowhere" / "x.tar")
    with pytest.raises(CommandError, match="do not go together"):
        run("exportimage", "--no-wait", "debian", "--to", str(target))

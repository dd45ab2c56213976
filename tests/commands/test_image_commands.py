"""Commands that import, pull and make what containers stand on."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from containers.models import Job
from tests.commands.test_following import run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["importimage", "{dir}/web.tar", "--image", "web:1"], ("image-import", ["web:1"], {"path": "{dir}/web.tar"})),
        (
            ["importimage", "{dir}/web.tar", "--image", "web", "--pick", "a"],
            ("image-import", ["web:latest"], {"path": "{dir}/web.tar", "pick": "a"}),
        ),
        (["pullimage", "debian:12"], ("image-pull", ["debian:12"], {"reference": "debian:12"})),
        (["pullimage", "debian:12", "--image", "base"], ("image-pull", ["base:latest"], {"reference": "debian:12"})),
        (["bootstrap", "deb"], ("layer-bootstrap", ["deb"], {})),
        (
            ["bootstrap", "deb", "--suite", "sid", "--package", "vim", "--package", "curl", "--tool", "debootstrap"],
            ("layer-bootstrap", ["deb"], {"suite": "sid", "packages": ["vim", "curl"], "tool": "debootstrap"}),
        ),
    ],
)
def test_a_command_queues_its_job(
    command: list[str], expected: tuple[str, list[str], dict[str, object]], settings: object
) -> None:
    directory = str(settings.IMPORT_DIRS[0])
    fill = lambda value: value.replace("{dir}", directory) if isinstance(value, str) else value  # noqa: E731
    run(*map(fill, command), "--no-wait")
    job = Job.objects.get()
    operation, targets, inputs = expected
    assert (job.operation, job.targets, job.inputs) == (operation, targets, {key: fill(value) for key, value in inputs.items()})


@pytest.mark.parametrize(
    "command",
    [
        ["importimage", "/etc/shadow", "--image", "web"],
        ["importimage", "/srv/x", "--image", "../web"],
        ["pullimage", "https://x"],
        ["bootstrap", "deb", "--suite", "-x y"],
        ["bootstrap", "../deb"],
    ],
)
def test_what_is_refused_fails_the_command_and_queues_nothing(command: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command(*command, "--no-wait", stdout=io.StringIO())
    assert Job.objects.count() == 0

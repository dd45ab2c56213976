"""A disk that gets full while an app is installed, updated or backed up: the job says so, and nothing half-made stays."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from containers.choices import JobState
from containers.domain.layout import Layout
from containers.models import Backup
from containers.services import app_requests
from tests.jobs.shop import NEXT_RECIPE, SMALL, SMALL_NEXT, SYSTEM, Shop
from tests.support.apps import write

pytestmark = pytest.mark.lxc

MIB = 1 << 20
WITH_FILE = (
    SMALL
    + """
[[files]]
volume = "data"
path = "large"
source = "large"
plain = true
"""
)


@pytest.fixture
def small(host_directories: Layout) -> Iterator[Callable[[Path], None]]:
    """Makes a directory a disk of four megabytes, as long as the test lasts."""
    mounted: list[Path] = []

    def make(path: Path) -> None:
        status = path.stat()
        options = f"size=4m,mode={status.st_mode & 0o777:o},gid={status.st_gid}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
        mounted.append(path)

    yield make
    for path in mounted:
        subprocess.run(["umount", path], check=True)


def fill(shop: Shop, size: int) -> None:
    path = shop.layout.volume("blog-data") / "large"
    path.write_bytes(bytes(size))
    path.chmod(0o644)


def test_an_installation_on_a_full_disk(small: Callable[[Path], None], shop: Shop) -> None:
    small(shop.layout.volumes)
    folder = write(shop.catalog, SMALL)
    (folder / "app.toml").write_text(WITH_FILE)
    (folder / "large").write_bytes(bytes(4 * MIB))
    before = shop.state()
    job = shop.install()
    reason = "the file large in the volume blog-data cannot be written: No space left on device"
    assert (job.state, reason in job.reason) == (JobState.FAILED, True), job.reason
    assert shop.state() == before


def test_an_update_on_a_full_disk(small: Callable[[Path], None], shop: Shop) -> None:
    small(shop.layout.volumes)
    shop.write(SMALL)
    shop.installed()
    fill(shop, 3 * MIB)
    before = shop.made()
    shop.write(SMALL_NEXT, recipe=NEXT_RECIPE)
    job = shop.update()
    assert (job.state, "the disk is too full" in job.reason) == (JobState.FAILED, True), job.reason
    assert "is back on version 1.0" in job.reason
    assert shop.made() == before
    assert [path.name for path in shop.layout.volumes.iterdir()] == ["blog-data"]
    assert shop.panel.states() == {"blog-web": "RUNNING"}


def test_a_backup_on_a_full_disk(small: Callable[[Path], None], shop: Shop) -> None:
    small(shop.layout.backups)
    shop.write(SMALL)
    shop.installed()
    fill(shop, 5 * MIB)
    job = shop.panel.run(app_requests.request_backup(SYSTEM, shop.row()))
    assert (job.state, "the disk is too full" in job.reason) == (JobState.FAILED, True), job.reason
    assert list(shop.layout.backups.iterdir()) == []
    assert not Backup.objects.exists()
    assert (shop.row().state, shop.panel.states()) == ("installed", {"blog-web": "RUNNING"})

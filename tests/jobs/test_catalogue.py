"""An app of the catalogue for real: built from Debian's packages, installed, used, restarted, and gone again.

One of them, and the smallest on Debian that takes a step inside: WordPress has its own way through a browser.
"""

from __future__ import annotations

import base64
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

from containers.catalog import apps
from containers.choices import JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.host import imports, layers
from containers.models import Layer
from containers.services import app_requests, installations
from tests.jobs.conftest import SYSTEM, Panel
from tests.support import lxc
from tests.support.apps import RECIPE, write
from tests.support.debian import base_archive

pytestmark = pytest.mark.lxc

# Debian's packages come from its mirror, at its speed.
PATIENCE_S = 900
PASSWORD = 'it\'s "mine" $(id)'


class Calendars:
    """A client of the server, under the port that the host offers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, password: str = PASSWORD) -> int:
        """Return the status of the answer."""
        request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310
        request.add_header("Authorization", f"Basic {base64.b64encode(f'me:{password}'.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


def add_base(panel: Panel, layout: Layout) -> None:
    """Make the layer that spocweb would make itself, from what this machine keeps of it."""
    ids = {"idmap_base": settings.IDMAP_BASE, "idmap_size": settings.IDMAP_SIZE}
    with imports.Source(base_archive(), os.open(base_archive(), os.O_RDONLY), is_directory=False) as source:
        layers.import_source(layout, lxc.runner(), source, "debian-13", **ids)
    Layer.objects.create(host=panel.host, name="debian-13", is_available=True)


@pytest.mark.timeout(PATIENCE_S)
def test_radicale_is_installed_used_restarted_and_removed(panel: Panel, layout: Layout) -> None:
    add_base(panel, layout)
    port = installations.free_port()
    job = panel.run(app_requests.request_install(SYSTEM, apps.find("radicale"), "cal", {"password": PASSWORD, "port": port}))
    assert job.state == JobState.SUCCEEDED, f"{job.reason}\n{job.error}"

    calendars = Calendars(port)
    assert calendars.ask("PROPFIND", "/me/") == 207
    assert calendars.ask("PROPFIND", "/me/", "wrong password") == 401
    assert calendars.ask("MKCALENDAR", "/me/birthdays/") == 201
    assert calendars.ask("PROPFIND", "/you/") == 403

    volume = layout.volume("cal-data")
    owned = {path.lstat().st_uid for path in [volume, *volume.rglob("*")]}
    assert owned == {settings.IDMAP_BASE + 900}
    kept = [path.read_bytes() for path in volume.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in kept)

    restart = panel.do(Operation.RESTART, "cal-server")
    assert restart.state == JobState.SUCCEEDED, restart.error
    assert calendars.ask("PROPFIND", "/me/birthdays/") == 207

    row = installations.get("cal")
    gone = panel.run(app_requests.request_uninstall(SYSTEM, row, ["cal-data"]))
    assert gone.state == JobState.SUCCEEDED, f"{gone.reason}\n{gone.error}"
    assert lxc.leftovers(layout) == []


def test_an_app_on_the_hosts_own_busybox_needs_no_base_before(
    panel: Panel, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path, recipe=RECIPE.replace("FROM base", "FROM busybox"))
    port = installations.free_port()
    job = panel.run(app_requests.request_install(SYSTEM, apps.find("note"), "note", {"port": port}))
    assert job.state == JobState.SUCCEEDED, f"{job.reason}\n{job.error}"
    assert Layer.objects.get(name="busybox").is_available
    gone = panel.run(app_requests.request_uninstall(SYSTEM, installations.get("note"), ["note-data"]))
    assert gone.state == JobState.SUCCEEDED, f"{gone.reason}\n{gone.error}"
    assert lxc.leftovers(layout) == []

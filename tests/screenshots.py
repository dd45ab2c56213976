"""Pictures of the pages for the documentation: `make screenshots`. A host with a shop, a wiki that is not ready, a failure."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

from tests import environment
from tests.browser.conftest import Session
from tests.browser.support import chromium
from tests.support.stack import Stack

DESK: Final = {"width": 1280, "height": 860}
PHONE: Final = {"width": 390, "height": 844}
MIB: Final = 2**20


@dataclass(frozen=True)
class Shot:
    """A picture: of which page, in which scheme, and what is pressed before it is taken."""

    name: str
    path: str
    scheme: str = "light"
    size: tuple[tuple[str, int], ...] = tuple(DESK.items())
    press: str = ""


def furnish(stack: Stack) -> dict[str, Any]:
    """Fill the host; return what the addresses of pages need."""
    shop: dict[str, Any] = {"autostart": True, "limits": {"memory_bytes": 512 * MIB}}
    stack.add(
        "shop-db", description="PostgreSQL for the shop", mounts={"shop-data": "srv/data"}, env={"POSTGRES_DB": "shop"}, **shop
    )
    stack.add("mail", description="Outgoing mail relay", autostart=True, limits={"memory_bytes": 256 * MIB})
    stack.add("shop-app", description="Shop application", depends=["shop-db", "mail"], ready="test -d /proc/1", **shop)
    stack.add("shop-web", description="Shop front end", depends=["shop-app"], **shop)
    stack.add("git", description="Source repositories", mounts={"repositories": "srv/git"}, autostart=True)
    stack.add(
        "wiki", description="Team wiki", depends=["git"], ready="echo no answer on port 3000; exit 7", timeouts={"ready": 1}
    )
    stack.add("metrics", description="Metrics store", cmd="/bin/false")
    stack.add("ci-runner", description="Build runner", depends=["git"])
    for name in ("shop-web", "ci-runner"):
        stack.do("POST", f"/containers/{name}/start/")
    # So that a simulation knows how long a stop takes.
    stack.do("POST", "/containers/shop-db/stop/")
    stack.do("POST", "/containers/shop-web/start/")
    stack.do("POST", "/containers/ci-runner/freeze/")
    failed = [stack.do("POST", f"/containers/{name}/start/")["id"] for name in ("metrics", "wiki")]
    changed = {"layers": ["base"], "cmd": "/bin/sleep 1000", "halt": "SIGKILL", "mounts": {"shop-data": "srv/data"}}
    changed["env"] = {"POSTGRES_DB": "shop", "POSTGRES_ARGS": "-c shared_buffers=256MB"}
    stack.call(
        "PATCH", "/containers/shop-db/", {"definition": changed, "limits": {"memory_bytes": 1024 * MIB}, "timeouts": {"stop": 90}}
    )
    return {"failed": failed[-1]}


# An hour of samples, as the monitor would have taken them: some load with a busy quarter of an hour.
_HOUR: Final = """
from datetime import timedelta
from math import sin
from django.utils import timezone
from containers.domain.usage import MachineUsage, Usage
from containers.models import Container
from containers.services import hosts, metrics
host, now = hosts.current(), timezone.now()
keys = list(Container.objects.filter(state="RUNNING").values_list("pk", flat=True))
for number in range(360):
    busy = 3 if 200 < number < 290 else 1
    wave = 1 + 0.4 * sin(number / 9) + 0.2 * sin(number / 2.3)
    used = {
        key: Usage(0.02 * wave * busy * (1 + key % 3), (90 + 40 * (key % 4) + 8 * wave) * 2**20, 512 * 2**20, 6 + key % 5 + busy,
                   9_000 * wave * busy, 21_000 * wave * busy)
        for key in keys
    }
    machine = MachineUsage(0.3 * wave * busy, 4, (3_100 + 60 * wave) * 2**20, 8_192 * 2**20, 41 * 2**30, 120 * 2**30)
    metrics.record(host, now - timedelta(seconds=10 * (359 - number)), machine, used)
"""


def shots(failed: int) -> list[Shot]:
    phone = tuple(PHONE.items())
    return [
        Shot("dashboard", "/"),
        Shot("dashboard-dark", "/", "dark"),
        Shot("containers", "/containers/?group=tier"),
        Shot("containers-dark", "/containers/", "dark"),
        Shot("containers-phone", "/containers/", size=phone),
        Shot("container", "/containers/shop-app/"),
        Shot("container-phone", "/containers/shop-app/", size=phone),
        Shot("definition", "/containers/shop-db/definition/"),
        Shot("stop-dark", "/containers/shop-db/", "dark", press="Stop…"),
        Shot("dependencies", "/dependencies/?operation=stop&container=shop-db"),
        Shot("job-dark", f"/jobs/{failed}/", "dark"),
        Shot("history", "/containers/shop-db/history/"),
    ]


def take(session: Session, shot: Shot, directory: Path) -> None:
    page: Page = session.page()
    page.set_viewport_size(dict(shot.size))  # type: ignore[arg-type]
    page.emulate_media(color_scheme=shot.scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(shot.path)
    page.locator("#connection [data-when=live]").wait_for()
    if shot.press:
        page.get_by_role("link", name=shot.press).first.click()
        page.get_by_role("dialog").get_by_role("heading", level=1).wait_for()
    page.screenshot(path=directory / f"{shot.name}.png")
    page.close()


def main(directory: Path) -> None:
    # As few of its own as there can be while pictures are taken: the hour is made up.
    stack = Stack(SPOCWEB_SAMPLE_SECONDS="30")
    try:
        stack.start()
        stack.add_layer()
        found = furnish(stack)
        with chromium(stack.port) as browser:
            session = Session(browser, stack)
            session.sign_in(session.page())
            stack.manage("shell", "-c", _HOUR)
            for shot in shots(**found):
                take(session, shot, directory)
        if session.errors:
            sys.exit(f"screenshots: {session.errors}")
    finally:
        stack.close()
        environment.pytest_unconfigure()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

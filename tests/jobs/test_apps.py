"""Installed apps on real containers: what comes of each job, and that a failure or a kill at any step leaves old or new."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from containers.catalog import apps
from containers.choices import InstallationState, JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.errors import Conflict, HostError, InvalidRequest
from containers.host import ports
from containers.jobs import executor, reaper
from containers.jobs.parts import Parts
from containers.jobs.runner import run_job
from containers.models import Backup, Container, Host, Image, Installation, Job, Layer, Line, Volume
from containers.services import app_requests, app_rows, installations
from tests.jobs.conftest import LAYER, SYSTEM, Panel
from tests.support import lxc
from tests.support.apps import MANIFEST, RECIPE, write

pytestmark = pytest.mark.lxc

ROOT = settings.IDMAP_BASE
# The host's ports are there for all test processes: each has its own ten.
PORT = 21_000 + 10 * settings.SUBNET.network_address.packed[2]
NEXT = MANIFEST.replace('version = "1.0"', 'version = "2.0"').replace("1.0 >>", "2.0 >>")
NEXT_RECIPE = RECIPE.replace("1.0", "2.0")
BROKEN = NEXT.replace('"echo 2.0 >> /data/updated"', '"echo broken >> /data/updated; echo it does not work; exit 3"')


# One container is enough to end in the middle of.
SMALL = (
    MANIFEST.replace('depends = ["db"]\n', "")
    .replace(' with {{ container.db }}"', '"')
    .replace('container = "db"', 'container = "web"')
)
SMALL = SMALL[: SMALL.index("[containers.db]")] + SMALL[SMALL.index("[containers.web]") :]
SMALL_NEXT = SMALL.replace('version = "1.0"', 'version = "2.0"').replace("1.0 >>", "2.0 >>")


class Killed(BaseException):
    """What a process that is killed does not get to see."""


def ok(job: Job) -> None:
    assert job.state == JobState.SUCCEEDED, f"{job.reason}\n{job.error}"


class Shop:
    """A catalogue, and apps that are installed from it at once."""

    def __init__(self, panel: Panel, layout: Layout, catalog: Path, host: Host) -> None:
        self.panel, self.layout, self.catalog, self.host = panel, layout, catalog, host

    def write(self, manifest: str = MANIFEST, **more: str) -> None:
        write(self.catalog, manifest, **more)

    def install(self, name: str = "blog", adopt: dict[str, str] | None = None, **given: Any) -> Job:
        given = {"password": "hush-hush", "port": PORT, **given}
        return self.panel.run(app_requests.request_install(SYSTEM, apps.find("note"), name, given, adopt))

    def installed(self, name: str = "blog", **more: Any) -> Installation:
        job = self.install(name, **more)
        ok(job)
        return self.row(name)

    def row(self, name: str = "blog") -> Installation:
        return installations.get(name)

    def update(self, name: str = "blog", **given: Any) -> Job:
        return self.panel.run(app_requests.request_update(SYSTEM, self.row(name), given))

    def read(self, path: str, volume: str = "blog-data") -> str:
        return (self.layout.volume(volume) / path).read_text().strip()

    def post(self, text: str) -> None:
        """Write what only a person has."""
        path = self.layout.volume("blog-data") / "post"
        path.write_text(text)
        path.chmod(0o644)

    def shell(self, name: str, script: str) -> str:
        return lxc.run("lxc-attach", "-P", str(self.layout.containers), "-n", name, "--", "/bin/sh", "-c", script).strip()

    def state(self) -> dict[str, Any]:
        """All that may differ between two versions, rows and host."""
        rows = Container.objects.filter(host=self.host).order_by("name")
        return {
            "installations": list(Installation.objects.values_list("name", "version", "state")),
            "layers": {row.name: [use.layer.name for use in row.layer_uses.all()] for row in rows},
            "states": {row.name: lxc.state(self.layout, row.name) for row in rows},
            "volumes": {
                path.name: {str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("*")) if file.is_file()}
                for path in sorted(self.layout.volumes.iterdir())
            },
            "images": sorted(str(image) for image in Image.objects.all()),
            "directories": lxc.names(self.layout),
        }

    def run_pending(self) -> None:
        """Run what the reaper has queued, and what that queues."""
        while pending := list(Job.objects.filter(state=JobState.QUEUED).order_by("pk")):
            for job in pending:
                ended = self.panel.run(job)
                assert ended.state == JobState.SUCCEEDED, ended.error


@pytest.fixture
def shop(panel: Panel, layout: Layout, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    catalog = tmp_path / "catalog"
    monkeypatch.setattr(settings, "CATALOG_DIRS", [catalog])
    shop = Shop(panel, layout, catalog, host)
    shop.write()
    yield shop
    ports.remove(settings.BRIDGE, lxc.runner())
    for path in layout.backups.iterdir():
        path.unlink()


def get(url: str) -> str:
    return subprocess.run(["wget", "-q", "-T", "5", "-O", "-", url], capture_output=True, text=True, check=True).stdout.strip()


def test_an_app_is_installed_started_and_reached_by_its_port(shop: Shop) -> None:
    row = shop.installed(text="it's {{ port }}; $(x)", port=PORT + 1)
    assert (row.state, row.version, row.app) == (InstallationState.INSTALLED, "1.0", "note")
    assert shop.panel.states() == {"blog-db": "RUNNING", "blog-web": "RUNNING"}
    assert shop.read("note") == "it's {{ port }}; $(x) in blog with blog-db"
    assert shop.read("installed") == "blog hush-hush"
    secret = (shop.layout.volume("blog-data") / "secret/password").stat()
    assert (secret.st_uid, secret.st_gid, secret.st_mode & 0o777) == (ROOT + 7, ROOT + 7, 0o600)
    assert shop.shell("blog-web", "cat /version; echo $TEXT").startswith("1.0")
    assert get(f"http://127.0.0.1:{PORT + 1}/note") == "it's {{ port }}; $(x) in blog with blog-db"
    bridge = str(next(settings.SUBNET.hosts()))
    assert get(f"http://{bridge}:{PORT + 1}/installed") == "blog hush-hush"


def test_no_secret_stands_in_rows_or_records(shop: Shop) -> None:
    shop.write(MANIFEST.replace("echo $WHO > /data/installed", "echo $WHO; echo $WHO >&2; exit 3"))
    job = shop.install()
    assert job.state == JobState.FAILED
    assert "Write who is installed" in job.reason
    texts = [job.reason, job.error, str(job.inputs), *Line.objects.values_list("text", flat=True)]
    texts += [str(command) for step in job.steps.all() for command in step.commands.values_list("argv", flat=True)]
    assert "blog ********" in "\n".join(texts)
    assert "hush" not in "\n".join(texts)


def test_the_same_app_twice_under_two_names(shop: Shop) -> None:
    shop.installed("blog", port=PORT + 1, text="one")
    shop.installed("wiki", port=PORT + 2, text="two")
    assert get(f"http://127.0.0.1:{PORT + 1}/note").startswith("one in blog")
    assert get(f"http://127.0.0.1:{PORT + 2}/note").startswith("two in wiki")
    assert Layer.objects.filter(name__startswith="app-note").count() == 1


def test_a_port_that_a_program_took_meanwhile_is_refused_by_name(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "listening", lambda: {PORT})
    job = shop.install()
    assert (job.state, f"a program of the host listens on port {PORT}" in job.reason) == (JobState.FAILED, True)
    assert shop.state()["installations"] == []


def test_a_volume_of_that_name_on_the_disk_is_never_taken(shop: Shop) -> None:
    path = shop.layout.volume("blog-data")
    path.mkdir()
    (path / "theirs").write_text("x")
    job = shop.install()
    assert (job.state, "there is a volume blog-data already" in job.reason) == (JobState.FAILED, True)
    # What an undo must not do: it was there before.
    assert (path / "theirs").read_text() == "x"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('title = "Note"', 'title = "Note"\n[requirements]\nmemory = "1000 TiB"', "of memory are needed"),
        ('title = "Note"', 'title = "Note"\n[requirements]\ndisk = "1000 TiB"', "of disk are needed"),
    ],
)
def test_a_host_that_is_too_small_is_told_before_anything(shop: Shop, old: str, new: str, reason: str) -> None:
    text = MANIFEST.replace('description = "Keeps a note"\n', "").replace(old, f'description = "Keeps a note"\n{new}', 1)
    shop.write(text)
    job = shop.install()
    assert (job.state, reason in job.reason) == (JobState.FAILED, True)
    assert shop.state()["installations"] == []


def test_an_update_keeps_answers_and_a_way_back(shop: Shop) -> None:
    shop.installed(text="mine")
    shop.post("old")
    shop.write(NEXT, recipe=NEXT_RECIPE)
    seen = app_requests.update_of(shop.row())
    assert (seen.before, seen.after, [change.container for change in seen.changes]) == ("1.0", "2.0", ["db", "web"])
    job = shop.update()
    ok(job)
    assert (shop.row().version, shop.row().state) == ("2.0", "installed")
    assert shop.shell("blog-web", "cat /version") == "2.0"
    assert (shop.read("updated"), shop.read("note")) == ("2.0", "mine in blog with blog-db")
    assert shop.read("post", "blog-data.before-1.0") == "old"
    shop.post("new")
    job = shop.panel.run(app_requests.request_back(SYSTEM, shop.row()))
    ok(job)
    assert (shop.row().version, shop.read("post")) == ("1.0", "old")
    assert shop.shell("blog-web", "cat /version") == "1.0"
    assert sorted(path.name for path in shop.layout.volumes.iterdir()) == ["blog-data"]
    with pytest.raises(Conflict, match="no version to go back to"):
        app_requests.request_back(SYSTEM, shop.row())


def test_an_update_that_fails_returns_by_itself(shop: Shop) -> None:
    shop.installed()
    shop.post("mine")
    before = shop.state()
    shop.write(BROKEN, recipe=NEXT_RECIPE)
    job = shop.update()
    assert job.state == JobState.FAILED
    assert "is back on version 1.0, volumes included" in job.reason
    after = shop.state()
    assert {**after, "images": before["images"]} == before
    assert get(f"http://127.0.0.1:{PORT}/post") == "mine"


def test_a_version_that_does_not_get_ready_returns_by_itself(shop: Shop) -> None:
    shop.installed()
    before = shop.state()
    shop.write(NEXT.replace('ready = "test -s /data/note"', 'ready = "false"\ntimeouts = { ready = 1 }'), recipe=NEXT_RECIPE)
    job = shop.update()
    assert (job.state, "was not ready within 1 s" in job.reason) == (JobState.FAILED, True)
    assert {**shop.state(), "images": before["images"]} == before


def test_an_update_with_other_parts_and_back(shop: Shop) -> None:
    """A container and a question go, a container and a volume come."""
    shop.installed(text="x")
    before = shop.state()
    text = NEXT.replace("containers.db]", "containers.store]").replace('depends = ["db"]', 'depends = ["store"]')
    text = text.replace('container = "db"', 'container = "store"').replace("container.db", "container.store")
    text = text.replace("[volumes.data]", "[volumes.data]\n\n[volumes.more]").replace('"/usr/bin/httpd', '"/usr/bin/httpd')
    text = text.replace(
        '[containers.web]\nimage = "web"\ndepends = ["store"]\nmounts = { data = "data" }',
        '[containers.web]\nimage = "web"\ndepends = ["store"]\nmounts = { data = "data", more = "more" }',
    )
    text = (
        text.replace('[[questions]]\nname = "text"\ntype = "text"\nlabel = "Text"\ndefault = "hello"\n', "")
        .replace('env = { TEXT = "{{ text }}" }\n', "")
        .replace("{{ text }} in", "in")
    )
    shop.write(text, recipe=NEXT_RECIPE)
    job = shop.update()
    ok(job)
    assert set(shop.panel.states()) == {"blog-store", "blog-web"}
    assert shop.row().answers == {"port": PORT}
    job = shop.panel.run(app_requests.request_back(SYSTEM, shop.row()))
    ok(job)
    assert {**shop.state(), "images": before["images"]} == before


def test_an_installation_is_never_updated_twice_at_once(shop: Shop) -> None:
    shop.installed()
    first = app_requests.request_update(SYSTEM, shop.row(), {"text": "x"})
    with pytest.raises(Conflict, match=f"Job {first.pk} is at blog already"):
        app_requests.request_update(SYSTEM, shop.row(), {"text": "y"})
    assert shop.panel.run(first).state == JobState.SUCCEEDED
    assert shop.read("note") == "x in blog with blog-db"


def test_uninstall_keeps_volumes_that_a_new_installation_adopts(shop: Shop) -> None:
    shop.installed()
    shop.post("mine")
    job = shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row()))
    ok(job)
    assert (shop.panel.states(), lxc.names(shop.layout)) == ({}, [])
    assert Volume.objects.filter(name="blog-data").exists()
    with pytest.raises(InvalidRequest, match="adopt it"):
        shop.install()
    shop.installed("news", adopt={"data": "blog-data"})
    assert shop.shell("news-web", "cat /data/post") == "mine"
    # A failed installation takes nothing with it that was there before.
    with pytest.raises(InvalidRequest, match="is mounted by news-"):
        shop.install("third", adopt={"data": "blog-data"}, port=PORT + 3)
    job = shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row("news"), ["blog-data"]))
    ok(job)
    assert list(shop.layout.volumes.iterdir()) == []


def test_a_failed_installation_leaves_an_adopted_volume(shop: Shop) -> None:
    shop.installed()
    shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row()))
    shop.write(MANIFEST.replace("echo $WHO > /data/installed", "exit 1"))
    assert shop.install("news", adopt={"data": "blog-data"}).state == JobState.FAILED
    assert shop.read("installed") == "blog hush-hush"


def test_a_last_step_that_fails_keeps_everything_unless_forced(shop: Shop) -> None:
    shop.write(MANIFEST.replace('run = ["true"]', 'run = ["false"]'))
    shop.installed()
    before = shop.state()
    job = shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row()))
    assert (job.state, "Say good-bye" in job.reason) == (JobState.FAILED, True)
    assert shop.state() == before
    job = shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row(), force=True))
    ok(job)


@pytest.mark.parametrize("freeze", [False, True])
def test_a_backup_is_restored_under_another_name(shop: Shop, freeze: bool) -> None:
    shop.installed(text="mine")
    volume = shop.layout.volume("blog-data")
    (volume / "dev").mkdir()
    (volume / "dev/.wh.x").write_text("kept")
    (volume / "link").symlink_to("/etc/passwd")
    job = shop.panel.run(app_requests.request_backup(SYSTEM, shop.row(), freeze=freeze))
    ok(job)
    assert shop.panel.states() == {"blog-db": "RUNNING", "blog-web": "RUNNING"}
    backup = Backup.objects.get()
    file = shop.layout.backups / backup.file_name
    assert (file.stat().st_size, file.stat().st_mode & 0o777, shop.row().state) == (backup.size_bytes, 0o600, "installed")
    job = shop.panel.run(app_requests.request_restore(SYSTEM, "copy", {"port": PORT + 5}, backup=backup.file_name))
    ok(job)
    restored = shop.layout.volume("copy-data")
    assert (restored / "dev/.wh.x").read_text() == "kept"
    assert (restored / "link").is_symlink()
    assert (restored / "secret/password").stat().st_uid == ROOT + 7
    assert (restored / "installed").read_text() == "blog hush-hush\n"
    assert installations.answers_of(shop.row("copy")) == {"text": "mine", "password": "hush-hush", "port": PORT + 5}
    assert get(f"http://127.0.0.1:{PORT + 5}/note") == "mine in copy with copy-db"


class Disaster:
    """Lets one step of a job fail, or the process be killed before it or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.at: int | None = None
        self.how = "fails"
        self.is_dead = False
        attempt, receive = executor.Executor._attempt, executor.Executor._receive
        carry_out, set_state = Parts.carry_out, app_rows.set_state
        disaster = self

        def attempt_or_not(self: Any, step: Any, recorder: Any) -> Any:
            disaster.count += 1
            if disaster.count != disaster.at or disaster.is_dead:
                return attempt(self, step, recorder)
            if disaster.how == "fails":
                return attempt_failing(step)
            ended = attempt(self, step, recorder) if disaster.how == "after" else attempt_failing(step)
            disaster.is_dead = True
            return ended

        def attempt_failing(step: Any) -> Any:
            error = HostError("the test lets it fail")
            return executor.StepEnded(step=step.number, state=executor.StepState.FAILED, note=str(error), error=error)

        def alive(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **more: Any) -> Any:
                if disaster.is_dead:
                    raise Killed
                return function(*args, **more)

            return call

        # Otherwise what is tried again waits for a minute.
        monkeypatch.setattr(reaper, "RETRY_S", 0)
        monkeypatch.setattr(executor.Executor, "_attempt", attempt_or_not)
        monkeypatch.setattr(executor.Executor, "_receive", alive(receive))
        monkeypatch.setattr(Parts, "carry_out", alive(carry_out))
        monkeypatch.setattr(app_rows, "set_state", alive(set_state))

    def strike(self, at: int | None, how: str) -> None:
        self.count, self.at, self.how, self.is_dead = 0, at, how, False


@pytest.fixture
def disaster(monkeypatch: pytest.MonkeyPatch) -> Disaster:
    return Disaster(monkeypatch)


def run_with(shop: Shop, disaster: Disaster, job: Job, at: int | None, how: str) -> str:
    """Run a job with a disaster at a step, then what the reaper makes of it; return its state."""
    disaster.strike(at, how)
    try:
        run_job(job.pk)
    except Killed:
        job.refresh_from_db()
        assert job.state == JobState.RUNNING
        disaster.strike(None, "")
        assert [lost.pk for lost in reaper.reap(shop.host)] == [job.pk]
        shop.run_pending()
    disaster.strike(None, "")
    reaper.clear_builds(shop.host)
    reaper.mend_installations(shop.host)
    shop.run_pending()
    job.refresh_from_db()
    return job.state


def is_struck(state: str) -> bool:
    return state in {JobState.FAILED, JobState.LOST}


@pytest.mark.parametrize("how", ["fails", "after"])
def test_an_installation_is_undone_wherever_it_ends(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    nothing = shop.state()
    at, struck = 0, True
    while struck:
        at += 1
        job = app_requests.request_install(SYSTEM, apps.find("note"), "blog", {})
        struck = is_struck(run_with(shop, disaster, job, at, how))
        if struck:
            assert (at, shop.state()) == (at, nothing)
    assert at > 10
    assert shop.row().state == InstallationState.INSTALLED


@pytest.mark.parametrize("how", ["fails", "after"])
def test_an_update_leaves_old_or_new_wherever_it_ends(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    shop.installed()
    shop.post("mine")
    old = shop.state()
    shop.write(SMALL_NEXT, recipe=NEXT_RECIPE)
    at, struck = 0, True
    while struck:
        at += 1
        state = run_with(shop, disaster, app_requests.request_update(SYSTEM, shop.row()), at, how)
        struck = is_struck(state)
        if struck and shop.row().version == "1.0":
            assert (at, {**shop.state(), "images": old["images"]}) == (at, old)
        elif struck:
            # The last parts: what is new has proved itself, and is whole.
            assert (at, set(shop.state()["states"].values()), shop.read("updated")) == (at, {"RUNNING"}, "2.0")
            break
    assert at > 8


@pytest.mark.parametrize("how", ["fails", "after"])
def test_an_uninstallation_keeps_all_or_ends_wherever_it_ends(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    at, struck, gone = 0, True, 0
    while struck:
        at += 1
        if not Installation.objects.exists():
            shop.installed()
        before = shop.state()
        job = app_requests.request_uninstall(SYSTEM, shop.row(), ["blog-data"])
        struck = is_struck(run_with(shop, disaster, job, at, how))
        if shop.state() != before:
            if how == "fails" and struck and Installation.objects.exists():
                reaper.mend_installations(shop.host)
                shop.run_pending()
            after = shop.state()
            assert (at, after["installations"], after["directories"], after["volumes"]) == (at, [], [], {})
            gone += 1
    assert at > 2
    assert gone


def test_a_backup_that_is_killed_lets_all_go_on(shop: Shop, disaster: Disaster) -> None:
    shop.write(SMALL)
    shop.installed()
    before = shop.state()
    at, struck = 0, True
    while struck:
        at += 1
        state = run_with(shop, disaster, app_requests.request_backup(SYSTEM, shop.row()), at, "after")
        struck = is_struck(state)
        assert (at, shop.state()) == (at, before)
        assert not list(shop.layout.backups.glob(".unfinished*"))
    assert at > 3


@pytest.mark.usefixtures("shop")
def test_what_was_cancelled_before_it_began_leaves_no_name_behind(shop: Shop) -> None:
    job = app_requests.request_install(SYSTEM, apps.find("note"), "blog", {})
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
    reaper.mend_installations(shop.host)
    shop.run_pending()
    assert shop.state()["installations"] == []
    assert Operation.APP_MEND in Job.objects.values_list("operation", flat=True)
    assert Layer.objects.get().name == LAYER

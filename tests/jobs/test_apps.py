"""Installed apps on real containers: what comes of each job."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

from containers.choices import InstallationState, JobState
from containers.errors import Conflict, InvalidRequest
from containers.host import ports
from containers.jobs.monitor import Monitor
from containers.models import Backup, Job, Layer, Line, Volume
from containers.services import app_requests, installations
from tests.jobs.shop import BROKEN, NEXT, NEXT_RECIPE, PORT, ROOT, SMALL, SYSTEM, Shop, ok
from tests.support import lxc
from tests.support.apps import MANIFEST

pytestmark = pytest.mark.lxc


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
        return str(answer.read().decode()).strip()


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


def test_a_port_that_a_program_took_meanwhile_is_refused_by_name(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", PORT)):
        job = shop.install()
    name = Path("/proc/self/comm").read_text().strip()
    assert (job.state, f"{name} of the host listens on port {PORT}" in job.reason) == (JobState.FAILED, True), job.reason
    assert shop.state()["installations"] == []


def test_ports_are_led_on_again_after_the_host_has_started_anew(shop: Shop) -> None:
    """The rules of the kernel are gone then; what root's side does when it starts, and every minute, brings them back."""
    shop.write(SMALL)
    shop.installed()
    assert get(f"http://127.0.0.1:{PORT}/note") == "hello in blog"
    runner = lxc.runner()
    runner.run(["nft", "delete", "table", "ip", ports.table_name(settings.BRIDGE)], timeout_s=60)
    with pytest.raises(urllib.error.URLError):
        get(f"http://127.0.0.1:{PORT}/note")
    Monitor(shop.host)._check_network()
    shop.run_pending()
    assert get(f"http://127.0.0.1:{PORT}/note") == "hello in blog"
    # What is right is not asked for again.
    Monitor(shop.host)._check_network()
    assert not Job.objects.filter(state=JobState.QUEUED).exists()


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
    assert (seen.before, seen.after, [change.key for change in seen.changes]) == ("1.0", "2.0", ["db", "web"])
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
    assert after == before
    assert get(f"http://127.0.0.1:{PORT}/post") == "mine"


def test_a_version_that_does_not_get_ready_returns_by_itself(shop: Shop) -> None:
    shop.installed()
    before = shop.state()
    shop.write(NEXT.replace('ready = "test -s /data/note"', 'ready = "false"\ntimeouts = { ready = 1 }'), recipe=NEXT_RECIPE)
    job = shop.update()
    assert (job.state, "was not ready within 1 s" in job.reason) == (JobState.FAILED, True)
    assert shop.state() == before


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
    assert shop.state() == {**before, **shop.made()}


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

"""Apps published in the own repository, fetched into the catalogue, installed from there; and all that has to be refused."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from containers.catalog import apps
from containers.choices import JobState
from containers.domain import entries, signature
from containers.domain.entries import AppEntry
from containers.domain.layout import Layout
from containers.domain.origin import Origin
from containers.domain.repository import Index, RepositorySpec
from containers.errors import Conflict
from containers.host import app_store, files, layers, remains
from containers.host.locks import Locks
from containers.models import Host, Installation, Job, Repository
from containers.services import app_requests, app_sources, exported, hosts, images, repositories
from tests.jobs.conftest import SYSTEM, Panel
from tests.support import exports, lxc, rows
from tests.support.apps import MANIFEST, RECIPE, write
from tests.support.web import Web, serving

pytestmark = [pytest.mark.lxc, pytest.mark.django_db(transaction=True)]

NEXT = MANIFEST.replace('version = "1.0"', 'version = "2.0"')
Entries = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(autouse=True)
def _clean(layout: Layout, host_directories: Layout) -> Iterator[None]:
    """Neither exports nor fetched apps stay from one test to the next, and no job leaves anything half made."""
    yield
    left = [path.name for path in layout.layers.iterdir() if path.name.startswith(".")]
    left += [path.name for _, path in app_store.leftovers(layout)]
    for path in (*layout.repository.iterdir(), *layout.downloads.iterdir()):
        path.unlink()
    for path in layout.catalogue.iterdir():
        shutil.rmtree(path)
    assert left == []


class Publisher:
    """Somebody with a key and a web server, who may publish whatever can be signed."""

    def __init__(self, web: Web, key: Ed25519PrivateKey = exports.KEY) -> None:
        self.web, self.key, self.serial = web, key, 1

    def publish(self, archive: bytes, **about: Any) -> AppEntry:
        """Publish a file as the app "note"."""
        entry = exports.app_entry(archive, **about)
        (self.web.directory / entry.file).write_bytes(archive)
        self.announce(entry)
        return entry

    def announce(self, *found: AppEntry) -> None:
        self.serial += 1
        made = Index(serial=self.serial, created=entries.moment(exports.CREATED), apps=found)
        exports.publish(self.web.directory, made, self.key)


@pytest.fixture
def own_panel(host: Host, host_directories: Layout) -> Panel:
    """A panel whose tests run no container."""
    return Panel(host)


@pytest.fixture
def publisher(own_panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """A publisher whose repository "team" is known, and a catalogue without apps of its own."""
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path / "catalog"])
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web") as web:
        publisher = Publisher(web)
        publisher.publish(packed())
        spec = RepositorySpec(name="team", location=web.url, public_key=exports.PUBLIC)
        assert own_panel.run(repositories.add(SYSTEM, spec)[1]).state == JobState.SUCCEEDED
        yield publisher


def packed(manifest: str = MANIFEST, *more: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """The archive of an app's folder, with whatever else somebody puts into it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for info, content in [plain("app.toml", manifest), plain("web.recipe", RECIPE), *more]:
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def plain(name: str, text: str = "x", **values: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(text.encode())
    for key, value in values.items():
        setattr(info, key, value)
    return info, text.encode()


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def look(panel: Panel) -> Job:
    return panel.run(repositories.request_refresh(SYSTEM, Repository.objects.get(name="team")))


def fetch(panel: Panel, name: str = "note", repository: str = "team") -> Job:
    """Ask as whoever writes rows can: the worker has to find what is wrong."""
    job = Job.objects.create(
        host=panel.host, operation="catalogue-fetch", targets=[name], inputs={"repository": repository}, via="system"
    )
    return panel.run(job)


def ok(job: Job) -> Job:
    assert job.state == JobState.SUCCEEDED, f"{job.reason}\n{job.error}"
    return job


def here(layout: Layout) -> dict[str, str]:
    """What stands in root's directory, by path."""
    return {str(path.relative_to(layout.catalogue)): path.read_text() for path in layout.catalogue.rglob("*") if path.is_file()}


# From one host to another, which here is the same one


def test_an_app_is_published_fetched_shown_and_removed(
    own_panel: Panel, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = tmp_path / "catalog"
    monkeypatch.setattr(settings, "CATALOG_DIRS", [catalog])
    folder = write(catalog, start="#!/bin/sh\n", recipe="FROM base\nCOPY start /\n")
    (folder / "start").chmod(0o755)
    published = ok(own_panel.run(app_sources.request_publication(SYSTEM, "note")))
    (entry,) = exported.index().apps
    assert (entry.name, entry.version, entry.title, entry.description) == ("note", "1.0", "Note", "Keeps a note")
    assert published.steps.get().note.startswith(f"{entry.file}: ")
    with serving(shutil.copytree(layout.repository, tmp_path / "web")) as web:
        spec = RepositorySpec(name="team", location=web.url, public_key=exported.public_key())
        row, job = repositories.add(SYSTEM, spec)
        ok(own_panel.run(job))
        assert ok(job := Job.objects.get(pk=job.pk)).steps.get().note.endswith("0 images, 1 apps")
        with pytest.raises(Conflict, match="There is an app note in the catalogue already, of this host"):
            app_sources.request_fetch(SYSTEM, "team", "note")
        shutil.rmtree(folder)
        job = ok(own_panel.run(app_sources.request_fetch(SYSTEM, "team", "note")))
    assert [(step.action, step.state) for step in job.steps.all()] == [
        *(("refresh", "succeeded"), ("fetch", "succeeded"), ("import", "succeeded"))
    ]
    app = apps.find("note")
    assert app.origin is not None
    assert (app.origin.repository, app.origin.public_key, app.origin.sha256) == ("team", spec.public_key, entry.sha256)
    assert {path: oct(path.stat().st_mode & 0o777) for path in layout.catalogue.rglob("start")} == {
        layout.fetched("team", "note") / "start": "0o755"
    }
    assert {path.stat().st_uid for path in layout.catalogue.rglob("*")} == {0}
    assert app_sources.compared(hosts.get_repository("team"), [entry])[0].offer == "here"
    assert list(layout.downloads.iterdir()) == []
    ok(own_panel.run(app_sources.request_removal(SYSTEM, "note")))
    assert here(layout) == {}
    assert row.name == "team"


def test_the_same_app_is_the_same_file_and_a_withdrawn_one_is_gone(
    own_panel: Panel, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path)
    found = set()
    for _ in range(2):
        ok(own_panel.run(app_sources.request_publication(SYSTEM, "note")))
        found.add(exported.index().apps[0].file)
    assert len(found) == 1
    write(tmp_path, NEXT)
    ok(own_panel.run(app_sources.request_publication(SYSTEM, "note")))
    assert [entry.version for entry in exported.index().apps] == ["2.0"]
    assert len(list(layout.repository.glob("*.app.tar"))) == 1
    queued = app_sources.request_withdrawal(SYSTEM, "note")
    ok(own_panel.run(queued))
    ok(own_panel.run(Job.objects.create(host=own_panel.host, operation="catalogue-withdraw", targets=["note"], via="system")))
    assert (exported.index().apps, list(layout.repository.glob("*.tar"))) == ((), [])


def test_a_newer_version_is_offered_and_takes_the_place_of_the_older(
    own_panel: Panel, publisher: Publisher, layout: Layout
) -> None:
    ok(fetch(own_panel))
    assert app_sources.newer([apps.find("note")]) == {}
    publisher.publish(packed(NEXT), version="2.0", created="2026-02-01T00:00:00Z")
    ok(look(own_panel))
    assert app_sources.newer([apps.find("note")])["note"].version == "2.0"
    ok(own_panel.run(app_sources.request_fetch(SYSTEM, "team", "note")))
    assert apps.find("note").manifest.version == "2.0"
    assert sorted(here(layout)) == ["team/note/.origin.json", "team/note/app.toml", "team/note/web.recipe"]
    again = ok(fetch(own_panel))
    assert [step.note for step in again.steps.all()][1:] == ["is here already", "is here already"]


def test_a_fetch_that_was_broken_off_goes_on(own_panel: Panel, publisher: Publisher, layout: Layout) -> None:
    publisher.web.cut = 600
    assert fetch(own_panel).state == JobState.FAILED
    publisher.web.cut = None
    ok(fetch(own_panel))
    starts = [start for name, start in publisher.web.served if name.endswith(".app.tar")]
    assert starts == [0, 600]


def test_an_image_that_an_app_needs_comes_from_the_repository_of_the_app(
    panel: Panel, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An author's whole way: an image and an app are published, another host fetches the app and installs it."""
    catalog = tmp_path / "catalog"
    monkeypatch.setattr(settings, "CATALOG_DIRS", [catalog])
    lxc.run("cp", "-a", str(layout.layer("base")), str(layout.layer("tools")))
    rows.image("tools:1", layers=("tools",))
    small = MANIFEST[: MANIFEST.index("[[questions]]")] + (
        '[images.web]\nimage = "tools:1"\nrepository = "own"\n'
        '[containers.web]\nimage = "web"\ncmd = "/bin/sleep 1000"\nhalt = "SIGKILL"\n'
    )
    write(catalog, small)
    image = hosts.get_image("tools:1", hosts.images().with_layers())
    ok(panel.run(exported.request_export(SYSTEM, image)))
    ok(panel.run(app_sources.request_publication(SYSTEM, "note")))
    directory = shutil.copytree(layout.repository, tmp_path / "share")
    monkeypatch.setattr(settings, "IMPORT_DIRS", [tmp_path])
    shutil.rmtree(catalog)
    ok(panel.run(images.request_remove(SYSTEM, image)))
    for path in layout.repository.iterdir():
        path.unlink()
    key = (directory / "key.pub").read_text().strip()
    ok(panel.run(repositories.add(SYSTEM, RepositorySpec(name="team", location=str(directory), public_key=key))[1]))
    ok(panel.run(app_sources.request_fetch(SYSTEM, "team", "note")))
    ok(panel.run(app_requests.request_install(SYSTEM, apps.find("note"), "blog", {})))
    assert hosts.get_image("tools:1").origin == "repository team"
    assert lxc.state(layout, "blog-web") == "RUNNING"
    with pytest.raises(Conflict, match="note is installed as blog"):
        app_sources.request_removal(SYSTEM, "note")
    ok(panel.run(app_requests.request_uninstall(SYSTEM, Installation.objects.get(name="blog"))))


# What is refused


def tampered(publisher: Publisher) -> None:
    (path,) = publisher.web.directory.glob("*.app.tar")
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def cut_short(publisher: Publisher) -> None:
    (path,) = publisher.web.directory.glob("*.app.tar")
    path.write_bytes(path.read_bytes()[:-512])


def signed_by_another(publisher: Publisher) -> None:
    publisher.key = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    publisher.publish(packed())


def set_back(publisher: Publisher) -> None:
    publisher.serial -= 2
    publisher.publish(packed())


def of_another_name(publisher: Publisher) -> None:
    publisher.publish(packed(MANIFEST.replace('name = "note"', 'name = "other"')))


def of_another_version(publisher: Publisher) -> None:
    publisher.publish(packed(NEXT))


def with_a_broken_manifest(publisher: Publisher) -> None:
    publisher.publish(packed(MANIFEST + "\nsurprise = 1\n"))


def without_manifest(publisher: Publisher) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(*_open(plain("readme")))
    publisher.publish(made.getvalue())


def _open(entry: tuple[tarfile.TarInfo, bytes]) -> tuple[tarfile.TarInfo, io.BytesIO]:
    return entry[0], io.BytesIO(entry[1])


def no_archive(publisher: Publisher) -> None:
    publisher.publish(b"<html>nothing of the kind</html>" * 50)


def holding(*entry: tuple[tarfile.TarInfo, bytes]) -> Callable[[Publisher], None]:
    def spoil(publisher: Publisher) -> None:
        publisher.publish(packed(MANIFEST, *entry))

    spoil.__name__ = entry[0][0].name.strip("./")
    return spoil


def with_a_linked_recipe(publisher: Publisher) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for entry in (plain("app.toml", MANIFEST), special("web.recipe", tarfile.SYMTYPE, "/etc/shadow")):
            archive.addfile(*_open(entry))
    publisher.publish(made.getvalue())


def with_many_entries(publisher: Publisher) -> None:
    publisher.publish(packed(MANIFEST, *(special(f"d{number}", tarfile.DIRTYPE) for number in range(app_store.MAX_ENTRIES))))


def with_many_files(publisher: Publisher) -> None:
    publisher.publish(packed(MANIFEST, *(plain(f"f{number}") for number in range(501))))


def that_unpacks_to_much(publisher: Publisher) -> None:
    """A sparse file of a terabyte in a header of a few bytes (pax, GNU.sparse 0.1)."""
    info, _ = plain("huge", "")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(1 << 40), "GNU.sparse.map": ""}
    publisher.publish(packed(MANIFEST, (info, b"")))


REFUSED = [
    (tampered, "is not the file of the index: its SHA-256 is"),
    (cut_short, "is shorter than announced"),
    (signed_by_another, "The index is signed with another key"),
    (set_back, "The index is older than the one seen before|two different indexes"),
    (of_another_name, "The index says note 1.0 of what is other 1.0"),
    (of_another_version, "The index says note 1.0 of what is note 2.0"),
    (with_a_broken_manifest, "app.toml:[0-9]+ .*surprise: is not a known key"),
    (without_manifest, "app.toml: is missing in"),
    (no_archive, "cannot be made an app: this is not a tar archive"),
    (with_a_linked_recipe, "web.recipe: Too many levels of symbolic links"),
    (holding(special("link", tarfile.SYMTYPE, "/etc/passwd")), "link: Too many levels of symbolic links"),
    (holding(special("hard", tarfile.LNKTYPE, "/etc/passwd")), "cannot be made an app: .*tar: hard: Cannot hard link"),
    (holding(special("disk", tarfile.BLKTYPE)), "cannot be made an app: .*tar: disk: Cannot mknod"),
    (holding(special("pipe", tarfile.FIFOTYPE)), "pipe: is neither a file nor a directory"),
    (holding(plain("../outside")), "cannot be made an app: .*tar: .*Member name contains '..'"),
    (holding(plain("a\nb")), "must not have|control|cannot|a.b"),
    (holding(plain("big", "x" * ((4 << 20) + 1))), "big: has more than 4 MiB"),
    (with_many_entries, "cannot be made an app: it has more than 2000 entries"),
    (with_many_files, "has more than 500 files"),
    (that_unpacks_to_much, "cannot be made an app"),
]


@pytest.mark.parametrize(("spoil", "reason"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_cannot_be_trusted_never_reaches_the_catalogue(
    own_panel: Panel, publisher: Publisher, layout: Layout, spoil: Callable[[Publisher], None], reason: str
) -> None:
    spoil(publisher)
    job = fetch(own_panel)
    assert job.state == JobState.FAILED, job.error
    assert re.search(reason, f"{job.reason}\n{job.error}"), job.reason
    assert (here(layout), apps.names()) == ({}, [])
    assert list(layout.downloads.iterdir()) == []


def test_what_is_here_stays_when_its_successor_is_refused(own_panel: Panel, publisher: Publisher, layout: Layout) -> None:
    ok(fetch(own_panel))
    before = here(layout)
    holding(special("link", tarfile.SYMTYPE, "/etc/passwd"))(publisher)
    assert fetch(own_panel).state == JobState.FAILED
    assert here(layout) == before


def test_an_older_version_is_refused_also_in_a_newer_index(own_panel: Panel, publisher: Publisher) -> None:
    publisher.publish(packed(NEXT), version="2.0", created="2026-02-01T00:00:00Z")
    ok(fetch(own_panel))
    publisher.publish(packed())
    ok(look(own_panel))
    assert (
        app_sources.compared(hosts.get_repository("team"), repositories.app_entries(hosts.get_repository("team")))[0].offer
        == "older"
    )
    job = fetch(own_panel)
    assert "note 1.0 is older than what is here" in job.reason, job.reason


def test_a_name_belongs_to_one_app(own_panel: Panel, publisher: Publisher, tmp_path: Path, layout: Layout) -> None:
    """Neither a repository nor another one takes the place of what an installation may be of."""
    ok(fetch(own_panel))
    Repository.objects.filter(name="team").update(name="other")
    job = fetch(own_panel, repository="other")
    assert "There is an app note in the catalogue already, of the repository team" in job.reason, job.reason
    shutil.rmtree(layout.catalogue / "team")
    write(tmp_path / "catalog")
    job = fetch(own_panel, repository="other")
    assert "There is an app note in the catalogue already, of this host" in job.reason, job.reason


def test_a_row_that_names_another_key_or_forgets_the_number_takes_nothing_over(own_panel: Panel, publisher: Publisher) -> None:
    """Who has taken the web process over writes rows: what is here was signed by the key that root has written down."""
    ok(fetch(own_panel))
    Repository.objects.filter(name="team").update(serial=None, images=[], apps=[])
    publisher.serial = 0
    publisher.publish(packed(NEXT), version="2.0", created="2026-02-01T00:00:00Z")
    assert "note is here from a newer index" in fetch(own_panel).reason
    signed_by_another(publisher)
    other = signature.public_key_of(publisher.key)
    Repository.objects.filter(name="team").update(public_key=other, serial=None, images=[], apps=[])
    job = fetch(own_panel)
    assert f"note is here, signed with another key, {exports.PUBLIC}" in job.reason, job.reason
    assert apps.find("note").manifest.version == "1.0"


@pytest.mark.parametrize(
    ("operation", "targets", "inputs"),
    [
        ("catalogue-fetch", ["note"], {}),
        ("catalogue-fetch", ["../../etc"], {"repository": "team"}),
        ("catalogue-fetch", ["note"], {"repository": "../catalog"}),
        ("catalogue-fetch", ["note"], {"repository": "own"}),
        ("catalogue-fetch", ["note"], {"repository": "team", "location": "/etc"}),
        ("catalogue-fetch", ["note", "other"], {"repository": "team"}),
        ("catalogue-fetch", ["nothing"], {"repository": "team"}),
        ("catalogue-remove", ["../team"], {}),
        ("catalogue-remove", ["."], {}),
        ("catalogue-remove", {"a": 1}, {}),
        ("catalogue-publish", ["/etc"], {}),
        ("catalogue-publish", ["nothing"], {}),
        ("catalogue-publish", ["note"], {"folder": "/etc"}),
        ("catalogue-withdraw", ["../index.json"], {}),
    ],
)
def test_a_hostile_job_is_refused(
    own_panel: Panel, publisher: Publisher, layout: Layout, operation: str, targets: Any, inputs: Any
) -> None:
    job = Job.objects.create(host=own_panel.host, operation=operation, targets=targets, inputs=inputs, via="system")
    assert own_panel.run(job).state == JobState.FAILED, job.error
    assert job.reason.isprintable()
    assert here(layout) == {}


def test_an_own_app_is_not_removed_by_a_job(own_panel: Panel, publisher: Publisher, tmp_path: Path) -> None:
    folder = write(tmp_path / "catalog")
    job = Job.objects.create(host=own_panel.host, operation="catalogue-remove", targets=["note"], via="system")
    assert ok(own_panel.run(job)).steps.get().note == "is not there any more"
    assert folder.is_dir()
    with pytest.raises(Conflict, match="one of this host's own apps"):
        app_sources.request_removal(SYSTEM, "note")


def test_a_record_of_an_origin_that_cannot_be_read_makes_a_broken_folder(
    own_panel: Panel, publisher: Publisher, layout: Layout
) -> None:
    ok(fetch(own_panel))
    record = layout.fetched("team", "note") / ".origin.json"
    for text in ("nonsense", record.read_text().replace('"team"', '"other"')):
        record.write_text(text)
        found, (broken,) = apps.listing()
        assert (found, broken.folder.name) == ([], "note")
    ok(fetch(own_panel))
    assert apps.find("note").origin is not None


# What breaks off


class Killed(BaseException):
    """What a process that is killed does not get to see."""


def kill(*args: Any, **more: Any) -> None:
    raise Killed


@pytest.mark.parametrize("where", ["_write", "_replace"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_kill_leaves_the_old_app_or_the_new(
    own_panel: Panel, publisher: Publisher, layout: Layout, monkeypatch: pytest.MonkeyPatch, where: str, is_first: bool
) -> None:
    """At the last moment: the child has ended, root is writing. What is left goes with the next try, or with a clean-up."""
    if not is_first:
        ok(fetch(own_panel))
        publisher.publish(packed(NEXT), version="2.0", created="2026-02-01T00:00:00Z")
    before = here(layout)
    app, origin = write_app(layout)
    with monkeypatch.context() as patch:
        patch.setattr(files, "remove_tree", lambda path: None)
        real = getattr(app_store, where)
        patch.setattr(app_store, where, lambda *args: (real(*args) if where == "_write" else None, kill()))
        with pytest.raises(Killed):
            app_store.put(layout, "note", app, origin)
    assert {path: text for path, text in here(layout).items() if not path.startswith("team/.")} == before
    assert [name for name, _ in app_store.leftovers(layout)] == ["note"]
    with Locks(layout.run_dir).try_acquire(["catalogue:note"], "a job"):
        remains.remove_dead(layout)
        assert [name for name, _ in app_store.leftovers(layout)] == ["note"]
    assert list(remains.find(layout, lxc.runner())) == ["catalogue/team/.note.new"]
    remains.remove_dead(layout)
    assert here(layout) == before
    ok(fetch(own_panel))


def write_app(layout: Layout) -> tuple[dict[str, app_store.File], Origin]:
    (layout.catalogue / "team").mkdir(exist_ok=True)
    about = {"repository": "team", "location": "/srv/team", "public_key": "a" * 64, "serial": 1, "sha256": "b" * 64}
    moments = {"created": "2026-01-01T00:00:00Z", "fetched": "2026-01-01T00:00:00Z"}
    return {"app.toml": app_store.File(b"x")}, Origin.model_validate(about | moments)


def test_a_full_disk_is_said_and_leaves_what_was_there(
    own_panel: Panel, publisher: Publisher, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(files, "free_bytes", lambda path: 1 << 20)
        assert "There is not enough space below" in fetch(own_panel).reason

    def full(*args: Any) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(app_store, "_write", full)
        job = fetch(own_panel)
    assert re.search("note cannot be written: No space left on device", job.reason), job.reason
    assert here(layout) == {}


def test_two_fetches_of_an_app_exclude_each_other(own_panel: Panel, publisher: Publisher, layout: Layout) -> None:
    with Locks(layout.run_dir).try_acquire(["catalogue:note"], "job 7"):
        job = Job.objects.create(
            host=own_panel.host, operation="catalogue-fetch", targets=["note"], inputs={"repository": "team"}, via="system"
        )
        own_panel.run(job)
    assert (job.state, job.reason) == (JobState.WAITING, "job 7 is changing catalogue:note")
    ok(own_panel.run(job))


def test_what_a_child_that_was_killed_has_unpacked_is_removed(layout: Layout, host_directories: Layout) -> None:
    left = layout.layers / ".unfinished-app.note.00000000"
    left.mkdir()
    (left / "app.toml").write_text("x")
    assert layers.leftovers(layout, lxc.runner())
    remains.remove_dead(layout)
    assert not left.exists()


def test_the_record_says_what_was_signed(own_panel: Panel, publisher: Publisher, layout: Layout) -> None:
    ok(fetch(own_panel))
    record = json.loads((layout.fetched("team", "note") / ".origin.json").read_text())
    assert record["public_key"] == exports.PUBLIC
    assert record["location"] == publisher.web.url
    assert record["serial"] == publisher.serial

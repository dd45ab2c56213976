"""Images exported into the host's own repository, fetched from others, started from; and all that has to be refused."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from containers.choices import JobState, LayerSource
from containers.domain import repository, signature
from containers.domain.image import ImageRef
from containers.domain.layout import Layout
from containers.domain.repository import Index, RepositorySpec
from containers.domain.states import Operation
from containers.jobs import reaper
from containers.models import Image, Job, Layer, Repository
from containers.services import exported, hosts, images, repositories
from tests.jobs.conftest import LAYER, SYSTEM, Panel
from tests.support import exports, lxc, rows
from tests.support.web import Web, serving

pytestmark = [pytest.mark.lxc, pytest.mark.django_db(transaction=True)]

REF = ImageRef("app", "1")
BASE = settings.IDMAP_BASE
# cap_net_raw+ep, revision 2 of linux/capability.h: what setcap(8) writes for a file of the host's root.
CAPABILITY = bytes.fromhex("0100000200200000" + "00" * 12)


@pytest.fixture(autouse=True)
def _clean(layout: Layout, host_directories: Layout) -> Iterator[None]:
    """Neither exports nor fetched layers stay from one test to the next."""
    before = set(layout.layers.iterdir())
    yield
    left = [path.name for path in set(layout.layers.iterdir()) - before if path.name.startswith(".")]
    for path in (*layout.repository.iterdir(), *layout.downloads.iterdir()):
        path.unlink()
    for path in set(layout.layers.iterdir()) - before:
        shutil.rmtree(path)
    assert left == []


@pytest.fixture
def app(panel: Panel, layout: Layout) -> Image:
    """An image of the busybox and a layer that changes it in all the ways that there are."""
    lxc.run("cp", "-a", str(layout.layer(LAYER)), str(layout.layer("lower")))
    top = layout.layer("upper")
    (top / "srv").mkdir(parents=True)
    (top / "etc").mkdir()
    (top / "srv/secret").write_text("of the app")
    (top / "srv/as-app").write_text("#!/bin/sh\n")
    (top / "srv/sealed").write_text("x")
    os.mknod(top / "etc/hostname", stat.S_IFCHR, 0)
    os.setxattr(top / "etc", "trusted.overlay.opaque", b"y")
    for path in (top, *top.rglob("*")):
        os.lchown(path, BASE, BASE)
    os.chown(top / "srv/secret", BASE + 33, BASE + 33)
    (top / "srv/as-app").chmod(0o4755)
    (top / "srv/sealed").chmod(0o755)
    made = subprocess.run(["setcap", "-n", str(BASE), "cap_net_raw+ep", str(top / "srv/sealed")], check=False)
    assert made.returncode == 0
    return rows.image("app:1", layers=("lower", "upper"), env={"A": "b"}, cmd="/bin/sleep 1000", halt="SIGKILL", ready="true")


def export(panel: Panel, image: Image) -> Job:
    return panel.run(exported.request_export(SYSTEM, image))


def remove(panel: Panel, image: Image) -> None:
    row = hosts.get_image(str(image), hosts.images().with_layers())
    assert panel.run(images.request_remove(SYSTEM, row)).state == JobState.SUCCEEDED


def fetch(panel: Panel, name: str, ref: ImageRef = REF) -> Job:
    return panel.run(repositories.request_fetch(SYSTEM, name, ref))


def published(layout: Layout) -> Index:
    """The own repository, as everybody else reads it."""
    read = [(layout.repository / name).read_bytes() for name in ("index.json", "index.json.sig")]
    return repository.verified_index(read[0], read[1], (layout.repository / "key.pub").read_text().strip())


def file_of(layout: Layout) -> Path:
    (entry,) = published(layout).images
    return layout.repository / entry.file


def tree(path: Path) -> dict[str, tuple[Any, ...]]:
    """Everything of a layer that an export has to keep, by path."""
    found = {}
    for entry in sorted(path.rglob("*")):
        status = entry.lstat()
        attributes = {
            name: os.getxattr(entry, name, follow_symlinks=False) for name in os.listxattr(entry, follow_symlinks=False)
        }
        content = entry.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        target = str(entry.readlink()) if entry.is_symlink() else ""
        # A whiteout is nothing but its name.
        changed = 0 if stat.S_ISCHR(status.st_mode) else int(status.st_mtime)
        facts = (status.st_mode, status.st_uid, status.st_gid, status.st_rdev, changed)
        found[str(entry.relative_to(path))] = (*facts, content, target, attributes)
    return found


# Export


def test_an_export_is_one_signed_file_and_an_index(panel: Panel, app: Image, layout: Layout) -> None:
    job = export(panel, app)
    assert job.state == JobState.SUCCEEDED, job.error
    (entry,) = published(layout).images
    assert (entry.ref, len(entry.layers), entry.defaults) == (REF, 2, app.valid_defaults)
    assert [command.argv[-1] for step in job.steps.all() for command in step.commands.all()] == [
        str(layout.layer(name)) for name in ("lower", "upper")
    ]
    (step,) = job.steps.all()
    assert step.note.startswith(f"{entry.file}: ")
    assert {path.name for path in layout.repository.iterdir()} == {entry.file, "index.json", "index.json.sig", "key.pub"}


def test_the_same_image_is_the_same_file(panel: Panel, app: Image, layout: Layout) -> None:
    export(panel, app)
    first = published(layout)
    export(panel, app)
    second = published(layout)
    assert second.serial > first.serial
    assert second.images[0].model_copy(update={"created": ""}) == first.images[0].model_copy(update={"created": ""})


def test_others_read_it_as_an_oci_archive(panel: Panel, app: Image, layout: Layout, tmp_path: Path) -> None:
    export(panel, app)
    archive = f"oci-archive:{file_of(layout)}"
    seen = json.loads(subprocess.run(["skopeo", "inspect", archive], check=True, capture_output=True).stdout)
    assert (seen["Env"], seen["Labels"]["spocweb.ready"], len(seen["Layers"])) == (["A=b"], "true", 2)
    # What is copied is verified: every blob against its digest, every layer against its DiffID.
    copy = ["skopeo", "copy", "--insecure-policy", archive, f"dir:{tmp_path}/copy"]
    subprocess.run(copy, check=True, capture_output=True)
    manifest = json.loads((tmp_path / "copy/manifest.json").read_bytes())
    assert [(tmp_path / "copy" / layer["digest"][7:]).stat().st_size for layer in manifest["layers"]] == [
        layer["size"] for layer in manifest["layers"]
    ]


def test_owners_are_the_containers_and_whiteouts_are_ocis(panel: Panel, app: Image, layout: Layout, tmp_path: Path) -> None:
    export(panel, app)
    subprocess.run(["tar", "-xf", file_of(layout), "-C", tmp_path], check=True)
    index = json.loads((tmp_path / "index.json").read_bytes())
    manifest = json.loads((tmp_path / blob(index["manifests"][0])).read_bytes())
    unpacked = subprocess.run(["zstd", "-dc", tmp_path / blob(manifest["layers"][1])], check=True, capture_output=True).stdout
    (tmp_path / "upper.tar").write_bytes(unpacked)
    with tarfile.open(tmp_path / "upper.tar") as archive:
        members = {member.name: member for member in archive}
    assert set(members) == {
        *(".", "etc", "etc/.wh..wh..opq", "etc/.wh.hostname"),
        *("srv", "srv/as-app", "srv/sealed", "srv/secret"),
    }
    assert (members["srv/secret"].uid, members["srv/as-app"].uid, members["srv/as-app"].mode) == (33, 0, 0o4755)
    assert "SCHILY.xattr.security.capability" in members["srv/sealed"].pax_headers


def blob(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def test_an_image_that_is_gone_or_whose_layer_cannot_be_read_leaves_nothing(panel: Panel, app: Image, layout: Layout) -> None:
    os.lchown(layout.layer("upper") / "srv", 0, 0)
    job = export(panel, app)
    assert (job.state, job.reason) == (
        JobState.FAILED,
        "layer upper cannot be exported: srv belongs to 0, which is not in the id map",
    )
    queued = exported.request_export(SYSTEM, app)
    Image.objects.all().delete()
    assert panel.run(queued).reason == "there is no image app:1"
    assert [path.name for path in layout.repository.iterdir()] == ["key.pub"]


def test_an_exported_file_is_removed_with_a_newer_index(panel: Panel, app: Image, layout: Layout) -> None:
    export(panel, app)
    before, file = published(layout), file_of(layout)
    for _ in range(2):
        queued = Job.objects.create(host=panel.host, operation="export-remove", targets=["app:1"], via="system")
        assert panel.run(queued).state == JobState.SUCCEEDED
    assert (published(layout).images, file.exists()) == ((), False)
    assert published(layout).serial == before.serial + 1 or published(layout).serial > before.serial
    assert Image.objects.filter(name="app").exists()


# From one host to another, which here is the same one


@pytest.fixture
def web(panel: Panel, app: Image, layout: Layout, tmp_path: Path) -> Iterator[Web]:
    """A web server with the exported image, whose repository is known; the image itself is not here any more."""
    assert export(panel, app).state == JobState.SUCCEEDED
    directory = tmp_path / "web"
    shutil.copytree(layout.repository, directory)
    remove(panel, app)
    with serving(directory) as web:
        spec = RepositorySpec(name="team", location=web.url, public_key=(directory / "key.pub").read_text().strip())
        _, job = repositories.add(SYSTEM, spec)
        assert panel.run(job).state == JobState.SUCCEEDED, job.error
        yield web


def known() -> Repository:
    return Repository.objects.get(name="team")


def test_a_look_keeps_what_the_index_says(web: Web) -> None:
    row = known()
    assert row.checked_at is not None
    assert [str(item.entry.ref) for item in repositories.compared(repositories.entries(row))] == ["app:1"]


def test_the_round_trip(panel: Panel, web: Web, layout: Layout, tmp_path: Path) -> None:
    job = fetch(panel, "team")
    assert job.state == JobState.SUCCEEDED, job.error
    assert [(step.action, step.state) for step in job.steps.all()] == [
        ("refresh", "succeeded"),
        ("fetch", "succeeded"),
        ("import", "succeeded"),
    ]
    image = hosts.get_image("app:1", hosts.images().with_layers())
    assert images.layer_names(image) == ["app-1", "app-1-2"]
    assert image.origin == "repository team"
    assert image.valid_defaults.export()["ready"] == "true"
    (entry,) = repositories.entries(known())
    assert [use.layer.digest for use in image.image_layers.all()] == entry.stack
    assert set(Layer.objects.filter(name__startswith="app").values_list("source", "origin")) == {
        (LayerSource.FETCH, "repository team")
    }
    assert list(layout.downloads.iterdir()) == []
    panel.add("web", **images.base_of(image))
    assert panel.do(Operation.START, "web").state == JobState.SUCCEEDED
    said = panel.do(Operation.EXECUTE, "web", command=["/bin/sh", "-c", "cat /srv/secret; ls -ln /srv; echo $A; ls /etc"])
    output = "\n".join(command.output for step in said.steps.all() for command in step.commands.all())
    assert "of the app" in output
    assert re.search(r"-rwsr-xr-x +1 0 +0 .*as-app", output)
    assert re.search(r"-rw-r--r-- +1 33 +33 .*secret", output)
    assert "\nb\n" in output
    # The layer's /etc hides all that the lower one has there.
    assert "passwd" not in output


def test_nothing_of_a_layer_is_lost_on_the_way(panel: Panel, app: Image, layout: Layout) -> None:
    before = {name: tree(layout.layer(name)) for name in ("lower", "upper")}
    export(panel, app)
    remove(panel, app)
    assert fetch(panel, "own").state == JobState.SUCCEEDED
    after = {name: tree(layout.layer(made)) for name, made in (("lower", "app-1"), ("upper", "app-1-2"))}
    assert after == before
    first = file_of(layout).name
    export(panel, hosts.get_image("app:1"))
    assert file_of(layout).name == first


def test_what_is_here_is_not_fetched_again(panel: Panel, web: Web) -> None:
    fetch(panel, "team")
    count = len(web.served)
    job = fetch(panel, "team")
    assert (job.state, [step.note for step in job.steps.all()][1:]) == (JobState.SUCCEEDED, ["is here already"] * 2)
    assert [name for name, _ in web.served[count:]] == ["index.json", "index.json.sig"]
    assert Layer.objects.filter(name__startswith="app").count() == 2


def test_two_of_the_same_at_once_make_one(panel: Panel, web: Web) -> None:
    """The second waits for the first, then finds nothing to do."""
    jobs = [repositories.request_fetch(SYSTEM, "team", REF) for _ in range(2)]
    web.cut, web.hold = 1000, threading.Event()
    first = threading.Thread(target=lambda: panel.run(jobs[0]))
    first.start()
    assert web.reached.wait(60)
    assert panel.run(jobs[1]).state == JobState.WAITING
    assert jobs[1].reason == f"job {jobs[0].pk} is changing image:app"
    web.cut = None
    web.hold.set()
    first.join()
    assert panel.run(jobs[0]).state == JobState.FAILED
    assert panel.run(jobs[1]).state == JobState.SUCCEEDED, jobs[1].error
    assert Layer.objects.filter(name__startswith="app").count() == 2


def test_a_layer_that_is_here_is_used_and_not_unpacked(panel: Panel, web: Web) -> None:
    fetch(panel, "team")
    image = hosts.get_image("app:1", hosts.images().with_layers())
    upper = images.layer_names(image)[1]
    Image.objects.all().delete()
    Layer.objects.filter(name=upper).update(name="other-name")
    (settings.DATA_DIR / "layers" / upper).rename(settings.DATA_DIR / "layers" / "other-name")
    job = fetch(panel, "team")
    assert job.state == JobState.SUCCEEDED, job.error
    assert images.layer_names(hosts.get_image("app:1", hosts.images().with_layers())) == ["app-1", "other-name"]


def test_a_broken_connection_is_gone_on_from(panel: Panel, web: Web) -> None:
    (entry,) = repositories.entries(known())
    # Longer than an index and its signature, which arrive whole.
    web.cut = 100_000
    job = fetch(panel, "team")
    assert (job.state, "the connection ended after 100000 of" in job.reason) == (JobState.FAILED, True)
    assert not Layer.objects.filter(name__startswith="app").exists()
    web.cut = None
    assert panel.run(repositories.repeat_fetch(SYSTEM, job)).state == JobState.SUCCEEDED
    assert [start for name, start in web.served if name == entry.file] == [0, 100_000]


# What is refused: with a reason, and nothing of it stays


def publish(web: Web, index: Index | None = None, *, key: Ed25519PrivateKey | None = None, raw: bytes | None = None) -> None:
    """Write an index as whoever holds the server could; signed with the own key unless another is given."""
    key = key or Ed25519PrivateKey.from_private_bytes(_private())
    content = raw or (index or Index.parse((web.directory / "index.json").read_bytes())).encode()
    (web.directory / "index.json").write_bytes(content)
    (web.directory / "index.json.sig").write_bytes(signature.sign(key, signature.INDEX, content))


def _private() -> bytes:
    argv = ["openssl", "pkey", "-in", str(settings.DATA_DIR / "keys/signing.pem"), "-outform", "DER"]
    return subprocess.run(argv, check=True, capture_output=True).stdout[-32:]


def current(web: Web) -> Index:
    return Index.parse((web.directory / "index.json").read_bytes())


def spoil_index(web: Web) -> None:
    path = web.directory / "index.json"
    path.write_bytes(path.read_bytes().replace(b'"app"', b'"apq"', 1))


def unsign(web: Web) -> None:
    (web.directory / "index.json.sig").unlink()


def sign_with_another_key(web: Web) -> None:
    publish(web, key=exports.KEY)


def set_back(web: Web) -> None:
    publish(web, current(web).model_copy(update={"serial": current(web).serial - 1}))


def fork(web: Web) -> None:
    publish(web, current(web).model_copy(update={"images": ()}))


def publish_nonsense(web: Web) -> None:
    publish(web, raw=b'{"serial": 1e3}')


def serve_an_endless_index(web: Web) -> None:
    (web.directory / "index.json").write_bytes(b" " * (repository.MAX_INDEX_BYTES + 1))


REFUSED_INDEXES = [
    (spoil_index, "The index is not what was signed: its signature is wrong"),
    (unsign, "the server answers 404 Not Found"),
    (sign_with_another_key, f"The index is signed with another key, {exports.PUBLIC}, not with "),
    (set_back, "The index is older than the one seen before: its number is"),
    (fork, "There are two different indexes of number"),
    (publish_nonsense, "The index cannot be used: index.serial: must be a whole number"),
    (serve_an_endless_index, "it is bigger than announced"),
]


def test_an_older_index_is_refused_also_after_a_repository_was_forgotten(panel: Panel, web: Web) -> None:
    before = known()
    spec = RepositorySpec(name="again", location=before.location, public_key=before.public_key)
    repositories.remove(SYSTEM, before)
    row, job = repositories.add(SYSTEM, spec)
    assert panel.run(job).state == JobState.SUCCEEDED
    assert hosts.get_repository("again").serial == before.serial
    repositories.remove(SYSTEM, hosts.get_repository("again"))
    set_back(web)
    row, job = repositories.add(SYSTEM, spec)
    job = panel.run(job)
    assert job.state == JobState.FAILED
    assert "older than the one seen before" in job.reason
    repositories.remove(SYSTEM, row, serial_too=True)
    assert panel.run(repositories.add(SYSTEM, spec)[1]).state == JobState.SUCCEEDED


@pytest.mark.parametrize(("spoil", "reason"), REFUSED_INDEXES, ids=lambda value: getattr(value, "__name__", ""))
def test_an_index_that_cannot_be_trusted_is_refused(panel: Panel, web: Web, layout: Layout, spoil: Any, reason: str) -> None:
    before = known()
    spoil(web)
    for job in (panel.run(repositories.request_refresh(SYSTEM, before)), fetch(panel, "team")):
        assert (job.state, reason in job.reason) == (JobState.FAILED, True), job.reason
    row = known()
    assert (row.serial, row.images, row.checked_at) == (before.serial, before.images, before.checked_at)
    assert not Layer.objects.filter(name__startswith="app").exists()
    assert list(layout.downloads.iterdir()) == []


def change_file(web: Web) -> None:
    (path,) = web.directory.glob("*.tar")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate_file(web: Web) -> None:
    (path,) = web.directory.glob("*.tar")
    path.write_bytes(path.read_bytes()[:-1])


def lengthen_file(web: Web) -> None:
    (path,) = web.directory.glob("*.tar")
    path.write_bytes(path.read_bytes() + b"x")


def replace_file(web: Web, change: Any) -> None:
    """Have the publisher itself announce a file that was changed."""
    (entry,) = current(web).images
    path = web.directory / entry.file
    change(path)
    content = path.read_bytes()
    made = exports.entry("app:1", content, file=entry.file, layers=[layer.model_dump() for layer in entry.layers])
    publish(web, current(web).model_copy(update={"images": (made,), "serial": current(web).serial + 1}))


def drop_inner_signature(web: Web) -> None:
    replace_file(web, lambda path: rewrite(path, drop="spocweb.sig"))


def sign_the_image_with_another_key(web: Web) -> None:
    def change(path: Path) -> None:
        with tarfile.open(path) as archive:
            index = archive.extractfile("index.json").read()  # type: ignore[union-attr]
        rewrite(path, ("spocweb.sig", signature.sign(exports.KEY, signature.IMAGE, index)), drop="spocweb.sig")

    replace_file(web, change)


def put_a_second_index_into_the_image(web: Web) -> None:
    replace_file(web, lambda path: rewrite(path, ("./index.json", b"{}")))


def rewrite(path: Path, *more: tuple[str, bytes], drop: str = "") -> None:
    """Write an archive anew, without one member and with others at its end."""
    target = io.BytesIO()
    with tarfile.open(path) as archive, tarfile.open(fileobj=target, mode="w") as changed:
        for member in archive:
            if member.name != drop:
                changed.addfile(member, archive.extractfile(member))
        for name, content in more:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            changed.addfile(info, io.BytesIO(content))
    path.write_bytes(target.getvalue())


def announce_other_layers(web: Web) -> None:
    (entry,) = current(web).images
    other = entry.model_copy(update={"layers": tuple(reversed(entry.layers))})
    publish(web, current(web).model_copy(update={"images": (other,), "serial": current(web).serial + 1}))


REFUSED_FILES = [
    (change_file, "is not the file of the index: its SHA-256 is"),
    (truncate_file, "is shorter than announced"),
    (lengthen_file, "it is bigger than announced"),
    (drop_inner_signature, "The image is not signed: there is no spocweb.sig in its file"),
    (sign_the_image_with_another_key, "The image is signed with another key"),
    (put_a_second_index_into_the_image, "index.json is there twice"),
    (announce_other_layers, "The image's file has other layers than the index says of app:1"),
]


@pytest.mark.parametrize(("spoil", "reason"), REFUSED_FILES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_file_that_cannot_be_trusted_is_refused(panel: Panel, web: Web, layout: Layout, spoil: Any, reason: str) -> None:
    spoil(web)
    job = fetch(panel, "team")
    assert (job.state, reason in job.reason) == (JobState.FAILED, True), job.reason
    assert not Layer.objects.filter(name__startswith="app").exists()
    assert not Image.objects.exists()
    assert sorted(path.name for path in layout.layers.iterdir()) == [LAYER]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"location": "file:///etc"}, "repository.location: must begin with http"),
        ({"location": "/etc"}, "is not below any directory that may be imported from"),
        ({"location": "/srv/../etc"}, "repository.location: must be an absolute path without"),
        ({"location": "http://a\nb/"}, "repository.location: contains a control character"),
        ({"location": "-oProxyCommand=x"}, "repository.location: must begin with http"),
        ({"location": "http://127.0.0.1:1"}, "the server cannot be reached"),
        ({"public_key": "../x"}, "repository.public_key: must be an Ed25519 public key"),
        ({"public_key": "0" * 64}, "is signed with another key"),
        ({"serial": 2**62}, "older than the one seen before"),
    ],
)
def test_a_hostile_row_gives_nothing_but_a_refused_job(
    panel: Panel, web: Web, layout: Layout, values: dict[str, Any], reason: str
) -> None:
    Repository.objects.update(**values)
    for operation, target, inputs in (("repository-refresh", "team", {}), ("image-fetch", "app:1", {"repository": "team"})):
        job = Job.objects.create(host=panel.host, operation=operation, targets=[target], inputs=inputs, via="system")
        assert (panel.run(job).state, reason in job.reason) == (JobState.FAILED, True), job.reason
    assert sorted(path.name for path in layout.layers.iterdir()) == [LAYER]


@pytest.mark.parametrize(
    ("operation", "targets", "inputs"),
    [
        ("image-fetch", ["../x"], {"repository": "team"}),
        ("image-fetch", ["app:1", "app:2"], {"repository": "team"}),
        ("image-fetch", [], {"repository": "team"}),
        ("image-fetch", ["app:1"], {}),
        ("image-fetch", ["app:1"], {"repository": "../x"}),
        ("image-fetch", ["app:1"], {"repository": "nowhere"}),
        ("image-fetch", ["app:1"], {"repository": "team", "location": "/etc"}),
        ("image-export", ["../../etc"], {}),
        ("image-export", ["app:1/../x"], {}),
        ("image-export", ["app:1"], {"to": "/etc/passwd"}),
        ("export-remove", ["../index.json"], {}),
        ("export-remove", {"a": 1}, {}),
        ("repository-refresh", ["../x"], {}),
        ("repository-refresh", ["own"], {}),
        ("repository-refresh", [5], {}),
    ],
)
def test_a_hostile_job_is_refused(panel: Panel, layout: Layout, operation: str, targets: Any, inputs: Any) -> None:
    job = Job.objects.create(host=panel.host, operation=operation, targets=targets, inputs=inputs, via="system")
    assert panel.run(job).state == JobState.FAILED, job.error
    assert job.reason.isprintable()
    # The host's key is made with the first thing that is signed, in whichever test that was.
    assert {path.name for path in layout.repository.iterdir()} <= {"key.pub"}


# What breaks off


def test_a_disk_without_room_is_said_before_anything_is_fetched(panel: Panel, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.host.files.free_bytes", lambda path: 600 << 20)
    (entry,) = repositories.entries(known())
    big = entry.model_copy(update={"layers": (*entry.layers[:1], entry.layers[1].model_copy(update={"size": 1 << 30}))})
    publish(web, current(web).model_copy(update={"images": (big,), "serial": current(web).serial + 1}))
    job = fetch(panel, "team")
    assert re.search(r"There is not enough space below .*: [0-9.]+ MiB more are needed", job.reason), job.reason
    assert entry.file not in [name for name, _ in web.served]


def test_a_job_that_fails_at_the_end_leaves_no_layer(
    panel: Panel, web: Web, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(images, "write", broken)
    assert fetch(panel, "team").state == JobState.ERRORED
    assert sorted(path.name for path in layout.layers.iterdir()) == [LAYER]
    assert not Layer.objects.filter(name__startswith="app").exists()
    # What was fetched is right: the next try goes on from there.
    assert [path.suffix for path in layout.downloads.iterdir() if path.stat().st_size > 1000] == [".part"]


def test_what_a_job_that_was_lost_has_announced_is_removed(panel: Panel, web: Web, layout: Layout) -> None:
    """A kill between the rows and the image: some layers have their names already."""
    job = repositories.request_fetch(SYSTEM, "team", REF)
    for name in ("app-1", "app-1-2"):
        Layer.objects.create(host=panel.host, name=name, job=job, digest="a" * 64)
    (layout.layer("app-1") / "etc").mkdir(parents=True)
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
    reaper.reap(panel.host)
    for queued in Job.objects.filter(operation="layer-remove", state=JobState.QUEUED):
        assert panel.run(queued).state == JobState.SUCCEEDED, queued.error
    assert sorted(path.name for path in layout.layers.iterdir()) == [LAYER]
    assert not Layer.objects.filter(name__startswith="app").exists()
    again = fetch(panel, "team")
    assert again.state == JobState.SUCCEEDED, again.error
    assert images.layer_names(hosts.get_image("app:1", hosts.images().with_layers())) == ["app-1", "app-1-2"]


def test_what_a_killed_export_left_goes_with_the_next(panel: Panel, app: Image, layout: Layout) -> None:
    (layout.repository / ".unfinished-00000000").write_bytes(b"half")
    (layout.repository / "app@1.000000000000.tar").write_bytes(b"never announced")
    assert export(panel, app).state == JobState.SUCCEEDED
    assert {path.suffix for path in layout.repository.iterdir()} == {".tar", ".json", ".sig", ".pub"}
    assert len(list(layout.repository.glob("*.tar"))) == 1

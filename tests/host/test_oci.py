"""Images from layouts and archives: every layer verified, whiteouts as overlayfs has them, nothing left of a failed one."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain import oci as domain
from containers.domain.layout import Layout
from containers.errors import Cancelled, InvalidRequest
from containers.host import imports, layers
from containers.host.command import Runner
from containers.host.oci import Importer
from containers.host.overlay import IdMap
from tests.support import images
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, Box
from tests.support.images import Image
from tests.support.recorder import KeepingRecorder

pytestmark = pytest.mark.lxc

BASE = images.layer(
    {"etc": None, "etc/passwd": "web:x:33:34::/:\n", "etc/group": "", "data": None, "data/old": "old", "gone": "x"}
)
UPPER = images.layer({".wh.gone": "", "data": None, "data/.wh..wh..opq": "", "data/new": "new", "etc/added": "y"})
RUN = {"Env": ["A=b"], "User": "web", "Cmd": ["sleep", "7"], "WorkingDir": "/data", "StopSignal": "SIGUSR1"}
DEFAULTS = {"env": {"A": "b"}, "uid": "33", "gid": "34", "cmd": "sleep 7", "cwd": "/data", "halt": "SIGUSR1"}


@pytest.fixture
def place(layout: Layout) -> Iterator[Layout]:
    """Nothing new may be left but what was published under these names."""
    before = sorted(path.name for path in layout.layers.iterdir())
    yield layout
    for name in ("lower", "upper"):
        layers.remove(layout, Runner(), name)
    assert sorted(path.name for path in layout.layers.iterdir()) == before


def prepare(layout: Layout, path: Path, *, runner: Runner | None = None, known: dict[str, str] | None = None, name: str = ""):
    importer = Importer(layout, runner or Runner(), IdMap(IDMAP_BASE, IDMAP_SIZE), known or {})
    return importer.prepare(imports.open_source(path, [path.parent]), name=name)


def kind(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return stat.S_IFMT(status.st_mode), status.st_rdev


def as_layout(tmp_path: Path, image: Image) -> Path:
    return images.write_directory(tmp_path / "layout", image.members())


def as_archive(tmp_path: Path, image: Image) -> Path:
    return images.write_archive(tmp_path / "image.tar", image.members())


def as_compressed_archive(tmp_path: Path, image: Image) -> Path:
    return images.write_archive(tmp_path / "image.tar.xz", image.members(), mode="w:xz")


def as_docker_archive(tmp_path: Path, image: Image) -> Path:
    return images.write_archive(tmp_path / "saved.tar", image.docker_members())


def as_new_docker_archive(tmp_path: Path, image: Image) -> Path:
    return images.write_archive(tmp_path / "both.tar", {**image.docker_members(), **image.members()})


WRITERS = [as_layout, as_archive, as_compressed_archive, as_docker_archive, as_new_docker_archive]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("compression", ["+gzip", "+zstd", ""])
def test_an_image_becomes_layers_and_defaults(place: Layout, tmp_path: Path, write, compression: str) -> None:
    path = write(tmp_path, Image([BASE, UPPER], RUN, compression))

    with prepare(place, path) as prepared:
        assert prepared.stack == (images.hex_digest(BASE), images.hex_digest(UPPER))
        assert prepared.reading.defaults.export() == DEFAULTS
        assert prepared.reading.remarks == ()
        for name, digest in zip(("lower", "upper"), prepared.stack, strict=True):
            assert prepared.new[digest].size_bytes >= 4096
            layers.publish(place, prepared.new[digest].path, name)

    upper = place.layer("upper")
    assert sorted(str(path.relative_to(upper)) for path in upper.rglob("*")) == ["data", "data/new", "etc", "etc/added", "gone"]
    assert kind(upper / "gone") == (stat.S_IFCHR, 0)
    assert os.getxattr(upper / "data", "trusted.overlay.opaque") == b"y"
    assert (upper / "data/new").stat().st_uid == IDMAP_BASE


def test_a_container_sees_what_the_image_means(box: Box, place: Layout, tmp_path: Path) -> None:
    with prepare(place, as_archive(tmp_path, Image([BASE, UPPER]))) as prepared:
        for name, digest in zip(("lower", "upper"), prepared.stack, strict=True):
            layers.publish(place, prepared.new[digest].path, name)
    name = box.start(layers=["base", "lower", "upper"])

    assert box.shell(name, "ls -1 /data; cat /etc/added; ls /gone 2>&1").output.split("\n")[:2] == [
        "new",
        "y" + "ls: /gone: No such file or directory",
    ]
    box.lxc.kill(name)


def test_layers_that_are_there_are_not_unpacked_again(place: Layout, tmp_path: Path) -> None:
    recorder = KeepingRecorder()
    with prepare(place, as_layout(tmp_path, Image([BASE, UPPER], RUN))) as prepared:
        layers.publish(place, prepared.new[images.hex_digest(BASE)].path, "lower")
    known = {images.hex_digest(BASE): "lower"}

    with prepare(place, tmp_path / "layout", runner=Runner(recorder), known=known) as prepared:
        assert set(prepared.new) == {images.hex_digest(UPPER)}
        # Its accounts are read where it lies.
        assert prepared.reading.defaults.uid == "33"
    assert "layer 1 of 2 is layer lower already" in recorder.notes


def test_a_layer_that_is_there_twice_counts_where_it_is_higher(place: Layout, tmp_path: Path) -> None:
    with prepare(place, as_layout(tmp_path, Image([BASE, UPPER, BASE]))) as prepared:
        assert prepared.stack == (images.hex_digest(UPPER), images.hex_digest(BASE))


def test_links_between_members_are_followed_inside_only(place: Layout, tmp_path: Path) -> None:
    members = Image([BASE]).docker_members()
    layer = members.pop("0/layer.tar")
    inside = images.write_archive(tmp_path / "a.tar", {**members, "x/layer.tar": layer}, links={"0/layer.tar": "../x/layer.tar"})
    with prepare(place, inside) as prepared:
        assert prepared.stack == (images.hex_digest(BASE),)

    (tmp_path / "outside").write_bytes(layer)
    for target in (tmp_path / "outside", "../../../../../../../../.." + str(tmp_path / "outside")):
        outside = images.write_archive(tmp_path / "b.tar", members, links={"0/layer.tar": str(target)})
        with pytest.raises(InvalidRequest, match="0/layer.tar: "), prepare(place, outside):
            pass


def spoil(image: Image, path: str, data: bytes) -> Image:
    return Image(image.layers, image.run, image.compression, image.architecture, image.ref_name, {path: data})


def blob_of(image: Image, number: int) -> str:
    return domain.blob_path(f"sha256:{images.hex_digest(images.compress(image.layers[number], image.compression))}")


GOOD = Image([BASE, UPPER], RUN)
OTHER = Image([BASE, images.layer({})], RUN)


def wrong_hash() -> Image:
    path = blob_of(GOOD, 1)
    data = bytearray(GOOD.members()[path])
    data[20] ^= 1
    return spoil(GOOD, path, bytes(data))


def wrong_size() -> Image:
    path = blob_of(GOOD, 1)
    return spoil(GOOD, path, GOOD.members()[path][:-1])


def wrong_diff_id() -> Image:
    """Compressed it is what the manifest says; what comes out is not what the configuration says."""
    image = Image([BASE, UPPER], RUN)
    image.config = OTHER.config  # type: ignore[method-assign]
    return image


def wrong_manifest() -> Image:
    [path] = [
        path for path, data in GOOD.members().items() if b'"layers":' in data and b'"mediaType"' in data and "blobs" in path
    ]
    return spoil(GOOD, path, GOOD.members()[path] + b" ")


@pytest.mark.parametrize("write", [as_layout, as_archive])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (wrong_hash, "layer 2 of 2 is not what the manifest says: it has the hash"),
        (wrong_size, r"layer 2 of 2 is not what the manifest says: it has \d+ bytes"),
        (wrong_diff_id, "is not what the image says: unpacked it has the hash"),
        (wrong_manifest, "is not what its name says"),
        (lambda: Image([BASE], architecture="arm64" if images.HOST.architecture != "arm64" else "amd64"), "and this host is"),
        (lambda: spoil(GOOD, "oci-layout", b'{"imageLayoutVersion": "2"}'), "version 2 is not known"),
        (lambda: spoil(GOOD, "index.json", b"[" * 5_000_000), "is longer than"),
        (lambda: spoil(GOOD, "index.json", b"{"), r"^/\S+: This is not JSON: "),
        (lambda: Image([BASE, b"no archive"]), "layer 2 of 2.* cannot be made a layer: .*not look like a tar archive"),
        (lambda: Image([BASE, images.layer({"x": "y" * 9000})[:3000]]), "layer 2 of 2.*Unexpected EOF in archive"),
        (lambda: Image([images.layer({".wh..wh..opq": ""})]), "it hides everything in the layers below"),
        (lambda: Image([images.layer({"a": None, "a/.wh.": ""})]), "hides nothing that could have a name"),
        (lambda: Image([images.layer({"a": None, "a/.wh...": ""})]), "hides nothing that could have a name"),
        (lambda: Image([images.layer({".wh.x": None})]), "is a directory with the name of a whiteout"),
    ],
)
def test_what_is_wrong_with_an_image_is_said_and_nothing_stays(place: Layout, tmp_path: Path, write, make, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason), prepare(place, write(tmp_path, make())):
        pass


def test_whiteouts_through_links_change_nothing_outside(place: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("x")
    hostile = images.layer(
        {"real": None, "a/.wh.victim": "", "b/.wh..wh..opq": ""},
        links={"real/up": str(outside)},
    )
    tricky = images.layer({".wh.x": ""}, links={"x": str(outside)})

    with prepare(place, as_layout(tmp_path, Image([hostile, tricky]))) as prepared:
        assert (prepared.new[images.hex_digest(tricky)].path / "x").is_symlink()

    assert [path.name for path in outside.iterdir()] == ["victim"]
    assert os.listxattr(outside) == []


def test_a_whiteout_of_what_the_layer_has_itself_hides_the_lower_one_only(place: Layout, tmp_path: Path) -> None:
    data = images.layer({".wh.etc": "", "etc": None, "etc/new": "x", ".wh.file": "", "file": "x", ".wh..wh.plnk": ""})

    with prepare(place, as_layout(tmp_path, Image([data]))) as prepared:
        path = prepared.new[images.hex_digest(data)].path
        assert os.getxattr(path / "etc", "trusted.overlay.opaque") == b"y"
        assert sorted(entry.name for entry in path.iterdir()) == ["etc", "file"]


def test_a_blob_that_is_a_device_or_a_fifo_is_not_opened(place: Layout, tmp_path: Path) -> None:
    path = as_layout(tmp_path, GOOD)
    blob = path / blob_of(GOOD, 0)
    blob.unlink()
    os.mkfifo(blob)

    with pytest.raises(InvalidRequest, match="is not a file"), prepare(place, path):
        pass


def test_a_root_filesystem_is_no_image_and_an_image_no_root_filesystem(place: Layout, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(BASE)
    with pytest.raises(InvalidRequest, match="it is no image.*imported as a layer"), prepare(place, tmp_path / "root.tar"):
        pass

    for write in (as_archive, as_docker_archive):
        source = imports.open_source(write(tmp_path, GOOD), [tmp_path])
        with pytest.raises(InvalidRequest, match="is an image, not a root filesystem.*Import it as an image"):
            layers.import_source(place, Runner(), source, "lower", idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)


def test_a_cancelled_import_leaves_nothing(place: Layout, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled), prepare(place, as_layout(tmp_path, GOOD), runner=Runner(None, cancel)):
        pass


@pytest.mark.parametrize("form", ["oci", "docker-archive"])
def test_what_skopeo_writes_is_read(place: Layout, tmp_path: Path, form: str) -> None:
    as_layout(tmp_path, GOOD)
    target = f"{form}:{tmp_path}/copy" if form == "oci" else f"{form}:{tmp_path}/copy.tar:made:here"
    argv = ["skopeo", "--insecure-policy", "copy", "-q", f"oci:{tmp_path}/layout:latest", target]
    subprocess.run(argv, check=True, capture_output=True)

    with prepare(place, tmp_path / ("copy" if form == "oci" else "copy.tar")) as prepared:
        assert prepared.stack == (images.hex_digest(BASE), images.hex_digest(UPPER))
        assert prepared.reading.defaults.export() == DEFAULTS


def test_one_image_of_several_is_taken_by_name(place: Layout, tmp_path: Path) -> None:
    first, second = Image([BASE], ref_name="one").members(), Image([UPPER], ref_name="two").members()
    both = domain.read_index(first["index.json"]) + domain.read_index(second["index.json"])
    path = images.write_directory(tmp_path / "layout", {**first, **second, "index.json": domain.write_index(both)})

    with prepare(place, path, name="two") as prepared:
        assert prepared.stack == (images.hex_digest(UPPER),)
    with pytest.raises(InvalidRequest, match="several images in it: one, two"), prepare(place, path):
        pass

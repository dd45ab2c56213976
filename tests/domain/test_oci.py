"""The JSON of images: what is taken, what is refused in one sentence, and that no bytes do anything else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import oci, oci_config
from containers.domain.image import Defaults
from containers.domain.oci import Descriptor, Platform
from containers.domain.oci_config import Accounts, Config
from containers.errors import InvalidRequest, SpocError

AMD64 = Platform.of_machine("x86_64")
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
NOBODY = Accounts()
DEBIAN = Accounts.parse(
    "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:34::/var/www:/bin/false\nbroken\nodd:x:-1:x\n", "root:x:0:\nstaff:x:50:\n"
)


def descriptor(digest: str = A, kind: str = oci.MANIFEST, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": 7, **more}


def index(*manifests: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


def config(run: dict[str, Any] | None = None, **more: Any) -> bytes:
    data = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [B]}, "config": run, **more}
    return json.dumps(data).encode()


def defaults(run: dict[str, Any], accounts: Accounts = NOBODY) -> tuple[dict[str, Any], tuple[str, ...]]:
    reading = oci_config.read_defaults(Config.read(json.loads(config(run)), "config"), accounts)
    return reading.defaults.export(), reading.remarks


def test_a_layout_of_one_image_leads_to_its_layers() -> None:
    oci.read_layout(b'{"imageLayoutVersion": "1.0.0"}')
    chosen = oci.select(oci.read_index(index(descriptor(annotations={oci.REF_NAME: "latest"}))), AMD64)
    manifest = oci.read_manifest(
        json.dumps(
            {
                "schemaVersion": 2,
                "config": descriptor(B, oci.CONFIG),
                "layers": [descriptor(A, oci.LAYER + "+gzip"), descriptor(C, oci.LAYER)],
                "annotations": {"unknown": "key"},
            }
        ).encode()
    )
    layers = oci.pair(manifest.layers, [B, C])

    assert (chosen.digest, chosen.name) == (A, "latest")
    assert layers[0] == oci.Blob("blobs/sha256/" + "a" * 64, "b" * 64, "a" * 64, 7)
    with pytest.raises(InvalidRequest, match="the manifest names 2 layers, the configuration 1"):
        oci.pair(manifest.layers, [B])


def platform(architecture: str, variant: str = "", os: str = "linux") -> dict[str, Any]:
    return {"platform": {"os": os, "architecture": architecture, "variant": variant}}


@pytest.mark.parametrize(
    ("machine", "manifests", "chosen"),
    [
        ("x86_64", [descriptor(A, **platform("arm64", "v8")), descriptor(B, **platform("amd64"))], B),
        ("aarch64", [descriptor(A, **platform("arm64", "v8")), descriptor(B, **platform("amd64"))], A),
        ("x86_64", [descriptor(A, **platform("amd64", "v3")), descriptor(B, **platform("amd64"))], B),
        ("armv7l", [descriptor(A, **platform("arm", "v5")), descriptor(B, **platform("arm", "v7"))], B),
        # What buildx adds about the others.
        ("x86_64", [descriptor(A, **platform("unknown", os="unknown")), descriptor(B, **platform("amd64"))], B),
        ("riscv64", [descriptor(A, **platform("riscv64"))], A),
    ],
)
def test_the_manifest_for_this_host_is_taken(machine: str, manifests: list[dict[str, Any]], chosen: str) -> None:
    assert oci.select(oci.read_index(index(*manifests)), Platform.of_machine(machine)).digest == chosen


def named(name: str, digest: str = A) -> dict[str, Any]:
    return descriptor(digest, annotations={oci.REF_NAME: name})


@pytest.mark.parametrize(
    ("manifests", "name", "reason"),
    [
        ([descriptor(**platform("arm64", "v8"))], "", "not for this host, which is linux/amd64, but for linux/arm64/v8"),
        ([named("one"), named("two", B)], "", "several images in it: one, two. Say which"),
        ([named("one")], "two", "no image 'two' in it: one"),
        ([descriptor(kind="application/vnd.oci.artifact")], "", "but for something else"),
        ([], "", "no image '' in it"),
    ],
)
def test_what_cannot_be_chosen_is_refused(manifests: list[dict[str, Any]], name: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        oci.select(oci.read_index(index(*manifests)), AMD64, name=name)
    assert reason in str(caught.value)


def test_one_of_several_images_is_taken_by_its_name() -> None:
    assert oci.select(oci.read_index(index(named("one"), named("two", B))), AMD64, name="two").digest == B


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b"{",
    b"\xff",
    b"[" * 100_000,
    b'{"schemaVersion": 2, "schemaVersion": 2, "manifests": []}',
    b'{"schemaVersion": 1, "manifests": []}',
    b'{"schemaVersion": 2, "manifests": {}}',
    b'{"schemaVersion": 2, "manifests": [NaN]}',
    index(descriptor("sha256:../../../../etc/passwd")),
    index(descriptor("sha512:" + "a" * 128)),
    index(descriptor("sha256:" + "A" * 64)),
    index(descriptor("sha256:" + "a" * 64 + "\n")),
    index(descriptor(A) | {"size": -1}),
    index(descriptor(A) | {"size": 1.5}),
    index(descriptor(A) | {"size": True}),
    index(descriptor(A) | {"size": 10**30}),
    index(descriptor(A, annotations={"a": 1})),
    index(*[descriptor(A)] * 1001),
]


@pytest.mark.parametrize("raw", HOSTILE, ids=lambda raw: repr(raw[:40]))
def test_what_is_no_index_is_refused(raw: bytes) -> None:
    with pytest.raises(SpocError) as caught:
        oci.read_index(raw)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "", "a\0b", "x" * 600])
def test_paths_in_a_docker_archive_stay_in_it(path: str) -> None:
    for images in ([{"Config": path, "Layers": ["a"]}], [{"Config": "a", "Layers": [path]}]):
        with pytest.raises(InvalidRequest, match="must be a path below"):
            oci.read_docker_file(json.dumps(images).encode())


def test_an_archive_of_docker_save_is_read() -> None:
    images = [
        {"Config": "c.json", "RepoTags": ["web:1"], "Layers": ["a/layer.tar", "b/layer.tar"]},
        {"Config": "d.json", "RepoTags": None, "Layers": ["a/layer.tar"]},
    ]
    found = oci.read_docker_file(json.dumps(images).encode())

    image = oci.select_docker(found, name="web:1")
    assert oci.pair_docker(image, [A, B]) == [oci.Blob("a/layer.tar", "a" * 64), oci.Blob("b/layer.tar", "b" * 64)]
    with pytest.raises(InvalidRequest, match="several images in it: web:1"):
        oci.select_docker(found)
    with pytest.raises(InvalidRequest, match="no image 'x' in it: web:1"):
        oci.select_docker(found, name="x")


@pytest.mark.parametrize(
    "kind", ["application/vnd.oci.image.layer.nondistributable.v1.tar", "application/vnd.oci.image.layer.v1.tar+encrypted", ""]
)
def test_layers_that_cannot_be_unpacked_are_refused(kind: str) -> None:
    raw = json.dumps({"schemaVersion": 2, "config": descriptor(B, oci.CONFIG), "layers": [descriptor(A, kind)]})
    with pytest.raises(InvalidRequest, match="which cannot be unpacked"):
        oci.read_manifest(raw.encode())


@pytest.mark.parametrize("name", ["../x", "1.1", "2.0.0"])
def test_a_layout_of_another_version_is_refused(name: str) -> None:
    raw = json.dumps({"imageLayoutVersion": name}).encode()
    if name == "1.1":
        oci.read_layout(raw)
        return
    with pytest.raises(InvalidRequest, match="is not known"):
        oci.read_layout(raw)


def test_an_image_for_other_machines_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="it is for linux/arm64, and this host is linux/amd64"):
        oci_config.read_config(config(architecture="arm64"), AMD64)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (None, {"halt": "SIGTERM"}),
        ({}, {"halt": "SIGTERM"}),
        ({"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo  $HOME 'x'"]}, {"cmd": """/bin/sh -c 'echo  $HOME '"'"'x'"'"''"""}),
        ({"Cmd": ["nginx", "-g", "daemon off;"], "StopSignal": "SIGQUIT"}, {"cmd": "nginx -g 'daemon off;'", "halt": "SIGQUIT"}),
        ({"StopSignal": "RTMIN+3"}, {"halt": "SIGRTMIN+3"}),
        ({"StopSignal": "15"}, {"halt": "15"}),
        ({"WorkingDir": "/"}, {}),
        ({"WorkingDir": "/srv/app"}, {"cwd": "/srv/app"}),
        ({"Env": ["PATH=/bin", "A=b=c", "EMPTY="]}, {"env": {"PATH": "/bin", "A": "b=c", "EMPTY": ""}}),
        ({"User": "root"}, {}),
        ({"User": "0:0"}, {}),
        ({"User": "www-data"}, {"uid": "33", "gid": "34"}),
        ({"User": "33"}, {"uid": "33", "gid": "34"}),
        ({"User": "33:0"}, {"uid": "33"}),
        ({"User": "1000"}, {"uid": "1000"}),
        ({"User": "www-data:staff"}, {"uid": "33", "gid": "50"}),
        ({"User": "007:08"}, {"uid": "7", "gid": "8"}),
    ],
)
def test_defaults_are_taken_over(run: dict[str, Any], expected: dict[str, Any]) -> None:
    assert defaults(run, DEBIAN) == ({"halt": "SIGTERM"} | expected, ())


@pytest.mark.parametrize(
    ("run", "remark"),
    [
        ({"Cmd": ["sh", "-c", "a\nb"]}, "cmd: left out, it contains a control character (U+000A)"),
        ({"Cmd": ["-x"]}, "cmd: left out, it must not start with '-'"),
        ({"WorkingDir": "srv"}, "cwd: left out, it must be an absolute path"),
        ({"WorkingDir": "/srv/../etc"}, "cwd: left out, it must not have '.' or '..' as a part"),
        ({"Env": ["a.b=c"]}, "env.a.b: left out, it a variable's name must start with a letter or '_'"),
        ({"Env": ["A=\x1b[31m"]}, "env.A: left out, it contains a control character (U+001B)"),
        ({"User": "postgres"}, "uid: nobody is called 'postgres' in the image"),
        ({"User": "33:nobody"}, "gid: nobody is called 'nobody' in the image"),
        ({"User": "4000000000"}, "uid: left out, it must be a number from 0 to 65535, in digits"),
        ({"StopSignal": "SIGWHAT"}, "halt: left out, it is not a signal"),
    ],
)
def test_what_no_definition_can_say_is_left_out_and_told(run: dict[str, Any], remark: str) -> None:
    _, remarks = defaults(run, DEBIAN)
    assert [text[: len(remark)] for text in remarks] == [remark]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"halt": "SIGTERM"},
        {"env": {"A": "b c", "Z": ""}, "uid": "5", "gid": "6", "cmd": "sh -c 'a b'", "cwd": "/srv", "ready": "test -e '/a b'"},
    ],
)
def test_our_own_defaults_come_back_as_they_were(values: dict[str, Any]) -> None:
    raw = oci_config.write_config(Defaults.parse(values), ["b" * 64], AMD64, created="2026-01-01T00:00:00Z")
    read = oci_config.read_config(raw, AMD64)

    assert read.diff_ids == [B]
    assert oci_config.read_defaults(read, NOBODY) == oci_config.Reading(Defaults.parse(values))


def test_others_can_run_what_we_write() -> None:
    raw = oci_config.write_config(Defaults.parse({"uid": "5", "cmd": "sh -c 'a b'", "halt": "SIGQUIT"}), ["b" * 64], AMD64)

    run = json.loads(raw)["config"]
    assert (run["Cmd"], run["User"], run["StopSignal"], run["WorkingDir"]) == (["sh", "-c", "a b"], "5:0", "SIGQUIT", "/")


def test_what_is_written_is_read_again() -> None:
    manifest = Descriptor(media_type=oci.MANIFEST, digest=A, size=7, platform=AMD64, annotations={oci.REF_NAME: "web:1"})
    layer = Descriptor(media_type=oci.LAYER, digest=B, size=8)
    settings = Descriptor(media_type=oci.CONFIG, digest=C, size=9)

    oci.read_layout(oci.write_layout())
    assert oci.read_index(oci.write_index([manifest])) == [manifest]
    assert oci.read_manifest(oci.write_manifest(settings, [layer])).layers == [layer]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from(
    [
        "schemaVersion",
        "manifests",
        "layers",
        "config",
        "rootfs",
        "diff_ids",
        "digest",
        "size",
        "mediaType",
        "platform",
        "Env",
        "User",
    ]
    + ["Entrypoint", "Cmd", "Labels", "StopSignal", "WorkingDir", "Config", "Layers", "RepoTags", "os", "architecture", "type"]
)
TYPED = st.recursive(
    JSON | st.sampled_from([2, "layers", A, "linux", "amd64", oci.MANIFEST, oci.LAYER]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(st.binary(max_size=200) | TYPED.map(lambda data: json.dumps(data).encode()))
def test_no_bytes_end_in_anything_but_a_value_or_a_sentence(raw: bytes) -> None:
    for read in (
        oci.read_layout,
        lambda data: oci.select(oci.read_index(data), AMD64),
        oci.read_manifest,
        lambda data: oci.select_docker(oci.read_docker_file(data)),
        lambda data: oci_config.read_defaults(oci_config.read_config(data, AMD64), DEBIAN),
    ):
        # Anything but a SpocError fails the test.
        with contextlib.suppress(SpocError):
            read(raw)


RUN = st.fixed_dictionaries(
    {},
    optional={
        "User": st.text(max_size=20),
        "Env": st.lists(st.text(max_size=30), max_size=5),
        "Entrypoint": st.lists(st.text(max_size=10), max_size=3),
        "Cmd": st.lists(st.text(max_size=10), max_size=3),
        "WorkingDir": st.text(max_size=20),
        "StopSignal": st.text(max_size=10),
        "Labels": st.dictionaries(st.sampled_from([f"spocweb.{key}" for key in ("image", *oci_config.LABELLED)]), st.text()),
    },
)


@given(RUN)
def test_whatever_an_image_says_its_defaults_are_valid(run: dict[str, Any]) -> None:
    reading = oci_config.read_defaults(Config.read(json.loads(config(run)), "config"), DEBIAN)
    assert Defaults.parse(reading.defaults.export()) == reading.defaults


@given(st.text(), st.text())
def test_any_text_is_read_as_accounts(passwd: str, group: str) -> None:
    for uid, gid in Accounts.parse(passwd, group).users.values():
        assert uid.isdecimal()
        assert gid.isdecimal()

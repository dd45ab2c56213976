"""Mounting the root filesystem of a stopped container."""

from __future__ import annotations

import pytest

from containers.errors import Conflict, HostError, MountFailed
from containers.host import files, rootfs
from tests.support import traces
from tests.support.box import IDMAP_BASE, LAYER, Box

pytestmark = pytest.mark.lxc


def test_it_is_mounted_as_a_start_would(box: Box) -> None:
    name = box.make()

    assert rootfs.mount(box.layout, name, box.runner) is True
    assert rootfs.is_mounted(box.layout, name)
    assert (box.layout.rootfs(name) / "etc" / "passwd").exists()
    assert box.recorder.programs == ["python3"]
    assert name in box.recorder.commands[0].argv

    assert rootfs.unmount(box.layout, name, box.runner) is True
    assert not rootfs.is_mounted(box.layout, name)


def test_both_are_nothing_when_there_is_nothing_to_do(box: Box) -> None:
    name = box.make()

    assert rootfs.unmount(box.layout, name, box.runner) is False
    rootfs.mount(box.layout, name, box.runner)
    assert rootfs.mount(box.layout, name, box.runner) is False
    rootfs.unmount(box.layout, name, box.runner)


def test_a_name_that_another_one_begins_with_is_not_mounted_with_it(box: Box) -> None:
    name = box.make("web")
    other = box.make("web-2")

    rootfs.mount(box.layout, other, box.runner)

    assert not rootfs.is_mounted(box.layout, name)
    rootfs.unmount(box.layout, other, box.runner)


def test_a_running_containers_is_neither_mounted_nor_unmounted(box: Box) -> None:
    name = box.start()

    for change in (rootfs.mount, rootfs.unmount):
        with pytest.raises(Conflict, match=f"^{name} is running"):
            change(box.layout, name, box.runner)
    assert len(traces.mounts(box.layout.data_dir)) == 1


def test_the_reason_of_a_failure_is_the_hooks(box: Box) -> None:
    name = box.make(layers=["base", "gone"])

    with pytest.raises(MountFailed, match=f"^{name}: layer gone is missing$"):
        rootfs.mount(box.layout, name, box.runner)


def test_a_container_without_a_configuration_is_told_apart(box: Box) -> None:
    name = box.make()
    box.layout.config(name).unlink()

    with pytest.raises(HostError, match=f"^{name} has no LXC configuration yet$"):
        rootfs.mount(box.layout, name, box.runner)


def test_a_mounted_container_starts_all_the_same(box: Box) -> None:
    name = box.make()
    rootfs.mount(box.layout, name, box.runner)
    (box.layout.rootfs(name) / "left").write_text("x")

    box.lxc.start(name, timeout_s=120)

    assert box.shell(name, "ls /left").exit_code != 0
    assert len(traces.mounts(box.layout.data_dir)) == 1


@pytest.mark.parametrize("build", [False, True])
def test_the_kernel_says_what_a_root_filesystem_is_mounted_from(box: Box, build: bool) -> None:
    for name in ("low", "high"):
        files.make_directory(box.layout.layer(name), mode=0o755, uid=IDMAP_BASE, gid=IDMAP_BASE)
    try:
        stack = (LAYER, "low", "high")
        name = box.start("web", layers=list(stack), build=build)
        other = box.make("other")
        # What the next start would mount says nothing.
        box.write(name, layers=[LAYER], build=build)
        assert rootfs.layers(box.layout, name) == stack
        assert rootfs.layers(box.layout, other) == (LAYER,)
        assert rootfs.mounted_layers(box.layout) == dict.fromkeys(stack, [name])
        box.lxc.kill(name)
        assert rootfs.mounted_layers(box.layout) == {}
        assert rootfs.layers(box.layout, name) == (LAYER,)
    finally:
        box.clear()
        for name in ("low", "high"):
            files.remove_tree(box.layout.layer(name))


def test_of_one_directory_the_configuration_says_it(box: Box) -> None:
    name = box.make("web", build=True)
    rootfs.mount(box.layout, name, box.runner)
    assert rootfs.mounted_layers(box.layout) == {LAYER: [name]}
    rootfs.unmount(box.layout, name, box.runner)


@pytest.mark.parametrize(
    ("options", "layers"),
    [
        ("rw,lowerdir=c:b:a,upperdir=../containers/web/ephemeral,workdir=../containers/web/olwork", ("a", "b", "c")),
        ("rw,lowerdir+=b,lowerdir+=a,upperdir=c,workdir=../containers/web/olwork", ("a", "b", "c")),
        ("ro,lowerdir=a", ("a",)),
    ],
)
def test_both_ways_in_which_kernels_show_layers_are_read(options: str, layers: tuple[str, ...]) -> None:
    assert rootfs._layers_of(f"overlay overlay {options}") == layers

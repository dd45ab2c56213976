"""The configuration file, read by LXC itself: no value can add, change or hide a key."""

from __future__ import annotations

import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containers.domain.layout import Layout
from containers.domain.lxc_config import ConfigContext, items, render
from containers.domain.spec import ContainerSpec
from containers.errors import InvalidRequest
from containers.host import config, directories, readback
from containers.host.command import Runner
from tests.support.box import IDMAP_BASE, IDMAP_SIZE
from tests.support.recorder import KeepingRecorder

SUBNET = IPv4Network("10.197.0.0/24")
ADDRESS = "10.197.0.7"
SIGNALS = "SIGABRT SIGCHLD SIGCLD SIGHUP SIGINT SIGIO SIGIOT SIGPOLL SIGPWR SIGSTKFLT SIGTERM SIGXFSZ SIGRTMIN+3 SIGRTMAX-0 1 64"


def context(layout: Layout, *, cgroup2: bool = False) -> ConfigContext:
    return ConfigContext(
        layout=layout, bridge="spt0", subnet=SUBNET, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE, cgroup2=cgroup2, apparmor=False
    )


def spec(**definition: Any) -> ContainerSpec:
    limits = definition.pop("limits", {})
    data = {"name": "web", "definition": {"layers": ["base", "top"], **definition}, "limits": limits}
    return ContainerSpec.parse(data, idmap_size=IDMAP_SIZE)


def differences(layout: Layout, text: str) -> list[str]:
    return readback.differences(text, Runner(), directory=layout.run_dir / "lxc")


FULL: dict[str, Any] = {
    "build": True,
    "mounts": {"data": "srv/data", "conf": "etc/conf:file"},
    "env": {
        "A": " edges ",
        "B": '"quoted"',
        "C": "'",
        "D": "",
        "E": "# not a comment",
        "F": "a = b",
        "G": "ü€\\n",
        "H": "lxc.hook.start=/x",
    },
    "uid": "1000",
    "gid": "1001",
    "cmd": "/bin/sh -c 'exec sleep \"10 00\"'",
    "cwd": "/srv/with blanks",
    "halt": "SIGRTMIN+3",
    "limits": {"memory_bytes": 100_000_000, "cpus": 1.5, "pids": 77},
}


@pytest.mark.parametrize("cgroup2", [False, True])
def test_lxc_reads_what_was_meant(layout: Layout, cgroup2: bool) -> None:
    assert differences(layout, render(spec(**FULL), ADDRESS, context(layout, cgroup2=cgroup2))) == []


@pytest.mark.parametrize("signal", SIGNALS.split())
def test_every_signal_is_one_for_lxc(layout: Layout, signal: str) -> None:
    assert differences(layout, render(spec(halt=signal), ADDRESS, context(layout))) == []


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("lxc.hook.start = /bin/id", "lxc.hook.start"),
        ("lxc.hook.pre-start = /bin/id", "lxc.hook.pre-start"),
        ("lxc.idmap = u 0 0 1", "lxc.idmap"),
        ("lxc.mount.entry = / mnt none bind 0 0", "lxc.mount.entry"),
        ("lxc.environment = X=1", "lxc.environment"),
        ("lxc.cgroup.pids.max = 3", "lxc.cgroup"),
        ("lxc.net.1.type = empty", "lxc.net"),
        ("lxc.net.0.script.up = /bin/id", "lxc.net.0.script.up"),
        ("lxc.apparmor.profile = unconfined", "lxc.apparmor.profile"),
        ("lxc.rootfs.options = suid", "lxc.rootfs.options"),
        ("lxc.log.file = /etc/passwd", "lxc.log.file"),
    ],
)
def test_a_key_more_is_found(layout: Layout, line: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if our own reading of a file did not see a line that LXC sees."""
    text = render(spec(**FULL), ADDRESS, context(layout))
    ours = readback.parse(text)
    monkeypatch.setattr(readback, "parse", lambda _: ours)

    assert key in differences(layout, f"{text}{line}\n")


@pytest.mark.parametrize(
    "line", ["lxc.no.such.key = 1", "lxc.cap.keep = sys_admin", "lxc.environment = NO_SUCH_VARIABLE", "lxc.x"]
)
def test_what_lxc_cannot_read_is_refused(layout: Layout, line: str) -> None:
    text = render(spec(**FULL), ADDRESS, context(layout))

    with pytest.raises((InvalidRequest, ValueError)):
        differences(layout, f"{text}{line}\n")


text_values = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
hostile = st.one_of(
    text_values,
    st.sampled_from(
        [
            "\nlxc.hook.start = /bin/id",
            "\rlxc.hook.pre-start = /bin/id",
            "x\0lxc.include = /etc/passwd",
            "\u0085lxc.environment = B=1",
            "\u2028lxc.idmap = u 0 0 1",
            "\x1b[2J",
            "'",
            '"',
            "\"'",
            "' \"",
            "\\",
            "\\012",
            "#",
            " # x",
            "=",
            "a=b",
            " ",
            "\t",
            '"a" "b"',
            "'a'",
            "$HOME",
            "`id`",
            "%s",
            "../..",
            "-x",
            "ü\u202e",
            "x" * 9000,
        ]
    ),
    st.builds("".join, st.lists(st.sampled_from(["'", '"', " ", "a", "\\", "#", "=", "\t", "\n", "\r"]), max_size=12)),
)


def accepted(**definition: Any) -> bool:
    try:
        spec(**definition)
    except InvalidRequest:
        return False
    return True


def only_accepted(values: list[str], field: str) -> list[str]:
    return [value for value in values if accepted(**{field: value})]


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_value_can_add_or_change_a_key(layout: Layout, data: st.DataObject) -> None:
    """LXC is the oracle: whatever the definition accepts, it finds exactly our items and nothing beside them."""
    values = data.draw(st.lists(hostile, min_size=5, max_size=60))
    env = {f"K{number}": value for number, value in enumerate(values) if accepted(env={"K": value})}
    words = {field: only_accepted(values, field) for field in ("cmd", "cwd", "ready", "halt", "uid", "gid")}
    chosen = {field: data.draw(st.sampled_from(found)) for field, found in words.items() if found}
    mounts = {f"v{n}": value for n, value in enumerate(dict.fromkeys(values)) if accepted(mounts={"v": value})}
    definition = {"env": env, **chosen, **({"mounts": mounts} if accepted(mounts=mounts) else {})}

    container = spec(**definition)
    text = render(container, ADDRESS, context(layout))

    assert differences(layout, text) == []
    found = readback.ask(text, Runner(), directory=layout.run_dir / "lxc")
    assert found.get("lxc.environment", []) == [f"{key}={value}" for key, value in container.definition.env.items()]
    assert len(found["lxc.mount.entry"]) == 2 + len(container.definition.mounts)
    assert readback.parse(text) == items(container, ADDRESS, context(layout))


@given(value=hostile)
@settings(max_examples=200, deadline=None)
def test_values_with_line_ends_of_any_kind_never_become_a_definition(value: str) -> None:
    for end in ("\n", "\r", "\0", "\u0085", "\u2028", "\u2029", "\x1b", "\x0b", "\x0c"):
        for field in ("cmd", "cwd", "ready", "halt", "uid", "gid"):
            assert not accepted(**{field: f"/{value}{end}x"})
        assert not accepted(env={"K": f"{value}{end}x"})
        assert not accepted(env={f"K{end}": value})
        assert not accepted(mounts={f"v{end}": "srv"})
        assert not accepted(mounts={"v": f"srv{end}x"})


@pytest.fixture
def place(layout: Layout) -> Any:
    directories.create(layout, "web", idmap_base=IDMAP_BASE)
    yield layout
    directories.destroy(layout, "web", Runner())


def test_a_file_is_written_for_root_alone_and_only_when_it_changes(place: Layout) -> None:
    recorder = KeepingRecorder()
    text = render(spec(**FULL), ADDRESS, context(place))

    assert config.write(place, "web", text, Runner(recorder)) is True
    status = place.config("web").stat()
    assert (status.st_uid, status.st_gid, oct(status.st_mode & 0o7777)) == (0, 0, "0o640")
    assert place.config("web").read_text() == text
    assert config.write(place, "web", text, Runner(recorder)) is False
    assert place.config("web").stat().st_ino == status.st_ino
    assert config.write(place, "web", render(spec(), ADDRESS, context(place)), Runner(recorder)) is True


@pytest.mark.parametrize("bad", ["lxc.no.such.key = 1\n", "lxc.environment = NO_SUCH_VARIABLE_HERE\n"])
def test_the_old_file_stays_when_the_new_one_is_refused(place: Layout, bad: str) -> None:
    text = render(spec(**FULL), ADDRESS, context(place))
    config.write(place, "web", text, Runner())

    with pytest.raises(InvalidRequest):
        config.write(place, "web", text + bad, Runner())

    assert place.config("web").read_text() == text
    assert sorted(path.name for path in place.container("web").iterdir()) == ["config", "ephemeral", "olwork", "rootfs"]
    assert list((place.run_dir / "lxc").iterdir()) == []


def test_a_name_only_variable_copies_nothing(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a line would take its value from the worker: ours cannot be one, and LXC's answer would differ."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    text = render(spec(), ADDRESS, context(place))

    assert "lxc.environment" in differences(place, f"{text}lxc.environment = PATH\n")


def test_the_check_leaves_nothing(layout: Layout) -> None:
    differences(layout, render(spec(), ADDRESS, context(layout)))

    assert list(Path(layout.run_dir / "lxc").iterdir()) == []

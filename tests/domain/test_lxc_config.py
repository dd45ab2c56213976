from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from containers.domain.definition import Definition
from containers.domain.layout import Layout
from containers.domain.lxc_config import ConfigContext, items, parse, render
from containers.domain.spec import ContainerSpec
from containers.errors import InvalidRequest
from tests.domain import lxc_reader
from tests.domain.samples import FREE_TEXT_FIELDS, INVISIBLE, TEXT_FIELDS, container, hostile_text, point, visible_text

GOLDEN = Path(__file__).parent / "golden"
LAYOUT = Layout(Path("/var/lib/spocweb"), Path("/var/log/spocweb"), Path("/run/spocweb"))
CGROUP2 = ConfigContext(
    LAYOUT, "spocbr0", IPv4Network("10.88.0.0/22"), idmap_base=100_000, idmap_size=65_536, cgroup2=True, apparmor=True
)
CGROUP1 = replace(CGROUP2, cgroup2=False, apparmor=False)
ADDRESS = "10.88.0.2"

SHOP = {
    "name": "shop",
    "definition": {
        "depends": ["shop-db"],
        "layers": ["debian-12", "python3", "shop"],
        "mounts": {"cache": "srv/shop/cache", "conf": "/etc/shop.conf:file", "data": "/srv/shop"},
        "env": {"TITLE": " Größe & Maß ", "GREETING": '"hello"', "EMPTY": "", "NOTE": "a # b = c \\", "PATH": "/bin"},
        "uid": "1000",
        "gid": "1001",
        "cmd": "/bin/sh -c 'exec shop --title \"$TITLE\"'",
        "cwd": "/srv/shop",
        "ready": "wget -q -O /dev/null http://127.0.0.1/",
        "halt": "SIGTERM",
    },
    "limits": {"memory_bytes": 268_435_456, "cpus": 1.5, "pids": 200},
}


def spec(data: dict[str, Any] | None = None, **changes: Any) -> ContainerSpec:
    return ContainerSpec.parse(data or container(**changes))


def values(key: str, found: ContainerSpec, context: ConfigContext = CGROUP2) -> list[str]:
    return [value for name, value in parse(render(found, ADDRESS, context)) if name == key]


@pytest.mark.parametrize(
    ("file", "data", "context"),
    [
        ("smallest.conf", container(), CGROUP2),
        ("shop.conf", SHOP, CGROUP2),
        ("shop-cgroup1.conf", SHOP, CGROUP1),
        ("build.conf", container(build=True, layers=["debian-12", "new"], halt="SIGRTMIN+3"), CGROUP2),
    ],
)
def test_the_whole_text_is_as_expected(file: str, data: dict[str, Any], context: ConfigContext) -> None:
    assert render(spec(data), ADDRESS, context) == (GOLDEN / file).read_text()


def test_the_text_reads_back_as_its_items() -> None:
    assert parse(render(spec(SHOP), ADDRESS, CGROUP2)) == items(spec(SHOP), ADDRESS, CGROUP2)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "lxc.environment = A=plain"),
        ("", "lxc.environment = A="),
        (" front", "lxc.environment = A= front"),
        ("back ", 'lxc.environment = "A=back "'),
        ('"quoted"', 'lxc.environment = A="quoted"'),
        ('quoted" ', 'lxc.environment = "A=quoted" "'),
        ("'", "lxc.environment = A='"),
        ("# no comment", "lxc.environment = A=# no comment"),
        ("B=2", "lxc.environment = A=B=2"),
        ("no\u00a0break\u00a0", "lxc.environment = A=no\u00a0break\u00a0"),
        ("back\\", "lxc.environment = A=back\\"),
    ],
)
def test_variables_keep_every_character(value: str, line: str) -> None:
    found = spec(env={"A": value})
    assert line in render(found, ADDRESS, CGROUP2).splitlines()
    assert values("lxc.environment", found) == [f"A={value}"]


@pytest.mark.parametrize(
    ("cmd", "expected"),
    [
        (None, "/sbin/init"),
        ("/bin/app", "/bin/app"),
        ("'\"app\"'", "/bin/sh -c s=${IFS%??};exec${s}'\"app\"'"),
    ],
)
def test_the_command_of_init(cmd: str | None, expected: str) -> None:
    assert values("lxc.init.cmd", spec(cmd=cmd)) == [expected]


@pytest.mark.parametrize(
    ("cwd", "expected"),
    [(None, "/"), ("/", "/"), ("//", "/"), ("//srv///x/", "/srv/x"), ("/srv/my files ", "/srv/my files "), ("/' '/", "/' '")],
)
def test_a_working_directory_keeps_its_blanks_and_loses_needless_slashes(cwd: str | None, expected: str) -> None:
    assert values("lxc.init.cwd", spec(cwd=cwd)) == [expected]


def test_a_directory_is_mounted_before_what_is_mounted_below_it() -> None:
    found = spec(mounts={"deep": "srv/x/y:file", "other": "opt", "top": "srv", "middle": "srv/x"})
    entries = [entry.split()[1] for entry in values("lxc.mount.entry", found)]
    assert entries == ["opt", "srv", "srv/x", "srv/x/y", "etc/hosts"]


def test_apparmor_only_where_the_kernel_has_it() -> None:
    assert values("lxc.apparmor.profile", spec(), CGROUP2) == ["generated"]
    assert values("lxc.apparmor.profile", spec(), CGROUP1) == []


@pytest.mark.parametrize(
    "address", ["", "10.88.0.0", "10.88.0.1", "10.88.3.255", "10.89.0.2", "10.88.0.2\nlxc.hook.mount = x", "::1"]
)
def test_an_address_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        render(spec(), address, CGROUP2)
    assert caught.value.errors[0].field == "address"


@pytest.mark.parametrize(
    "data_dir", ["/var/lib/spoc web", "/var/lib/a:b", "/var/lib/$HOME", "relative", "/var/lib/a\nb", "/var/lib/-a"]
)
def test_a_path_that_would_be_split_or_expanded_is_refused(data_dir: str) -> None:
    context = replace(CGROUP2, layout=replace(LAYOUT, data_dir=Path(data_dir)))
    with pytest.raises(InvalidRequest, match="cannot name the path"):
        render(spec(), ADDRESS, context)


@pytest.mark.parametrize("bridge", ["", "br 0", "br0\nlxc.net.0.script.up = /bin/id", "-br", "b" * 16])
def test_a_bridge_that_is_no_interface_name_is_refused(bridge: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot name the bridge"):
        render(spec(), ADDRESS, replace(CGROUP2, bridge=bridge))


def test_ids_outside_the_host_s_map_are_refused_even_if_they_were_accepted_before() -> None:
    found = ContainerSpec.parse(container(uid="70000"), idmap_size=100_000)
    with pytest.raises(InvalidRequest, match=r"definition\.uid: must be a number from 0 to 65535"):
        render(found, ADDRESS, CGROUP2)


@pytest.mark.parametrize(
    "changes",
    [
        {"env": {"A": "1\nlxc.hook.pre-start = /bin/id"}},
        {"env": {"A": "1\rlxc.hook.pre-start = /bin/id"}},
        {"env": {"A": "1\0lxc.hook.pre-start = /bin/id"}},
        {"env": {"HOME": None}},
        {"env": {"A\nlxc.hook.mount": "x"}},
        {"cmd": "/bin/app\rlxc.cap.drop ="},
        {"cwd": "/\nlxc.rootfs.path = /"},
        {"halt": "SIGINT\nlxc.idmap ="},
        {"uid": "0\n"},
        {"layers": ("../../etc",)},
        {"layers": ("base; id",)},
        {"layers": ("--build",)},
        {"mounts": {"../../../etc": "srv"}},
        {"mounts": {"data": "srv none bind 0 0"}},
        {"mounts": {"data": "srv\\040x"}},
        {"mounts": {"data": "srv,create=file"}},
        {"mounts": {"data": "proc/sys"}},
    ],
)
def test_what_got_around_validation_does_not_get_into_a_file(changes: dict[str, Any]) -> None:
    smuggled = Definition.model_construct(**{**dict(spec().definition), **changes})
    found = ContainerSpec.model_construct(**{**dict(spec()), "definition": smuggled})
    with pytest.raises(InvalidRequest, match=r"definition\."):
        render(found, ADDRESS, CGROUP2)


@pytest.mark.parametrize("name", ["../web", "web\nlxc.hook.mount = x", "Web", ""])
def test_a_name_that_got_around_validation_neither(name: str) -> None:
    found = ContainerSpec.model_construct(**{**dict(spec()), "name": name})
    with pytest.raises(InvalidRequest, match="name: "):
        render(found, ADDRESS, CGROUP2)


KEYS = [key for key, _ in items(spec(), ADDRESS, CGROUP2)]
# What a field adds to the items, whatever is in it.
ADDED = {"definition.env.KEY": ["lxc.environment"], "definition.mounts.data": ["lxc.mount.entry"]}


@pytest.mark.parametrize("field", FREE_TEXT_FIELDS)
@pytest.mark.parametrize("character", [character for character in INVISIBLE if not 0xD800 <= ord(character) < 0xE000], ids=point)
def test_no_value_with_an_invisible_character_comes_so_far(field: str, character: str) -> None:
    with pytest.raises(InvalidRequest):
        spec(TEXT_FIELDS[field](f"/a{character}lxc.hook.pre-start = /bin/id"))


def spec_or_none(data: dict[str, Any]) -> ContainerSpec | None:
    try:
        return spec(data)
    except InvalidRequest:
        return None


@given(st.sampled_from(FREE_TEXT_FIELDS), visible_text | hostile_text)
@example("definition.env.KEY", '" lxc.hook.pre-start = /bin/id "')
@example("definition.cmd", "\"'a b'\" '\"' # x")
@example("definition.cwd", "/' ")
def test_no_text_adds_or_changes_a_key(field: str, text: str) -> None:
    for value in (text, f"/{text}", f"/{text}/{text}"):
        if (found := spec_or_none(TEXT_FIELDS[field](value))) is None:
            continue
        expected = items(found, ADDRESS, CGROUP2)
        read = lxc_reader.read(render(found, ADDRESS, CGROUP2))
        assert read == [(key.encode(), value.encode()) for key, value in expected]
        assert sorted(key for key, _ in expected) == sorted(KEYS + ADDED.get(field, []))


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), visible_text, max_size=5))
def test_any_visible_variables_arrive_in_their_order(env: dict[str, str]) -> None:
    assert values("lxc.environment", spec(env=env)) == [f"{key}={value}" for key, value in env.items()]


def parsed_or_none(text: str) -> list[tuple[bytes, bytes]] | None:
    try:
        return [(key.encode(errors="surrogatepass"), value.encode(errors="surrogatepass")) for key, value in parse(text)]
    except ValueError:
        return None


def read_or_none(text: str) -> list[tuple[bytes, bytes]] | None:
    try:
        return lxc_reader.read(text)
    except ValueError:
        return None


lines = st.lists(st.sampled_from(["lxc.a", "lxc.", "lxc.a = b", " lxc.b =", "\t", "#", "=", "x = y"]) | hostile_text, max_size=6)


@given(lines.map("".join) | lines.map("\n".join))
@example("lxc.a = 'b'\rlxc.c=\"d\0lxc.e = ''\n  lxc.f\t=\t\"g\"")
@example("lxc.a\u00a0=\u00a0b\u00a0\nlxc.b = \u2028\u2028lxc.c = d\x85lxc.e = f")
@example("lxc.no-equals-sign")
def test_any_text_is_read_as_lxc_reads_it(text: str) -> None:
    assert parsed_or_none(text) == read_or_none(text)

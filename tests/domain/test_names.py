from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import names
from tests.domain.samples import INVISIBLE, container_names, env_keys, point, stored_names

Check = Callable[[str], str]
ALL: list[Check] = [
    names.container_name,
    names.layer_name,
    names.volume_name,
    names.mountpoint,
    names.env_key,
    names.signal_name,
]
STORED: list[Check] = [names.layer_name, names.volume_name]


def refuses(check: Check, value: str, match: str = ".") -> None:
    with pytest.raises(ValueError, match=match):
        check(value)


@given(container_names)
def test_container_names_are_host_names(name: str) -> None:
    assert names.container_name(name) == name


@given(stored_names)
def test_layer_and_volume_names_may_have_dots_and_underscores(name: str) -> None:
    assert names.layer_name(name) == names.volume_name(name) == name


@given(env_keys)
def test_variables_are_named_as_a_shell_names_them(key: str) -> None:
    assert names.env_key(key) == key


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
@pytest.mark.parametrize("character", INVISIBLE, ids=point)
def test_invisible_characters_are_refused_in_every_name(check: Check, character: str) -> None:
    refuses(check, f"a{character}b", point(character).replace("+", r"\+"))


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "value",
    ["", "..", ".", "-a", "--help", "a b", " a", "a ", "a:b", "a,b", "a\\b", "a\u00a0b", 'a"b', "a'b", "#a", "a" * 10_000],
)
def test_what_means_something_to_mounts_fstab_or_options_is_refused_in_every_name(check: Check, value: str) -> None:
    refuses(check, value)


@pytest.mark.parametrize("check", [*STORED, names.container_name, names.env_key], ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "value", ["größe", "日本", "а", "ａ", "a\u0301", "ſ", "\u212a", "¹", "a/b", "/", "a$b", "a*", "a=b", "a%b", "a~"]
)
def test_letters_beyond_ascii_and_signs_are_refused_in_names(check: Check, value: str) -> None:
    refuses(check, value, "must")


@pytest.mark.parametrize("value", ["Web", "1web", "web-", "web_1", "web.1", "localhost", "WEB", "9", "-"])
def test_these_are_no_container_names(value: str) -> None:
    refuses(names.container_name, value)


@pytest.mark.parametrize("check", STORED, ids=lambda check: check.__name__)
@pytest.mark.parametrize("value", ["Base", ".base", "base.", "_base", "a..b", "base-", "../base", "base:file"])
def test_these_are_no_layer_or_volume_names(check: Check, value: str) -> None:
    refuses(check, value, "must")


@pytest.mark.parametrize("check", [*STORED, names.container_name], ids=lambda check: check.__name__)
def test_a_name_has_at_most_63_characters(check: Check) -> None:
    assert check("a" * 63)
    refuses(check, "a" * 64, "is longer than 63 characters")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("srv", "srv"),
        ("/srv", "srv"),
        ("/srv/data", "srv/data"),
        ("srv/größe/日本", "srv/größe/日本"),
        ("procfs", "procfs"),
        ("srv/proc", "srv/proc"),
        ("srv/dev", "srv/dev"),
        ("devices", "devices"),
        ("etc/hosts.d", "etc/hosts.d"),
        ("etc", "etc"),
        ("srv/..data", "srv/..data"),
        ("srv/a=b%c", "srv/a=b%c"),
    ],
)
def test_a_mountpoint_loses_its_leading_slash(value: str, expected: str) -> None:
    assert names.mountpoint(value) == expected


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("/", "below the root"),
        ("//srv", "empty part"),
        ("srv//data", "empty part"),
        ("srv/", "empty part"),
        ("srv/../etc", r"'\.\.'"),
        ("./srv", "'.'"),
        ("srv/-x", "'-'"),
        ("proc", "/proc"),
        ("/proc/sys", "/proc"),
        ("sys", "/sys"),
        ("sys/fs/cgroup", "/sys"),
        ("dev", "/dev"),
        ("/dev/shm", "/dev"),
        ("etc/hosts", "names and addresses"),
        ("/etc/hosts/x", "names and addresses"),
        ("srv data", "white space"),
        ("srv\u2003data", "white space"),
        ("srv\\040data", r"\\"),
        ("srv:data", ":"),
        ("srv,ro", ","),
        ("a/" * 600, "1024 bytes"),
        ("ü" * 128, "255 bytes"),
        ("a" * 256, "255 bytes"),
    ],
)
def test_these_are_no_mountpoints(value: str, match: str) -> None:
    refuses(names.mountpoint, value, match)


@given(st.text())
def test_an_accepted_mountpoint_stays_within_the_root_filesystem(value: str) -> None:
    try:
        path = names.mountpoint(value)
    except ValueError:
        return
    parts = path.split("/")
    assert not {"", ".", ".."} & set(parts)
    assert parts[0] not in {"proc", "sys", "dev"}
    assert path.split() == [path]
    assert names.mountpoint(path) == path


@pytest.mark.parametrize("value", ["1A", "A-B", "A.B", "A=B", "A ", "ÄB", "$A"])
def test_these_are_no_variables(value: str) -> None:
    refuses(names.env_key, value, "a variable's name")


def test_a_variable_has_at_most_128_characters() -> None:
    assert names.env_key("A" * 128)
    refuses(names.env_key, "A" * 129, "128")


@pytest.mark.parametrize(
    "value", ["SIGTERM", "SIGINT", "SIGPWR", "SIGRTMIN+3", "SIGRTMIN+0", "SIGRTMIN+30", "SIGRTMAX-1", "1", "64"]
)
def test_these_are_signals(value: str) -> None:
    assert names.signal_name(value) == value


# SIGRTMIN alone, SIGEMT and the like: LXC has no such name, and then does not load the configuration at all.
@pytest.mark.parametrize(
    "value",
    ["TERM", "sigterm", "SIGFOO", "SIG", "SIGRTMIN", "SIGRTMIN+31", "SIGRTMIN+03", "SIGRTMIN-1", "SIGEMT", "SIGLOST", "SIGUNUSED"]
    + ["0", "65", "015", "-9", "+9", "9999999999", "١", "1.0", "SIGTERM "],
)
def test_these_are_no_signals(value: str) -> None:
    refuses(names.signal_name, value)

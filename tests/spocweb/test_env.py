"""Readers of the environment: a wrong value is one clear line."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from spocweb import env

NAME = "SPOCWEB_SOMETHING"


def integer(name: str) -> int:
    return env.integer(name, 5, low=1, high=10)


def boolean(name: str) -> bool:
    return env.boolean(name, default=False)


READERS: list[tuple[Callable[[str], object], str, object]] = [
    (integer, "7", 7),
    (boolean, "yes", True),
    (boolean, "OFF", False),
    (lambda name: env.path(name, "/default"), "/srv/panel-2/data_x", Path("/srv/panel-2/data_x")),
    (lambda name: env.paths(name, "/a"), "/srv:/mnt/x y", (Path("/srv"), Path("/mnt/x y"))),
    (lambda name: env.interface(name, "br0"), "spocbr1", "spocbr1"),
    (lambda name: env.subnet(name, "10.0.0.0/24"), "10.1.0.0/16", ipaddress.IPv4Network("10.1.0.0/16")),
    (lambda name: env.bind(name, "127.0.0.1:1"), "[::1]:8000", "[::1]:8000"),
    (lambda name: env.host_name(name, "host"), "web-1.example.org", "web-1.example.org"),
    (env.proxy, "http://proxy.example.org:3128/", "http://proxy.example.org:3128"),
    (env.no_proxy, "localhost,10.0.0.0/8,.example.org", "localhost,10.0.0.0/8,.example.org"),
]

REFUSED: list[tuple[Callable[[str], object], str]] = [
    *((integer, value) for value in ("0", "11", "-1", "1.5", "five", "٣", "1 0", "9" * 30)),
    *((boolean, value) for value in ("2", "maybe", "true ")),
    *(
        (lambda name: env.path(name, "/default"), value)
        for value in ("relative", "/", "/a/../b", "/a b", "/a:b", "/a,b", "/a\nb", "/a\\b", "/-a", "/a/", "//a", "/a;b", "/é")
    ),
    (lambda name: env.paths(name, "/a"), "/srv:relative"),
    *((lambda name: env.interface(name, "br0"), value) for value in ("a" * 16, "Br0", "-br", "br 0", "br;0", "brücke")),
    *((lambda name: env.subnet(name, "10.0.0.0/24"), value) for value in ("10.0.0.1/24", "10.0.0.0/31", "::/64", "x")),
    *((lambda name: env.bind(name, "127.0.0.1:1"), value) for value in ("8000", ":8000", "a:", "a:0", "a:65536", "a:٣")),
    *(
        (env.proxy, value)
        for value in ("proxy:3128", "http://user:secret@proxy:3128", "socks5://x:1", "http://x", "http://x:1/a")
    ),
    *((env.no_proxy, value) for value in ("a b", "a;b", "a\nb")),
    *((lambda name: env.host_name(name, "host"), value) for value in ("-rf", "a b", "a/b", "a\n", "x" * 70)),
]


@pytest.mark.parametrize(("read", "value", "expected"), READERS)
def test_a_good_value_is_read(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], value: str, expected: object
) -> None:
    monkeypatch.setenv(NAME, value)
    assert read(NAME) == expected


@pytest.mark.parametrize("read", [read for read, _, _ in READERS])
def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object]) -> None:
    monkeypatch.delenv(NAME, raising=False)
    default = read(NAME)
    monkeypatch.setenv(NAME, "")
    assert read(NAME) == default


@pytest.mark.parametrize(("read", "value"), REFUSED)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], value: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        read(NAME)
    assert NAME in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_secret_key_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret.key"
    key = env.secret(file, env.secret_key)
    assert len(key) >= 50
    assert env.secret(file, env.secret_key) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_processes_that_start_together_end_up_with_one_key(tmp_path: Path) -> None:
    keys: list[str] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        keys.append(env.secret(tmp_path / "secret.key", env.secret_key))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("place", ["file/secret.key", "file/below/secret.key"])
def test_a_place_that_cannot_be_a_directory_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match="Not a directory"):
        env.secret(tmp_path / place, env.secret_key)


@pytest.mark.parametrize(
    ("value", "read"), [("", None), ("/dev/log", "/dev/log"), ("logs.example.org:514", ("logs.example.org", 514))]
)
def test_a_syslog_is_a_socket_or_a_host_with_a_port(monkeypatch: pytest.MonkeyPatch, value: str, read: object) -> None:
    monkeypatch.setenv("SPOCWEB_X", value)
    assert env.syslog("SPOCWEB_X") == read


@pytest.mark.parametrize("value", ["logs", "logs:", ":514", "logs:0", "logs:65536", "logs:x", "a b:1"])
def test_any_other_syslog_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SPOCWEB_X", value)
    with pytest.raises(ImproperlyConfigured, match="SPOCWEB_X"):
        env.syslog("SPOCWEB_X")

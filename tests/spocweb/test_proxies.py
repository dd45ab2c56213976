"""Whose word on addresses and TLS counts, and what browsers are told behind TLS."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from spocweb import asgi, env
from spocweb.proxies import believed

TRUSTED = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("::1"))


def scope(peer: str | None, *forwarded: str, **more: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return {"type": "http", "path": "/", "client": (peer, 4711) if peer else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("::ffff:127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("127.0.0.1", ["[2001:db8::7]:5000"], "2001:db8::7"),
        ("127.0.0.1", ["192.0.2.7:5000"], "192.0.2.7"),
        # What the client itself wrote stands before what the proxy added.
        ("127.0.0.1", ["1.1.1.1, 192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["1.1.1.1", "192.0.2.7"], "192.0.2.7"),
        # Through two proxies of ours.
        ("127.0.0.1", ["1.1.1.1, 192.0.2.7, 10.0.0.9"], "192.0.2.7"),
        ("127.0.0.1", ["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        ("127.0.0.1", ["192.0.2.7, nonsense, 10.0.0.9"], "10.0.0.9"),
        ("127.0.0.1", ["", "unknown"], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_who_asks(peer: str, forwarded: list[str], found: str) -> None:
    assert believed(scope(peer, *forwarded), TRUSTED)["client"][0] == found


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.1.1", "2001:db8::1", None, "nonsense"])
def test_nobody_else_is_believed(peer: str | None) -> None:
    asked = scope(peer, "127.0.0.1", x_forwarded_proto="https", forwarded="for=127.0.0.1", accept="text/html")
    left = believed(asked, TRUSTED)
    assert left["client"] == asked["client"]
    assert left["headers"] == [(b"accept", b"text/html")]


def test_without_a_setting_there_is_no_trusted_proxy() -> None:
    assert believed(scope("127.0.0.1", "192.0.2.7"), ())["client"] == ("127.0.0.1", 4711)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_pages_and_sockets_see_what_is_believed(monkeypatch: pytest.MonkeyPatch, settings: Any, kind: str) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    seen: list[Any] = []

    async def serve(*arguments: Any) -> None:
        seen.append(next(one for one in arguments if isinstance(one, dict))["client"][0])

    monkeypatch.setattr(asgi, "_with_bodies", serve)
    monkeypatch.setattr(asgi, "_sockets", serve)
    nothing: Any = None
    asyncio.run(asgi.application({**scope("127.0.0.1", "192.0.2.7"), "type": kind}, nothing, nothing))  # type: ignore[arg-type]
    assert seen == ["192.0.2.7"]


@pytest.mark.parametrize("value", ["10.0.0.0/33", "proxy.example.org", "10.0.0.1/24", "10.0.0.1 10.0.0.2"])
def test_what_is_no_network_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SPOCWEB_X", value)
    with pytest.raises(ImproperlyConfigured, match="SPOCWEB_X"):
        env.networks("SPOCWEB_X", "")


def test_networks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOCWEB_X", "127.0.0.0/8, 10.0.0.1,2001:db8::/32")
    assert [str(one) for one in env.networks("SPOCWEB_X", "")] == ["127.0.0.0/8", "10.0.0.1/32", "2001:db8::/32"]
    monkeypatch.delenv("SPOCWEB_X")
    assert env.networks("SPOCWEB_X", "") == ()


@pytest.mark.django_db
def test_behind_tls_browsers_come_by_nothing_else(settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 31_536_000
    response = Client().get("/sign-in/", headers={"X-Forwarded-Proto": "https"})
    assert response["Strict-Transport-Security"] == "max-age=31536000"
    assert response.cookies["spocweb_csrf"]["secure"]
    assert response.cookies["spocweb_csrf"]["httponly"]
    # Over plain HTTP a browser would not listen to it.
    assert "Strict-Transport-Security" not in Client().get("/sign-in/")


@pytest.mark.django_db
def test_without_tls_nothing_is_promised() -> None:
    response = Client().get("/sign-in/", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" not in response
    assert not response.cookies["spocweb_csrf"]["secure"]

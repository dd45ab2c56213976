"""Signing in with an identity provider: who it knows comes in, and may nothing until somebody gives him a right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from spocweb import env
from tests.support.oidc import CLIENT

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("SPOCWEB_")}
    argv = [sys.executable, "-m", "tests.support.oidc", str(tmp_path_factory.mktemp("oidc"))]
    done = subprocess.run(argv, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_who_the_provider_knows_comes_in_and_may_nothing(seen: dict[str, Any]) -> None:
    assert seen["people"][0] == ["anna", "/security/", 200, 403]
    # A second time he is the same.
    assert seen["people"][3] == ["anna", "/security/", 200, 403]
    kinds = [kind for kind, name in seen["events"] if name == "anna" and kind != "permission.refuse"]
    assert kinds == ["user.create", "sign-in", "sign-in"]


def test_nobody_becomes_somebody_else_by_a_name(seen: dict[str, Any]) -> None:
    assert [person[2:] for person in seen["people"][1:3]] == [[200, 403], [200, 403]]
    names = seen["accounts"]
    assert names.pop("admin") is True
    assert len(names) == 3
    assert "root" not in names
    assert not any(names.values())


def test_who_it_does_not_know_stays_outside_on_record(seen: dict[str, Any]) -> None:
    assert seen["people"][4] == ["nobody", "/sign-in/", 302, 302]
    assert seen["without state"] == "/sign-in/"
    assert seen["events"][-2:] == [["sign-in.fail", ""], ["sign-in.fail", ""]]


def test_the_way_there_cannot_be_begun_by_others(seen: dict[str, Any]) -> None:
    assert seen["button"]
    assert (seen["started by a link"], seen["connecting"]) == (405, 400)
    back = "http://testserver/sign-in/provider/back/"
    assert seen["asked"] == {"client_id": CLIENT, "redirect_uri": back, "code_challenge_method": "S256"}
    assert "form-action 'self' http://127.0.0.1:" in seen["policy"]


def test_without_a_password_the_provider_confirms_who_it_is(seen: dict[str, Any]) -> None:
    assert seen["asked again"] == "/confirm/provider/?next=%2Fsecurity%2Fapp%2F"
    assert seen["way to confirm"] == 200


@pytest.mark.parametrize(
    ("issuer", "client", "file"),
    [
        ("http://example.org", "panel", "good"),
        ("example.org", "panel", "good"),
        ("https://user:word@example.org", "panel", "good"),
        ("https://example.org", "", "good"),
        ("https://example.org", "panel", ""),
        ("https://example.org", "panel", "missing"),
        ("https://example.org", "panel", "empty"),
    ],
)
def test_half_a_provider_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, issuer: str, client: str, file: str
) -> None:
    (tmp_path / "good").write_text("secret")
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("SPOCWEB_OIDC_ISSUER", issuer)
    monkeypatch.setenv("SPOCWEB_OIDC_CLIENT_ID", client)
    monkeypatch.setenv("SPOCWEB_OIDC_SECRET_FILE", str(tmp_path / file) if file else "")
    with pytest.raises(ImproperlyConfigured, match="SPOCWEB_OIDC"):
        env.identity_provider("SPOCWEB_OIDC")


def test_no_issuer_is_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPOCWEB_OIDC_ISSUER", raising=False)
    assert env.identity_provider("SPOCWEB_OIDC") is None

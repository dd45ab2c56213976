"""Accounts and tokens, by root on the host."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from containers.errors import NotFound
from containers.models import ApiToken, Event
from containers.services import tokens
from containers.services.token_terms import Terms
from tests.support import rows
from tests.support.people import admin, operator, viewer

__all__ = ["admin", "operator", "viewer"]

pytestmark = pytest.mark.django_db


def run(*args: str) -> list[str]:
    stdout = io.StringIO()
    call_command(*args, stdout=stdout)
    return stdout.getvalue().splitlines()


def test_an_account_from_beginning_to_end(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    (password,) = run("accounts", "create", "anna", "--role", "Viewer")
    assert User.objects.get(username="anna").check_password(password)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct-horse-battery\n"))
    assert run("accounts", "password", "anna", "--stdin") == []
    assert User.objects.get(username="anna").check_password("correct-horse-battery")
    with pytest.raises(CommandError, match="no password"):
        run("accounts", "password", "anna", "--stdin")
    run("accounts", "deactivate", "anna")
    assert run("accounts", "list") == ["admin\tactive\tsuperuser\t0\t-", "anna\tswitched off\tViewer\t0\t-"]
    run("accounts", "activate", "anna")
    run("accounts", "remove", "anna")
    assert [one.username for one in User.objects.all()] == ["admin"]
    kinds = list(Event.objects.order_by("id").values_list("kind", "via"))
    kinds_of_cli = ["user.create", "role.grant", "password.change", "user.update", "user.update", "user.remove"]
    assert kinds == [(kind, "cli") for kind in kinds_of_cli]
    with pytest.raises(NotFound):
        run("accounts", "remove", "anna")


def test_tokens_are_listed_and_taken_back(operator: User, viewer: User) -> None:
    tokens.create_token(viewer)
    text = tokens.create_token(operator, Terms("nightly", ("read-only",), ("10.0.0.0/8",)))
    number = ApiToken.objects.get(name="nightly").pk
    lines = run("tokens", "list")
    assert [line.split("\t")[1] for line in lines] == ["operator", "viewer"]
    assert run("tokens", "list", "operator") == lines[:1]
    assert lines[0].split("\t")[2:5] == ["nightly", "view,audit", "10.0.0.0/8"]
    assert text not in lines[0]
    assert run("tokens", "revoke", str(number)) == [f"{number} of operator is taken back"]
    assert tokens.user_of(text, "10.0.0.1") is None
    with pytest.raises(NotFound):
        run("tokens", "revoke", str(number))
    assert rows.ROOT.user_name in Event.objects.get(kind="token.revoke").user_name

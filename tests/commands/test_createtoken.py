from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from containers.models import ApiToken, Event
from containers.services import tokens
from tests.support import rows

pytestmark = pytest.mark.django_db


def test_it_prints_one_token_that_works() -> None:
    user = rows.user("admin")
    stdout = io.StringIO()
    call_command("createtoken", "admin", stdout=stdout)
    (token,) = stdout.getvalue().splitlines()
    assert tokens.user_of(token) == user
    event = Event.objects.get()
    assert (event.kind, event.subject, event.via, event.data) == ("token.create", "admin", "cli", {"number": 1})


def test_it_says_who_does_not_exist() -> None:
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("createtoken", "nobody")
    assert not ApiToken.objects.exists()

"""API tokens."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.models import ApiToken
from containers.services import tokens

pytestmark = pytest.mark.django_db


def test_a_token_leads_to_its_user_and_is_not_stored(operator: User) -> None:
    text = tokens.create_token(operator)
    assert text.startswith("spoc_")
    assert len(text) > 45
    assert tokens.user_of(text) == operator
    assert text not in str(ApiToken.objects.values().get())
    assert tokens.create_token(operator) != text


@pytest.mark.parametrize("text", ["", "spoc_", "spoc_x", "é", "spoc_é", "spoc_\x00", "spoc_" + "x" * 100_000, "Bearer"])
def test_other_texts_lead_nowhere(operator: User, text: str) -> None:
    tokens.create_token(operator)
    assert tokens.user_of(text) is None


def test_an_account_that_is_switched_off_has_no_token(operator: User) -> None:
    text = tokens.create_token(operator)
    operator.is_active = False
    operator.save()
    assert tokens.user_of(text) is None


def test_its_use_is_noted_once_a_minute(operator: User, django_assert_num_queries: Any) -> None:
    text = tokens.create_token(operator)
    with django_assert_num_queries(2):
        tokens.user_of(text)
    with django_assert_num_queries(1):
        tokens.user_of(text)
    used = ApiToken.objects.get().last_used_at
    assert used is not None
    ApiToken.objects.update(last_used_at=used - datetime.timedelta(minutes=2))
    with django_assert_num_queries(2):
        tokens.user_of(text)

"""Four who ask: one who may everything, one who may operate, one who is signed in, and nobody."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.support import rows


@pytest.fixture
def admin(db: None) -> User:
    return rows.user("admin", is_superuser=True, is_staff=True)


@pytest.fixture
def operator(db: None) -> User:
    return rows.user("operator", "operate_container")


@pytest.fixture
def viewer(db: None) -> User:
    return rows.user("viewer", "view_container")


@pytest.fixture
def stranger(db: None) -> User:
    return rows.user("stranger")

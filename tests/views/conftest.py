from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.people import admin, operator, stranger, viewer
from tests.support.signing import sign_in

__all__ = ["admin", "operator", "stranger", "viewer"]

HTMX = {"HX-Request": "true"}


@pytest.fixture
def anonymous(db: None) -> Client:
    return Client()


def signed_in(user: User) -> Client:
    return sign_in(Client(), user)


@pytest.fixture
def client(operator: User) -> Client:
    """The browser of somebody who may operate containers."""
    return signed_in(operator)


@pytest.fixture
def viewer_client(viewer: User) -> Client:
    return signed_in(viewer)


@pytest.fixture
def stranger_client(stranger: User) -> Client:
    return signed_in(stranger)


@pytest.fixture(autouse=True)
def _static_files(settings: Any, tmp_path: Path) -> None:
    """Nothing here needs what `collectstatic` makes of style sheets and scripts."""
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}

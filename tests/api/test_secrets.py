"""Secrets in definitions, wherever the API shows definitions: for who may edit, and nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.domain.drift import Aspect, Entry
from containers.domain.secrecy import MASK
from containers.services import drift, tokens
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

SECRET = {"DB_PASSWORD": "hunter22-of-db", "URL": "pg://me:hunter22-in-url@db/x"}
WITH_DEFINITIONS = (
    "/containers/",
    "/containers/web/",
    "/containers/web/config/",
    "/containers/web/revisions/",
    "/containers/web/drift/",
    "/export/",
    "/images/",
    "/images/app:1/",
)


@pytest.fixture
def secretive() -> None:
    row = rows.container("web", env=SECRET)
    rows.image("app:1", env=SECRET)
    texts = [f"DB_PASSWORD={SECRET['DB_PASSWORD']}", "DB_PASSWORD=hunter22-by-hand"]
    drift.record(row.host, {"web": [Entry(Aspect.CONFIG, "lxc.environment", *texts, "")]}, timezone.now())


@pytest.mark.parametrize("path", WITH_DEFINITIONS)
def test_secrets_are_for_who_may_edit(
    path: str, secretive: None, api: Api, api_of: Callable[[User | None], Api], viewer: User
) -> None:
    assert "hunter22-of-db" in api.get(path).content.decode()
    response = api_of(viewer).get(path)
    assert (response.status_code, b"DB_PASSWORD" in response.content, b"hunter22" in response.content) == (200, True, False)


def test_a_key_for_reading_alone_reads_no_secret(secretive: None, admin: User) -> None:
    terms = tokens.Terms(scope=("view",))
    headers = {"Authorization": f"Bearer {tokens.create_token(admin, terms)}"}
    response = Client().get("/api/v1/export/", headers=headers)
    assert (response.status_code, response.json()["containers"]["web"]["env"]["DB_PASSWORD"]) == (200, MASK)

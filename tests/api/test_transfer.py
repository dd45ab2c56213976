"""/import/ and /export/."""

from __future__ import annotations

from typing import Any

import pytest

from containers.models import Container, Job
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

DOCUMENT: dict[str, Any] = {
    "containers": {"web": {"depends": ["db"], "layers": ["base"]}, "db": {"layers": ["base"], "env": {"A": "1"}}}
}


def test_what_is_imported_is_exported(api: Api) -> None:
    rows.layer()
    response = api.post("/import/", DOCUMENT)
    job = Job.objects.get()
    assert (response.status_code, response.json()) == (202, {"job": job.pk, "containers": ["web", "db"]})
    assert response["Location"] == f"/api/v1/jobs/{job.pk}/"
    assert api.get("/export/").json() == DOCUMENT


def test_an_import_is_all_or_nothing_with_errors_by_container_and_key(api: Api) -> None:
    rows.layer()
    bad = {"containers": {**DOCUMENT["containers"], "bad": {"layers": ["base"], "halt": "SIGNOPE", "more": 1}}}
    response = api.post("/import/", bad)
    assert (response.status_code, response.json()["field"]) == (422, "containers.bad.halt")
    assert [error["field"] for error in response.json()["errors"]] == ["containers.bad.halt", "containers.bad.more"]
    assert not Container.objects.exists()


def test_what_exists_is_a_conflict(api: Api) -> None:
    rows.container("db")
    response = api.post("/import/", DOCUMENT)
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert Container.objects.count() == 1


@pytest.mark.parametrize("body", [[], "x", {}, {"containers": {}}, {"containers": {"a": 1}}, {"containers": {"\ud800": {}}}])
def test_other_documents_are_refused(api: Api, body: Any) -> None:
    response = api.post("/import/", body)
    assert response.status_code == 422
    assert response.json()["code"] == "invalid"

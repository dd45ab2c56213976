"""A whole host as one file: out, and in again, all or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from containers.models import Container
from tests.support import rows
from tests.support.html import parse

pytestmark = pytest.mark.django_db


def test_the_export_is_a_file_that_the_import_takes(client: Client) -> None:
    rows.chain(env={"A": "ž"}, description="x")
    response = client.get("/export/")
    assert response["Content-Disposition"] == 'attachment; filename="containers.json"'
    before = {row.name: row.definition for row in Container.objects.with_definition()}
    for name in ("web", "app", "db"):
        Container.objects.get(name=name).delete()
    assert client.post("/import/", {"text": response.content.decode()})["Location"] == "/containers/"
    assert {row.name: row.definition for row in Container.objects.with_definition()} == before
    assert "3 containers are imported." in parse(client.get("/containers/")).one(id="notices").text


def test_a_file_is_as_good_as_a_text(client: Client) -> None:
    rows.layer()
    document = json.dumps({"containers": {"web": {"layers": ["base"]}}}).encode()
    assert client.post("/import/", {"file": SimpleUploadedFile("x.json", document)}).status_code == 302
    assert Container.objects.get().name == "web"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a text or a file"),
        ("{", "not JSON"),
        ("[1]", "object of definitions"),
        ('{"containers": {}}', "1 to 1000"),
        ('{"containers": {"web": {"layers": ["gone"]}}}', "containers.web.layers: there is no layer gone"),
        (
            '{"containers": {"web": {"layers": ["base"]}, "b": {"layers": ["base"], "evil": 1}}}',
            "containers.b.evil: is not a known key",
        ),
        ('{"containers": {"web": {"layers": ["base"], "depends": ["web"]}}}', "web"),
        ('{"containers": {"old": {"layers": ["base"]}}}', "There is a container old already"),
        ('{"containers": {"a": 1, "a": 2}}', "a key twice"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(client: Client, text: str, words: str) -> None:
    rows.container("old")
    response = client.post("/import/", {"text": text})
    assert response.status_code == 422
    tree = parse(response)
    assert words in tree.one("div", role="alert").text
    assert tree.one("textarea").text == " ".join(text.split())
    assert Container.objects.count() == 1


def test_text_and_file_together_are_refused(client: Client) -> None:
    sent: dict[str, Any] = {"text": "{}", "file": SimpleUploadedFile("x.json", b"{}")}
    assert client.post("/import/", sent).status_code == 422


def test_importing_twice_makes_nothing_twice(client: Client) -> None:
    rows.layer()
    text = '{"containers": {"web": {"layers": ["base"]}}}'
    assert client.post("/import/", {"text": text}).status_code == 302
    assert client.post("/import/", {"text": text}).status_code == 422
    assert Container.objects.count() == 1

"""Whole hosts as one document."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.errors import AddressesExhausted, Conflict, Forbidden, InvalidRequest
from containers.models import Container, Event, Job
from containers.services import transfer
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db

DOCUMENT: dict[str, Any] = {
    "containers": {
        "web": {"depends": ["db"], "layers": ["base"], "env": {"B": "1", "A": "2"}},
        "db": {"layers": ["base"], "mounts": {"data": "srv:file"}, "ready": "true"},
    },
    "settings": {"web": {"description": "The shop", "autostart": True, "limits": {"pids": 9}, "timeouts": {"stop": 3}}},
}


@pytest.fixture(autouse=True)
def _layer() -> None:
    rows.layer()


def refused(document: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        transfer.import_containers(ROOT, document)
    assert not Container.objects.exists()
    assert not Job.objects.exists()
    assert not Event.objects.exists()
    return [(error.field, error.message) for error in caught.value.errors]


def test_what_is_exported_is_what_was_imported(operator: User) -> None:
    made = transfer.import_containers(rows.actor(operator), DOCUMENT)
    assert [row.name for row, _job in made] == ["web", "db"]
    exported = transfer.export()
    assert exported == DOCUMENT
    assert list(exported["containers"]["web"]["env"]) == ["B", "A"]


def test_one_job_creates_them_all(operator: User) -> None:
    made = transfer.import_containers(rows.actor(operator), DOCUMENT)
    job = Job.objects.get()
    assert {job for _row, job in made} == {job}
    assert (job.operation, job.targets, [link.name for link in job.containers.all()]) == ("create", ["web", "db"], ["db", "web"])
    assert set(Container.objects.values_list("last_job", flat=True)) == {job.pk}


def test_without_anything_beside_definitions_there_are_only_containers() -> None:
    transfer.import_containers(ROOT, {"containers": {"a": {"layers": ["base"]}}})
    assert transfer.export() == {"containers": {"a": {"layers": ["base"]}}}


def test_an_empty_host_is_exported() -> None:
    assert transfer.export() == {"containers": {}}


def test_every_error_is_named_by_container_and_key() -> None:
    document = {
        "containers": {
            "Web": {"layers": ["base"]},
            "a": {"layers": [], "colour": "red", "env": {"1": "x"}},
            "b": {"layers": ["base"], "cmd": "x\ny"},
            "c": "nothing",
        },
        "settings": {"z": {}, "b": {"autostart": "yes", "name": "x"}, "a": {}},
    }
    fields = [field for field, _message in refused(document)]
    assert fields == [
        "containers.Web",
        "containers.a.layers",
        "containers.a.env.1",
        "containers.a.colour",
        "containers.b.cmd",
        "containers.c",
        "settings.z",
    ]


def test_settings_have_errors_of_their_own() -> None:
    document = {"containers": {"b": {"layers": ["base"]}}, "settings": {"b": {"autostart": "yes", "limits": {"cpus": -1}}}}
    assert [field for field, _message in refused(document)] == ["settings.b.autostart", "settings.b.limits.cpus"]


@pytest.mark.parametrize("extra", [{"name": "c"}, {"definition": {}}, [], "x", None])
def test_settings_have_no_name_or_definition(extra: object) -> None:
    assert refused({"containers": {"b": {"layers": ["base"]}}, "settings": {"b": extra}})[0][0] == "settings.b"


def test_names_must_exist_here_or_in_the_document() -> None:
    document = {"containers": {"a": {"layers": ["base", "top"], "depends": ["b", "z"]}, "b": {"layers": ["base"]}}}
    assert refused(document) == [
        ("containers.a.depends", "there is no container z"),
        ("containers.a.layers", "there is no layer top"),
    ]


def test_a_cycle_in_the_document_is_refused() -> None:
    document = {"containers": {"a": {"layers": ["base"], "depends": ["b"]}, "b": {"layers": ["base"], "depends": ["a"]}}}
    assert refused(document) == [("containers.a.depends", "the dependencies go round in a circle: a → b → a")]


@pytest.mark.parametrize(
    "document",
    [None, [], "x", {}, {"containers": []}, {"containers": {}}, {"containers": {"a": {"layers": ["base"]}}, "more": 1}],
)
def test_other_documents_are_refused(document: object) -> None:
    assert refused(document)


def test_names_that_are_taken_are_refused_and_nothing_is_made() -> None:
    rows.container("db")
    with pytest.raises(Conflict, match="There is a container db already"):
        transfer.import_containers(ROOT, DOCUMENT)
    assert [row.name for row in Container.objects.all()] == ["db"]


def test_a_subnet_that_fills_leaves_nothing(settings: Any) -> None:
    settings.SUBNET = type(settings.SUBNET)("10.250.0.0/30")
    with pytest.raises(AddressesExhausted):
        transfer.import_containers(ROOT, DOCUMENT)
    assert not Container.objects.exists()


def test_an_export_takes_five_queries(django_assert_num_queries: Any) -> None:
    transfer.import_containers(ROOT, DOCUMENT)
    with django_assert_num_queries(5):
        transfer.export()


def test_the_stranger_may_not_import(stranger: User) -> None:
    with pytest.raises(Forbidden):
        transfer.import_containers(rows.actor(stranger), DOCUMENT)

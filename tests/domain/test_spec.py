from __future__ import annotations

import json
from typing import Any

import pytest

from containers.domain.definition import Definition
from containers.domain.limits import Limits, Timeouts
from containers.domain.spec import ContainerSpec
from containers.errors import FieldError, InvalidRequest
from tests.domain.samples import INVISIBLE, TEXT_FIELDS, VALID, container, point

FULL: dict[str, Any] = {
    "name": "web",
    "definition": {"depends": ["db"], "layers": ["base"], "env": {"A": "1"}, "ready": "true"},
    "description": "the shop, größer",
    "autostart": True,
    "protected": True,
    "limits": {"memory_bytes": 64 * 1024 * 1024, "cpus": 1.5, "pids": 100},
    "timeouts": {"start": 5, "stop": 60},
}


def errors_of(data: object, **options: Any) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidRequest) as caught:
        ContainerSpec.parse(data, **options)
    return caught.value.errors


def spec(**changes: Any) -> ContainerSpec:
    return ContainerSpec.parse(FULL | changes)


def test_a_container_needs_a_name_and_a_definition_only() -> None:
    assert ContainerSpec.parse(container()) == ContainerSpec(
        name="web",
        definition=Definition(layers=("base",)),
        description="",
        autostart=False,
        protected=False,
        limits=Limits(),
        timeouts=Timeouts(),
    )


def test_what_was_exported_is_the_same_when_it_is_read() -> None:
    assert spec().export() == FULL
    assert ContainerSpec.parse(json.loads(json.dumps(spec().export()))) == spec()


def test_a_revision_keeps_all_but_the_name() -> None:
    assert spec().revision_data() == {key: value for key, value in FULL.items() if key != "name"}
    assert ContainerSpec.parse(container()).revision_data() == {"definition": {"layers": ["base"]}}


def test_all_errors_of_all_parts_come_at_once() -> None:
    data = {
        "definition": {"layers": [], "env": {"A B": "1"}},
        "description": 1,
        "autostart": "yes",
        "limits": {"cpus": 0, "swap": 1},
        "timeouts": [],
        "address": "10.0.0.1",
    }
    assert errors_of(data) == (
        FieldError("name", "is required"),
        FieldError("definition.layers", "at least one layer is needed"),
        FieldError("definition.env.A B", errors_of(container(env={"A B": "1"}))[0].message),
        FieldError("description", "must be text"),
        FieldError("autostart", "must be true or false"),
        FieldError("limits.cpus", "must be at least 0.01"),
        FieldError("limits.swap", "is not a known key"),
        FieldError("timeouts", "must be an object"),
        FieldError("address", "is not a known key"),
    )


@pytest.mark.parametrize("data", [None, [], "web", 1])
def test_only_an_object_is_a_container(data: object) -> None:
    assert errors_of(data) == (FieldError("", "must be an object"),)


def test_the_size_of_the_id_map_reaches_the_definition() -> None:
    assert ContainerSpec.parse(container(uid="70000"), idmap_size=100_000).definition.uid == "70000"
    assert errors_of(container(uid="5000"), idmap_size=5_000)[0].field == "definition.uid"


def test_a_description_has_at_most_200_characters() -> None:
    assert spec(description="ü" * 200).description == "ü" * 200
    assert errors_of(FULL | {"description": "ü" * 201}) == (FieldError("description", "is longer than 200 characters"),)


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_the_sample_of_each_field_is_valid(field: str) -> None:
    assert ContainerSpec.parse(TEXT_FIELDS[field](VALID[field])).name == "web"


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize("character", INVISIBLE, ids=point)
def test_invisible_characters_are_refused_in_every_field(field: str, character: str) -> None:
    half = len(VALID[field]) // 2
    for value in (
        VALID[field] + character,
        character + VALID[field],
        VALID[field][:half] + character + VALID[field][half:],
    ):
        (error,) = errors_of(TEXT_FIELDS[field](value))
        assert error.field.startswith(field.partition("{")[0])
        assert character not in error.field
        assert character not in error.message


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_ten_thousand_characters_are_refused_in_every_field(field: str) -> None:
    for value in ("a" * 10_000, "/" + "a" * 9_999, "1" * 10_000, "ü" * 10_000, VALID[field] + " " * 10_000):
        (error,) = errors_of(TEXT_FIELDS[field](value))
        assert error.field.startswith(field.partition("{")[0])
        assert len(error.field + error.message) < 300


def test_the_digest_changes_with_all_that_a_start_puts_into_effect() -> None:
    first = spec().digest("10.0.0.2")
    assert first == spec().digest("10.0.0.2")
    assert len(bytes.fromhex(first)) == 32
    others = [
        spec().digest("10.0.0.3"),
        spec(limits={}).digest("10.0.0.2"),
        spec(definition={**FULL["definition"], "env": {"A": "2"}}).digest("10.0.0.2"),
        spec(definition={**FULL["definition"], "layers": ["base", "top"]}).digest("10.0.0.2"),
        spec(definition={**FULL["definition"], "layers": ["top", "base"]}).digest("10.0.0.2"),
        spec(definition={**FULL["definition"], "build": True}).digest("10.0.0.2"),
    ]
    assert len({first, *others}) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"definition": {**FULL["definition"], "depends": []}},
        {"definition": {**FULL["definition"], "ready": "false"}},
        {"definition": {**FULL["definition"], "uid": None}},
        {"description": ""},
        {"autostart": False},
        {"protected": False},
        {"timeouts": {}},
    ],
)
def test_the_digest_does_not_change_with_anything_else(changes: dict[str, Any]) -> None:
    assert spec(**changes).digest("10.0.0.2") == spec().digest("10.0.0.2")


def test_the_digest_does_not_depend_on_the_order_of_variables() -> None:
    one, other = ({**FULL["definition"], "env": env} for env in ({"A": "1", "B": "2"}, {"B": "2", "A": "1"}))
    assert spec(definition=one).digest("10.0.0.2") == spec(definition=other).digest("10.0.0.2")

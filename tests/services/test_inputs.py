"""What operations may be given: one form for the request and for the worker."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.services import inputs

HOSTILE = ["", "a\nb", "a\rb", "a\0", "\x1b[2J", "a\x85b", "a\u2028b", "a\u2029b", "a\u202eb", "\ud800", "x" * 10_000]


def parse(operation: str, data: object) -> dict[str, Any]:
    return inputs.parse(Operation(operation), data, idmap_size=65536).export()


def fields(operation: str, data: object) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        parse(operation, data)
    return [error.field for error in caught.value.errors]


@pytest.mark.parametrize("operation", [operation for operation in Operation if operation not in inputs.FORMS])
def test_most_operations_take_nothing(operation: Operation) -> None:
    assert parse(operation, {}) == {}
    assert fields(operation, {"force": True}) == ["force"]


def test_a_start_takes_a_command() -> None:
    assert parse("start", {}) == {}
    assert parse("start", {"command": None}) == {}
    assert parse("start", {"command": ["/bin/sh", "-c", "echo é ' \" $X"]}) == {"command": ["/bin/sh", "-c", "echo é ' \" $X"]}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_arguments_are_refused(text: str) -> None:
    assert fields("start", {"command": ["/bin/true", text]}) == ["command.1"]
    assert fields("execute", {"command": [text]}) == ["command.0"]


@pytest.mark.parametrize("command", [[], "ls", ["x"] * 257, ["x" * 4096] * 9, {"0": "ls"}, 5])
def test_a_command_is_a_bounded_list(command: object) -> None:
    assert fields("execute", {"command": command}) == ["command"]


@pytest.mark.parametrize("item", [None, 1, ["ls"], {}])
def test_an_argument_is_text(item: object) -> None:
    assert fields("execute", {"command": [item]}) == ["command.0"]


@pytest.mark.parametrize("value", ["0", "65535", 0, 1000, "root", "_apt", "www-data", "a" * 32, None])
def test_identities_are_numbers_or_names(value: object) -> None:
    expected = {"command": ["id"]} | ({} if value is None else {"uid": str(value)})
    assert parse("execute", {"command": ["id"], "uid": value}) == expected


@pytest.mark.parametrize(
    "value", ["", "-1", "65536", 65536, -1, 2**70, "00", "1e3", "Root", "a b", "a:b", "-a", "a" * 33, "é", "٣", True, 1.5, []]
)
def test_other_identities_are_refused(value: object) -> None:
    assert fields("execute", {"command": ["id"], "gid": value}) == ["gid"]


def test_volumes_are_names() -> None:
    assert parse("destroy", {"volumes": ["a", "b.1"]}) == {"volumes": ["a", "b.1"]}
    assert fields("destroy", {"volumes": ["../a", "b"]}) == ["volumes.0"]
    assert fields("destroy", {"volumes": True}) == ["volumes"]


def test_an_import_has_one_source() -> None:
    assert parse("layer-import", {"upload": "0a" * 16}) == {"upload": "0a" * 16}
    assert fields("layer-import", {"upload": "../../etc/passwd"}) == ["upload"]
    assert fields("layer-import", {"path": "etc"}) == ["path"]


@given(
    st.sampled_from(list(Operation)),
    st.recursive(
        st.none() | st.integers() | st.text() | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
)
def test_nothing_but_a_refusal_comes_of_anything(operation: Operation, data: object) -> None:
    try:
        inputs.parse(operation, data, idmap_size=65536)
    except InvalidRequest as error:
        assert error.errors  # noqa: PT017  both outcomes are right

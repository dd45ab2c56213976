from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from containers.domain.definition import Definition, MountSpec
from containers.errors import FieldError, InvalidRequest
from tests.domain.samples import container_names, env_keys, stored_names, visible_text

FULL: dict[str, Any] = {
    "build": True,
    "depends": ["db", "cache"],
    "layers": ["base", "top"],
    "mounts": {"data": "srv/data", "conf": "etc/app.conf:file"},
    "env": {"Z": "last first", "A": ""},
    "uid": "1000",
    "gid": "65535",
    "cmd": "/bin/app --serve",
    "cwd": "/srv",
    "ready": "test -e /run/ready",
    "halt": "SIGTERM",
}


def errors_of(data: object, **options: Any) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidRequest) as caught:
        Definition.parse(data, **options)
    return caught.value.errors


def error_of(field: str, **changes: Any) -> str:
    """The one error of a definition with `changes`, which must be at `field`."""
    (error,) = errors_of({"layers": ["base"], **changes})
    assert error.field == f"definition.{field}"
    return error.message


def test_every_key_of_the_contract_is_kept() -> None:
    definition = Definition.parse(FULL)
    assert definition.export() == FULL
    assert list(definition.export()) == list(FULL)


def test_defaults_are_filled_in_and_left_out_on_export() -> None:
    definition = Definition.parse({"layers": ["base"]})
    assert definition.model_dump() == {
        "build": False,
        "depends": (),
        "layers": ("base",),
        "mounts": {},
        "env": {},
        "uid": None,
        "gid": None,
        "cmd": None,
        "cwd": None,
        "ready": None,
        "halt": None,
    }
    assert definition.export() == {"layers": ["base"]}


def test_defaults_may_be_given() -> None:
    given = {"build": False, "depends": [], "mounts": {}, "env": {}, "uid": None, "cmd": None, "halt": None}
    assert Definition.parse({"layers": ["base"], **given}) == Definition.parse({"layers": ["base"]})


def test_the_order_of_variables_mounts_and_layers_is_kept() -> None:
    definition = Definition.parse({"layers": ["z", "a"], "env": {"Z": "1", "A": "2"}, "mounts": {"z": "z", "a": "a"}})
    assert (
        json.dumps(definition.export()) == '{"layers": ["z", "a"], "mounts": {"z": "z", "a": "a"}, "env": {"Z": "1", "A": "2"}}'
    )


def test_volumes_are_read_from_the_mounts() -> None:
    definition = Definition.parse({"layers": ["base"], "mounts": {"data": "/srv/data", "conf": "/etc/app.conf:file"}})
    assert definition.mount_specs == (MountSpec("data", "srv/data", False), MountSpec("conf", "etc/app.conf", True))
    assert definition.mounts == {"data": "srv/data", "conf": "etc/app.conf:file"}


def test_a_definition_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Definition.parse(FULL).cmd = "/bin/sh"  # type: ignore[misc]


@pytest.mark.parametrize("data", [None, [], "layers", 1, True, [["layers", ["base"]]]])
def test_only_an_object_is_a_definition(data: object) -> None:
    assert errors_of(data) == (FieldError("definition", "must be an object"),)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("build", 1, "must be true or false"),
        ("build", "true", "must be true or false"),
        ("build", None, "must be true or false"),
        ("depends", "db", "must be a list"),
        ("depends", {"db": 1}, "must be a list"),
        ("depends", None, "must be a list"),
        ("layers", "base", "must be a list"),
        ("mounts", [["data", "srv"]], "must be an object"),
        ("mounts", None, "must be an object"),
        ("env", ["A=1"], "must be an object"),
        ("env", "A=1", "must be an object"),
        ("uid", 1000, "must be text"),
        ("uid", 10.0, "must be text"),
        ("gid", ["0"], "must be text"),
        ("cmd", ["/bin/app"], "must be text"),
        ("cmd", False, "must be text"),
        ("cwd", 1, "must be text"),
        ("ready", True, "must be text"),
        ("halt", 15, "must be text"),
    ],
)
def test_json_of_another_type_is_refused(field: str, value: object, message: str) -> None:
    assert error_of(field, **{field: value}) == message


@pytest.mark.parametrize(("field", "key"), [("depends", 0), ("layers", 0), ("mounts", "data"), ("env", "A")])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, b"bytes"])
def test_entries_of_another_type_are_refused_at_their_place(field: str, key: int | str, value: object) -> None:
    entries = {key: value} if isinstance(key, str) else [value]
    assert error_of(f"{field}.{key}", **{field: entries}) == "must be text"


def test_unknown_keys_are_refused_by_name() -> None:
    assert errors_of({"layers": ["base"], "privileged": True, "lxc.hook.pre-start": "/bin/id"}) == (
        FieldError("definition.privileged", "is not a known key"),
        FieldError("definition.lxc.hook.pre-start", "is not a known key"),
    )


def test_the_name_of_an_unknown_key_is_shown_safely() -> None:
    (error,) = errors_of({"layers": ["base"], "a\n" + "x" * 10_000: 1})
    assert error.field.startswith("definition.a<U+000A>xxx")
    assert len(error.field) < 100


def test_all_errors_come_at_once() -> None:
    data = {"layers": [], "depends": ["DB"], "env": {"1A": "x\n", "B": 2}, "uid": "-1", "halt": "SIGFOO", "colour": "red"}
    assert {error.field for error in errors_of(data)} == {
        "definition.layers",
        "definition.depends.0",
        "definition.env.1A",
        "definition.env.B",
        "definition.uid",
        "definition.halt",
        "definition.colour",
    }


def test_the_path_of_errors_can_begin_elsewhere() -> None:
    (error,) = errors_of({"layers": []}, field="containers.web.definition")
    assert error.field == "containers.web.definition.layers"


@pytest.mark.parametrize("data", [{}, {"layers": []}])
def test_at_least_one_layer_is_needed(data: dict[str, Any]) -> None:
    assert errors_of(data) == (FieldError("definition.layers", "at least one layer is needed"),)


@pytest.mark.parametrize("field", ["layers", "depends"])
def test_a_name_stands_in_a_list_once(field: str) -> None:
    assert error_of(field, **{field: ["b", "a", "b"]}) == "b is named more than once"


@pytest.mark.parametrize(
    ("field", "limit", "entries"),
    [
        ("depends", 100, [f"c{number}" for number in range(101)]),
        ("layers", 500, [f"l{number}" for number in range(501)]),
        ("mounts", 100, {f"v{number}": f"srv/{number}" for number in range(101)}),
        ("env", 500, {f"E{number}": "" for number in range(501)}),
    ],
)
def test_there_are_not_arbitrarily_many_entries(field: str, limit: int, entries: Any) -> None:
    assert error_of(field, **{field: entries}) == f"must have at most {limit} entries"


@pytest.mark.parametrize(
    ("mounts", "message"),
    [
        ({"a": "srv", "b": "srv"}, "a and b are both mounted at /srv"),
        ({"a": "srv", "b": "/srv"}, "a and b are both mounted at /srv"),
        ({"a": "srv", "b": "srv:file"}, "a and b are both mounted at /srv"),
        ({"a": "srv/x:file", "b": "srv/x/y"}, "b is mounted below /srv/x, which is the file a"),
        ({"b": "srv/x/y/z:file", "a": "srv/x:file"}, "b is mounted below /srv/x, which is the file a"),
    ],
)
def test_mountpoints_do_not_get_in_each_others_way(mounts: dict[str, str], message: str) -> None:
    assert error_of("mounts", mounts=mounts) == message


def test_a_directory_may_be_mounted_below_a_directory() -> None:
    mounts = {"a": "srv", "b": "srv/x", "c": "srv/x.conf:file", "d": "srv2"}
    assert Definition.parse({"layers": ["base"], "mounts": mounts}).mounts == mounts


@pytest.mark.parametrize(
    "target", ["", "/", ":file", "/:file", "srv:dir", "srv:file:file", "srv:File", "proc", "/dev/null:file", "../etc"]
)
def test_these_are_no_targets_of_mounts(target: str) -> None:
    assert error_of("mounts.data", mounts={"data": target})


@pytest.mark.parametrize("field", ["uid", "gid"])
@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "01", "1.0", "0x10", "1e3", " 1", "1 ", "root", "65536", "4294967296", "١", "²", "1_000"]
)
def test_ids_are_numbers_in_the_map(field: str, value: str) -> None:
    assert error_of(field, **{field: value}) == "must be a number from 0 to 65535, in digits"


def test_the_size_of_the_map_is_given_from_outside() -> None:
    assert Definition.parse({"layers": ["base"], "uid": "70000"}, idmap_size=70_001).uid == "70000"
    (error,) = errors_of({"layers": ["base"], "uid": "1000"}, idmap_size=1_000)
    assert error == FieldError("definition.uid", "must be a number from 0 to 999, in digits")


@pytest.mark.parametrize("value", ["", "srv", "./srv", "~"])
def test_a_working_directory_is_absolute(value: str) -> None:
    assert error_of("cwd", cwd=value) == "must be an absolute path"


@pytest.mark.parametrize("value", ["/..", "/srv/../etc", "/srv/.", "/./srv"])
def test_a_working_directory_is_what_it_says(value: str) -> None:
    assert error_of("cwd", cwd=value) == "must not have '.' or '..' as a part"


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("''", "empty"),
        ("'' app", "empty"),
        ("/bin/sh -c 'x", "quote"),
        ('/bin/sh -c "x', "quote"),
        ("/bin/app \\", "backslash"),
        ("-app", "'-'"),
    ],
)
def test_a_command_has_a_first_word(value: str, match: str) -> None:
    assert match in error_of("cmd", cmd=value)


@pytest.mark.parametrize("value", ["", " ", "\u00a0"])
def test_a_readiness_check_is_not_empty(value: str) -> None:
    assert error_of("ready", ready=value) == "must not be empty"


@pytest.mark.parametrize(
    ("field", "build", "limit"),
    [
        ("cmd", lambda text: {"cmd": text}, 4096),
        ("ready", lambda text: {"ready": text}, 4096),
        ("cwd", lambda text: {"cwd": f"/{text[1:]}"}, 1024),
        ("env.A", lambda text: {"env": {"A": text}}, 8192),
    ],
)
def test_text_is_not_arbitrarily_long(field: str, build: Any, limit: int) -> None:
    assert Definition.parse({"layers": ["base"], **build("a" * limit)}).layers == ("base",)
    assert error_of(field, **build("a" * (limit + 1))) == f"is longer than {limit} characters"


@pytest.mark.parametrize("value", ["größer", "日本語 🎉", " edges \" ' # = \\ ", "", "$HOME `id` $(id)", "no\u00a0break"])
def test_values_may_be_any_text_that_can_be_seen(value: str) -> None:
    assert Definition.parse({"layers": ["base"], "env": {"A": value}}).env == {"A": value}


definitions = st.fixed_dictionaries(
    {"layers": st.lists(stored_names, min_size=1, max_size=5, unique=True)},
    optional={
        "build": st.booleans(),
        "depends": st.lists(container_names, max_size=5, unique=True),
        "mounts": st.dictionaries(stored_names, st.uuids().map(lambda number: f"srv/{number}"), max_size=4),
        "env": st.dictionaries(env_keys, visible_text, max_size=5),
        "uid": st.none() | st.integers(0, 65535).map(str),
        "gid": st.none() | st.integers(0, 65535).map(str),
        "cwd": st.none() | visible_text.map(lambda text: f"/srv {text.replace('/', '')}"),
        "ready": st.none() | visible_text.map(lambda text: f"test {text}"),
        "halt": st.none() | st.sampled_from(["SIGTERM", "SIGRTMIN+3", "15"]),
    },
)


@given(definitions)
def test_what_was_exported_is_the_same_when_it_is_read(data: dict[str, Any]) -> None:
    definition = Definition.parse(data)
    assert Definition.parse(json.loads(json.dumps(definition.export()))) == definition
    empty: tuple[object, ...] = (False, [], {}, None)
    assert definition.export() == {key: value for key, value in data.items() if value not in empty}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def errors_or_none(data: object) -> tuple[FieldError, ...] | None:
    try:
        Definition.parse(data)
    except InvalidRequest as error:
        return error.errors
    return None


@given(st.dictionaries(st.sampled_from([*FULL, "other"]), json_values))
def test_any_json_is_a_definition_or_an_invalid_request(data: dict[str, Any]) -> None:
    errors = errors_or_none(data)
    assert errors is None or errors
    assert all(error.field.startswith("definition") and error.message for error in errors or ())

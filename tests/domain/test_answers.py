"""Answers: checked, completed, and put into texts once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import answers, manifest, manifest_text
from containers.domain.image import Defaults
from containers.domain.installation import Outline, Stack, outline
from containers.domain.placeholders import Quoting, fill
from containers.domain.questions import Question
from containers.errors import InvalidRequest
from tests.domain.samples import INVISIBLE
from tests.support.apps import MANIFEST, RECIPE

NOTE = manifest_text.parse(MANIFEST.encode(), {"web.recipe": RECIPE.encode()})


def question(type_: str, **more: Any) -> Question:
    return Question.validate_as({"name": "x", "type": type_, "label": "X", **more}, field="")


def checked(questions: list[Question], given_: object) -> dict[str, Any]:
    return dict(answers.check(questions, given_).values)


def messages(questions: list[Question], given_: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        answers.check(questions, given_)
    return {error.field: error.message for error in caught.value.errors}


@pytest.mark.parametrize(
    ("type_", "more", "good", "kept"),
    [
        ("text", {}, "a b", "a b"),
        ("long-text", {}, "a\r\nb\tc", "a\nb\tc"),
        ("integer", {}, "12", 12),
        ("integer", {"minimum": 3}, 3, 3),
        ("boolean", {}, "true", True),
        ("choice", {"choices": [{"value": "a"}, {"value": "b"}]}, "b", "b"),
        ("e-mail", {}, "me@example.org", "me@example.org"),
        ("host-name", {}, "shop.example.org", "shop.example.org"),
        ("port", {}, "8080", 8080),
        ("size", {}, "512 MiB", 512 << 20),
        ("size", {}, 1024, 1024),
        ("volume", {}, "data-1", "data-1"),
        ("container", {}, "db", "db"),
    ],
)
def test_good_answers(type_: str, more: dict[str, Any], good: object, kept: object) -> None:
    assert checked([question(type_, **more)], {"x": good}) == {"x": kept}


@pytest.mark.parametrize(
    ("type_", "more", "bad"),
    [
        ("text", {}, 3),
        ("text", {}, "x" * 1001),
        ("text", {"pattern": "[a-z]+"}, "A"),
        ("password", {}, "a\nb"),
        ("long-text", {}, "a\x1b[2J"),
        ("integer", {}, "1.5"),
        ("integer", {}, True),
        ("integer", {"minimum": 3}, 2),
        ("integer", {"maximum": 3}, 4),
        ("boolean", {}, "yes"),
        ("choice", {"choices": [{"value": "a"}]}, "c"),
        ("e-mail", {}, "me"),
        ("e-mail", {}, "me@x y"),
        ("host-name", {}, "-a"),
        ("host-name", {}, "a..b"),
        ("port", {}, 0),
        ("port", {}, 65536),
        ("size", {}, "12 parsecs"),
        ("size", {}, -1),
        ("volume", {}, "../etc"),
        ("container", {}, "DB"),
    ],
)
def test_bad_answers(type_: str, more: dict[str, Any], bad: object) -> None:
    assert messages([question(type_, **more)], {"x": bad}).keys() == {"answers.x"}


@pytest.mark.parametrize("character", INVISIBLE)
def test_no_answer_holds_what_nobody_sees(character: str) -> None:
    assert messages([question("text")], {"x": f"a{character}b"})
    assert messages([question("e-mail")], {"x": f"a{character}b@c"})


def test_all_errors_at_once_and_none_for_what_is_not_asked() -> None:
    asked = [
        question("boolean", default=False).model_copy(update={"name": "on"}),
        question("text").model_copy(update={"name": "first"}),
        Question.validate_as(
            {"name": "second", "type": "integer", "label": "", "visible_if": {"question": "on", "equals": True}}, field=""
        ),
    ]
    assert messages(asked, {"on": True, "second": "x", "third": 1}) == {
        "answers.third": "there is no such question",
        "answers.first": "is required",
        "answers.second": "must be a whole number",
    }
    found = answers.check(asked, {"first": "a", "second": "x"})
    assert (dict(found.values), found.asked) == ({"on": False, "first": "a", "second": ""}, {"on", "first"})


def test_a_password_is_made_up_and_kept_apart() -> None:
    one, other = (answers.check(NOTE.questions, {}) for _ in range(2))
    assert one.secrets != other.secrets
    assert len(one.secrets["password"]) == 24
    assert one.plain == {"text": "hello", "port": 18080}


def test_a_question_that_was_removed_is_no_error_in_an_update() -> None:
    assert answers.check(NOTE.questions, {"gone": 1}, lenient=True).values["text"] == "hello"


def outlined(**given_: Any) -> Outline:
    return outline(NOTE, "blog", answers.check(NOTE.questions, {"password": "hush-hush", **given_}))


def test_an_app_comes_to_containers_volumes_files_and_ports() -> None:
    found = outlined(text="hi")
    db, web = found.specs({"web": Stack(("base", "own"), Defaults.parse({"env": {"A": "1"}, "cwd": "/srv"}))})
    assert (db.name, web.name, web.definition.depends) == ("blog-db", "blog-web", ("blog-db",))
    assert web.definition.env == {"A": "1", "TEXT": "hi"}
    assert (web.definition.layers, web.definition.cwd, web.definition.mounts) == (("base", "own"), "/srv", {"blog-data": "data"})
    note, password = found.files({})
    assert (note.volume, note.path, note.content) == ("blog-data", "note", b"hi in blog with blog-db")
    assert (password.content, password.mode, password.uid) == (b"hush-hush", 0o600, 7)
    assert [(port.port, port.container, port.container_port) for port in found.ports] == [(18080, "blog-web", 80)]
    (step,) = found.steps(manifest.Phase.INSTALL)
    assert (step.container, step.env) == ("blog-db", {"WHO": "blog hush-hush"})


def test_no_secret_gets_into_a_definition() -> None:
    assert "hush-hush" not in str([spec.export() for spec in outlined().specs({"web": Stack(("base",))})])


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=50) | st.just("{{ password }}"))
def test_an_answer_is_never_expanded(text: str) -> None:
    found = outlined(text=text or "x")
    assert found.files({})[0].content.decode() == f"{text or 'x'} in blog with blog-db"
    assert found.specs({"web": Stack(("base",))})[1].definition.env["TEXT"] == (text or "x")


@pytest.mark.parametrize(
    ("quoting", "text", "expected"),
    [
        (Quoting.SHELL, "it's; rm -rf /", """'it'"'"'s; rm -rf /'"""),
        (Quoting.JSON, 'a"\\\n', '"a\\"\\\\\\n"'),
        (Quoting.PHP, "a'); evil(\\", "'a\\'); evil(\\\\'"),
        (Quoting.HTML, "<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
    ],
)
def test_files_quote_in_their_own_language(quoting: Quoting, text: str, expected: str) -> None:
    assert fill("x = {{ x }};", {"x": text}, quoting) == f"x = {expected};"

"""Manifests: read or refused, every error with its line; and where answers may stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import manifest_text
from containers.domain.manifest import Phase
from containers.errors import InvalidRequest
from tests.support.apps import MANIFEST, RECIPE

FILES = {"web.recipe": RECIPE.encode()}


def errors(text: str, **files: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        manifest_text.parse(text.encode(), {**FILES, **files})
    return [(error.field, error.message) for error in caught.value.errors]


def test_a_manifest_is_read() -> None:
    found = manifest_text.parse(MANIFEST.encode(), FILES)
    assert (found.name, found.version, list(found.containers)) == ("note", "1.0", ["db", "web"])
    assert str(found.image_ref("web")) == "app-note-web:1.0"
    assert [step.title for step in found.phase(Phase.INSTALL)] == ["Write who is installed"]


def test_all_errors_come_at_once_with_file_line_and_key() -> None:
    text = MANIFEST.replace('title = "Note"', 'title = "Note"\nauthor = "me"').replace('type = "port"', 'type = "porto"')
    text = text.replace('halt = "SIGKILL"\n\n[containers.web]', 'halt = "SIGNONE"\n\n[containers.web]')
    found = errors(text)
    assert [field for field, _ in found] == [
        "app.toml:5 author",
        "app.toml:21 questions.2.type",
        "app.toml:32 containers.db.halt",
    ]
    assert found[0][1] == "is not a known key"


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ('depends = ["db"]', 'depends = ["sql"]', "containers.web.depends", "there is no container sql"),
        ('image = "web"\nmounts', 'image = "wep"\nmounts', "containers.db.image", "there is no image wep"),
        ("mounts = { data", "mounts = { other", "containers.db.mounts", "there is no volume other"),
        ('recipe = "web.recipe"', 'recipe = "no.recipe"', "images.web.recipe", "there is no file no.recipe"),
        ('question = "port"', 'question = "text"', "ports.0.question", "there is no question text of the type port"),
        ("{{ text }} in", "{{ txt }} in", "files.0", "{{ txt }} is no question of this app"),
        ("{{ text }} in", "{{ text | upper }} in", "files.0.text", "'{{' must begin a placeholder"),
        ('cmd = "/bin/sleep 1000"', 'cmd = "/bin/echo {{ text }}"', "containers.db.cmd", "text can hold any text"),
        ('TEXT = "{{ text }}"', 'TEXT = "{{ password }}"', "containers.web.env.TEXT", "password is a secret"),
        ('"echo $WHO > /data/installed"', '"echo {{ text }}"', "steps.install.0.run", "text can hold any text"),
        ('"echo $WHO > /data/installed"', '"{{ password }}"', "steps.install.0.run", "password is a secret"),
        ('path = "note"', 'path = "../note"', "files.0.path", "must be a relative path"),
        ('path = "note"', 'path = "/etc/passwd"', "files.0.path", "must be a relative path"),
        ('{ data = "data" }', '{ data = "proc/data" }', "containers.db.mounts.data", "must not be /proc"),
        ('version = "1.0"', 'version = "../1"', "version", "must start and end"),
        ('default = "hello"', "default = 3", "questions.0", "default: must be text"),
        ("manifest = 1", "manifest = 2", "manifest", "1"),
        (
            'env = { TEXT = "{{ text }}" }',
            'limits = { memory = "64 GB" }',
            "containers.web.limits.memory",
            "must be a size such as",
        ),
        ('env = { TEXT = "{{ text }}" }', 'limits = { pids = "many" }', "containers.web.limits.pids", "must be a whole number"),
        ('env = { TEXT = "{{ text }}" }', "limits = { pids = [1] }", "containers.web.limits.pids", "must be a whole number"),
        ('env = { TEXT = "{{ text }}" }', "limits = { pids = 1.5 }", "containers.web.limits.pids", "must be a whole number"),
        ('env = { TEXT = "{{ text }}" }', "limits = { cpus = true }", "containers.web.limits.cpus", "must be a number, or a"),
        ('env = { TEXT = "{{ text }}" }', "limits = { cpus = nan }", "containers.web.limits.cpus", "must be a number, or a"),
        ('env = { TEXT = "{{ text }}" }', "limits = { memory = [1] }", "containers.web.limits.memory", "must be a size such as"),
    ],
)
def test_what_is_refused(old: str, new: str, field: str, message: str) -> None:
    assert old in MANIFEST
    text = MANIFEST.replace(old, new, 1)
    ((place, found),) = errors(text)
    assert place.partition(" ")[2] == field
    assert message in found
    # The line has the key, or is the head of the part that it lies in.
    line = text.split("\n")[int(place.split()[0].removeprefix("app.toml:")) - 1]
    assert line.startswith(("[", field.rpartition(".")[2], field.split(".")[-2] if "." in field else "-"))


# Of the shape of one part, each with what refers to that part: {fault: what is said}.
SHAPE = {
    ('type = "port"', 'type = "porto"'): "questions.2.type",
    ('name = "port"', 'name = "Port"'): "questions.2.name",
    ('name = "text"\n', ""): "questions.0.name",
    ('name = "password"', "name = 3"): "questions.1.name",
    ('label = "Password"', ""): "questions.1.label",
    ('label = "Password"', 'label = "Password"\ncolour = "?"'): "questions.1.colour",
    ('default = "hello"', 'default = "hello"\nminimum = "x"'): "questions.0.minimum",
    ("default = 18080", "default = 180800"): "questions.2",
    ('[images.web]\nrecipe = "web.recipe"', "[images.web]\nrecipe = 3"): "images.web.recipe",
    ('[images.web]\nrecipe = "web.recipe"', "[images.web]"): "images.web",
    ('[images.web]\nrecipe = "web.recipe"', "[images]"): "images",
    ('image = "web"\nmounts', "mounts"): "containers.db.image",
    ("[volumes.data]", "[volumes.Data]"): "volumes.Data",
    ("[volumes.data]", "[volumes.data]\nuid = -1"): "volumes.data.uid",
    ("[volumes.data]", "[volumes]\ndata = 3"): "volumes.data",
    ('path = "note"', 'path = "../note"'): "files.0.path",
    ('text = "{{ password }}"', 'text = "{{ Password }}"'): "files.1.text",
    ("port = 80\n", "port = 80000\n"): "ports.0.port",
    ('title = "Say good-bye"', ""): "steps.uninstall.0.title",
    ('run = ["true"]', 'run = "true"'): "steps.uninstall.0.run",
    ('title = "Note"', 'title = "Note"\ncategories = ["A b"]'): "categories.0",
    ('version = "1.0"', 'version = "../1"'): "version",
}
# Between parts: nothing of SHAPE is about what these are about.
BETWEEN = {
    ('depends = ["db"]', 'depends = ["sql"]'): "containers.web.depends",
    (
        'env = { TEXT = "{{ text }}" }',
        'env = { TEXT = "{{ text }}" }\nlimits = { pids = "{{ none }}" }',
    ): "containers.web.limits.pids",
    ('container = "db"\nrun = ["/bin/sh", "-c", "echo 1.0', 'container = "d"\nrun = ["/bin/sh", "-c", "echo 1.0'): (
        "steps.update.0.container"
    ),
    ('title = "Note"', 'title = "Note"\nicon = "none.svg"'): "icon",
}


@pytest.mark.parametrize(("fault", "field"), SHAPE.items())
def test_one_fault_of_the_shape_is_one_error_and_nothing_follows_from_it(fault: tuple[str, str], field: str) -> None:
    assert fault[0] in MANIFEST
    assert [place.partition(" ")[2] for place, _ in errors(MANIFEST.replace(*fault, 1))] == [field]


def pairs() -> list[tuple[tuple[str, str], tuple[str, str]]]:
    return [(shape, between) for shape in SHAPE for between in BETWEEN if not {shape[0], between[0]} >= {'title = "Note"'}]


@pytest.mark.parametrize(("shape", "between"), pairs())
def test_what_is_wrong_between_parts_is_said_beside_a_fault_of_the_shape(
    shape: tuple[str, str], between: tuple[str, str]
) -> None:
    """Before this it came in a second round, when the author thought that he was done."""
    text = MANIFEST.replace(*between, 1).replace(*shape, 1)
    doubted = {"containers.web.limits.pids"} if SHAPE[shape] in UNREADABLE else set()
    expected = {SHAPE[shape], BETWEEN[between]} - doubted
    assert {place.partition(" ")[2] for place, _ in errors(text)} == expected


# Where a question's name cannot be read, nobody can say that {{ none }} is no question's.
UNREADABLE = {"questions.0.name", "questions.1.name", "questions.2.name"}


def test_a_part_with_an_unknown_key_is_judged_as_a_whole() -> None:
    text = MANIFEST.replace("default = 18080", "default = 180800\ncolour = 1", 1)
    assert [message for _, message in errors(text)] == ["default: must be a port from 1 to 65535", "is not a known key"]


def test_a_recipe_is_judged_beside_a_fault_of_the_manifest() -> None:
    found = errors(MANIFEST.replace('version = "1.0"', 'version = "../1"'), **{"web.recipe": b"FROM base\nRUNN x\n"})
    assert [field for field, _ in found] == ["app.toml:3 version", "web.recipe:2"]


def test_very_many_errors_are_cut() -> None:
    keys = "\n".join(f"k{number} = 1" for number in range(300))
    assert len(errors(MANIFEST.replace("manifest = 1", f"manifest = 1\n{keys}"))) == 100


def test_a_recipe_that_copies_what_is_not_there_is_said_with_its_line() -> None:
    """Before this an author was told at the installation, when everything else was made."""
    recipe = b"FROM base\nRUN true\nCOPY start missing /\n"
    ((field, message),) = errors(MANIFEST, **{"web.recipe": recipe, "start": b"x"})
    assert field == "web.recipe:3"
    assert "missing" in message


def test_circles_are_named() -> None:
    text = MANIFEST.replace('[containers.db]\nimage = "web"', '[containers.db]\nimage = "web"\ndepends = ["web"]')
    assert errors(text) == [("app.toml:29 containers.db.depends", "the dependencies go round in a circle: db → web → db")]


def test_a_recipe_has_lines_of_its_own() -> None:
    assert errors(MANIFEST, **{"web.recipe": b"FROM base\nRUNN x\n"})[0][0] == "web.recipe:2"


def test_what_is_no_toml_says_where() -> None:
    assert errors("manifest = 1\nname = \n")[0][0] == "app.toml:2"
    with pytest.raises(InvalidRequest, match="UTF-8"):
        manifest_text.parse(b"\xff", {})


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ('{ question = "port", equals = 1 }', "no question port is asked before it"),
        ('{ question = "text", equals = 1 }', "is never true: text must be text"),
    ],
)
def test_conditions_look_back_at_answers_that_can_be(condition: str, message: str) -> None:
    text = MANIFEST.replace('label = "Password"', f'label = "Password"\nvisible_if = {condition}')
    assert message in str(errors(text))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        manifest_text.parse(data, {})


@given(st.data())
def test_a_manifest_with_any_line_changed_is_read_or_refused(data: st.DataObject) -> None:
    lines = MANIFEST.split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(
        st.sampled_from(["", "x = 1", "[[x]]", "[containers]", 'questions = "x"', "= 1", lines[number] * 2])
    )
    # Anything but a refusal would be a bug's own exception.
    fields: list[str] = []
    try:
        is_read = bool(manifest_text.parse("\n".join(lines).encode(), FILES).containers)
    except InvalidRequest as refusal:
        is_read, fields = False, [error.field for error in refusal.errors]
    assert is_read or fields
    assert all(field.startswith("app.toml") for field in fields)

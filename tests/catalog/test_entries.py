"""Every app that comes with spocweb keeps the rules of docs/catalogue.md; whether they run is asked in tests/stack."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from containers.catalog import apps
from containers.catalog.apps import App
from containers.domain import answers as answering
from containers.domain import build as building
from containers.domain import placeholders, recipe
from containers.domain.bases import BASES
from containers.domain.build import Build
from containers.domain.image import Defaults
from containers.domain.installation import Outline, Stack, outline
from containers.domain.instructions import Copy
from containers.domain.manifest import FilePart
from containers.domain.questions import QuestionType

ENTRIES = Path(apps.__file__).parent / "entries"
# The words for what an app is good for: a filter in the catalogue, so there are few.
CATEGORIES = {"calendar", "database", "monitoring", "office", "publishing", "web"}
SVG = "{http://www.w3.org/2000/svg}"
DRAWING = {f"{SVG}{name}" for name in ("svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon")}

entries = pytest.mark.parametrize("app", [apps.read(folder) for folder in sorted(ENTRIES.iterdir())], ids=lambda app: app.name)


def images(app: App) -> dict[str, Build]:
    """What the app's recipes come to."""
    files = {key: apps.facts(app.recipe_files(key)) for key in app.manifest.images}
    return {key: building.build(recipe.parse(app.recipe(key)), Defaults(), files[key]) for key in app.manifest.images}


def installed(app: App) -> Outline:
    """What it comes to for somebody who gives nothing but a name."""
    return outline(app.manifest, "mine", answering.check(app.manifest.questions, {}))


@entries
def test_a_name_is_enough_to_install_it(app: App) -> None:
    made = installed(app)
    stacks = {key: Stack(("layer",), build.defaults) for key, build in images(app).items()}
    for spec in made.specs(stacks):
        definition = spec.definition
        assert definition.cmd
        assert definition.ready, f"{spec.name} is taken for ready before it is"
        assert definition.halt
    assert made.files(app.files) is not None
    assert all(question.label for question in app.manifest.questions)
    assert set(app.manifest.categories) <= CATEGORIES
    assert app.manifest.about
    assert app.manifest.requirements.memory
    assert app.manifest.requirements.disk


@entries
def test_no_service_is_root_and_each_owns_its_volumes(app: App) -> None:
    defaults = {key: build.defaults for key, build in images(app).items()}
    for key, part in app.manifest.containers.items():
        # Numbers: a name would be known in the built image only, and a preview would show root.
        uid = part.uid or defaults[part.image].uid
        assert uid not in {None, "0", "root"}, f"{key} runs as root"
        for volume in part.mounts:
            assert app.manifest.volumes[volume].uid == uid, f"{key} cannot write into {volume}"


@entries
def test_a_secret_is_read_by_its_service_alone(app: App) -> None:
    secret = {question.name for question in app.manifest.questions if question.is_secret}
    for file in app.manifest.files:
        if secret & set(placeholders.names(text_of(app, file))):
            assert int(file.mode, 8) & 0o377 == 0, f"{file.path} is not read-only for its owner"
            assert file.uid == app.manifest.volumes[file.volume].uid


def text_of(app: App, file: FilePart) -> str:
    return file.text or app.files[file.source or ""].decode()


@entries
def test_recipes_stand_on_a_base_that_is_made_with_them(app: App) -> None:
    for key in app.manifest.images:
        parsed = recipe.parse(app.recipe(key))
        assert set(parsed.parents.parents) <= set(BASES)
        for step in parsed.instructions:
            if isinstance(step, Copy) and step.destination.startswith("/usr/local/bin"):
                facts = apps.facts(app.files)
                assert [source for source in step.sources if not facts[source].is_executable] == []


def test_recipes_on_debian_begin_alike() -> None:
    """Security updates, quick builds, and no daemon that a package starts in the middle of one."""
    texts = [path.read_text() for path in ENTRIES.glob("*/*.recipe")]
    beginnings = Counter(text[text.index("\nFROM") : text.index("\nEND\nRUN")] for text in texts if "FROM debian-13" in text)
    assert len(beginnings) == 1
    (beginning,) = beginnings
    assert "trixie-security" in beginning
    for text in texts:
        if "apt-get install" in text:
            assert "/usr/sbin/policy-rc.d" in text
            assert "apt-get clean\nrm -rf /var/lib/apt/lists/*" in text


@entries
def test_its_scripts_are_scripts(app: App) -> None:
    for path, content in app.files.items():
        if content.startswith(b"#!/bin/sh"):
            subprocess.run(["sh", "-n", "-s"], input=content, check=True, timeout=60)
            assert re.search(rb"^set -eu$|^REDISCLI_AUTH=|^wget ", content, re.MULTILINE), f"{path} goes on after what failed"
        elif content.startswith(b"#!/usr/bin/python3"):
            compile(content, path, "exec")
        elif content.startswith(b"#!/usr/bin/perl"):
            subprocess.run(["perl", "-c"], input=content, check=True, timeout=60, capture_output=True)


@entries
def test_its_icon_is_a_small_drawing_and_nothing_else(app: App) -> None:
    icon = app.icon
    assert icon
    assert len(icon) < 2_048
    assert b"<!" not in icon
    assert b"<?" not in icon
    root = ElementTree.fromstring(icon)  # noqa: S314  it has no declarations: see above
    assert root.get("viewBox") == "0 0 48 48"
    for element in root.iter():
        assert element.tag in DRAWING
        assert not [name for name in element.attrib if name.startswith(("on", "{")) or name in {"href", "style", "class", "id"}]
        assert not (element.text or "").strip()


def test_the_defaults_of_ports_do_not_meet() -> None:
    found = Counter(
        question.default
        for folder in ENTRIES.iterdir()
        for question in apps.read(folder).manifest.questions
        if question.type == QuestionType.PORT
    )
    assert {port: count for port, count in found.items() if count > 1 or port == 8000} == {}


HOSTILE = """it's a "pass\\word"; DROP DATABASE wordpress; -- {{ title }} $(id) `id`"""


def test_a_password_stays_one_value_in_every_file() -> None:
    app = apps.find("wordpress")
    given = {"database_password": HOSTILE, "password": HOSTILE}
    made = outline(app.manifest, "mine", answering.check(app.manifest.questions, given))
    files = {file.path: file.content.decode() for file in made.files(app.files)}
    quoted = '"it\'s a \\"pass\\\\word\\"; DROP DATABASE wordpress; -- {{ title }} $(id) `id`"'
    assert files["init.sql"].splitlines()[2] == f"ALTER USER wordpress@'%' IDENTIFIED BY {quoted};"
    php = "'it\\'s a \"pass\\\\word\"; DROP DATABASE wordpress; -- {{ title }} $(id) `id`'"
    assert files["settings.php"] == f"<?php\nreturn ['database_password' => {php}, 'address' => ''];\n"

"""Secrets at rest. No model need have one for this: a table of a test's own has."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models

from containers.errors import HostError
from containers.models import Event, Job, SealedTextField
from containers.services import vault
from spocweb import env
from tests.support import rows


@pytest.fixture(autouse=True)
def file(settings: Any, tmp_path: Path) -> Path:
    settings.VAULT_FILE = tmp_path / "vault.keys"
    env.secret(settings.VAULT_FILE, env.vault_key)
    return Path(settings.VAULT_FILE)


@pytest.fixture
def secrets(transactional_db: None) -> Iterator[type[Any]]:
    class Secret(models.Model):
        text = SealedTextField(blank=True)

        class Meta:
            app_label = "containers"

        def __str__(self) -> str:
            return "a secret"

    with connection.schema_editor() as editor:
        editor.create_model(Secret)
    yield Secret
    with connection.schema_editor() as editor:
        editor.delete_model(Secret)
    del apps.all_models["containers"]["secret"]
    apps.clear_cache()


@pytest.mark.parametrize("text", ["", "pass", "pä$$\0\n", "x" * 100_000])
def test_what_is_sealed_is_opened(text: str) -> None:
    sealed = vault.seal(text)
    assert sealed.isascii()
    assert vault.open(sealed) == text
    assert vault.seal(text) != sealed
    assert text not in sealed or not text


@pytest.mark.parametrize("wrong", ["", "x", "é", "gAAAAA", "gAAAAABm" + "A" * 100, "\ud800"])
def test_what_is_not_sealed_is_refused(wrong: str) -> None:
    with pytest.raises(HostError, match="cannot be opened"):
        vault.open(wrong)


def test_a_changed_character_is_noticed() -> None:
    sealed = vault.seal("pass")
    changed = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
    with pytest.raises(HostError, match="it was changed"):
        vault.open(changed)


def test_another_key_opens_nothing(file: Path) -> None:
    sealed = vault.seal("pass")
    file.write_text(env.vault_key())
    with pytest.raises(HostError, match="its key is missing"):
        vault.open(sealed)


@pytest.mark.parametrize("content", ["", "short", "é"])
def test_a_broken_file_of_keys_is_named(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(HostError, match=r"vault\.keys"):
        vault.seal("pass")


def test_rotation_seals_anew_and_forgets_the_key_before_the_last(file: Path, secrets: type[Any]) -> None:
    row, empty = secrets.objects.create(text=vault.seal("pass")), secrets.objects.create(text="")
    at_first = row.text
    stdout = io.StringIO()
    call_command("rotatekeys", stdout=stdout)
    row.refresh_from_db()
    empty.refresh_from_db()
    assert "1 secrets are sealed with a new key" in stdout.getvalue()
    assert row.text != at_first
    assert (vault.open(row.text), vault.open(at_first), empty.text) == ("pass", "pass", "")
    call_command("rotatekeys", stdout=stdout)
    row.refresh_from_db()
    assert vault.open(row.text) == "pass"
    with pytest.raises(HostError):
        vault.open(at_first)
    assert len(vault.keys()) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert Event.objects.filter(kind="vault.rotate", data={"sealed": 1}).count() == 2


def test_a_rotation_that_is_broken_off_leaves_everything_readable(secrets: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [secrets.objects.create(text=vault.seal(text)) for text in ("one", "two")]
    update = models.QuerySet.update

    def break_off(self: Any, **values: Any) -> int:
        if self.filter(pk=rows[1].pk).exists():
            raise KeyboardInterrupt
        return update(self, **values)

    with monkeypatch.context() as patch:
        patch.setattr(models.QuerySet, "update", break_off)
        with pytest.raises(KeyboardInterrupt):
            call_command("rotatekeys")
    for row, text in zip(rows, ("one", "two"), strict=True):
        row.refresh_from_db()
        assert vault.open(row.text) == text
    call_command("rotatekeys", stdout=io.StringIO())
    for row in rows:
        row.refresh_from_db()
    assert [vault.open(row.text) for row in rows] == ["one", "two"]


@pytest.mark.django_db
def test_a_job_that_waits_reads_its_answers_after_any_number_of_rotations() -> None:
    def job(state: str, **inputs: str) -> Job:
        return Job.objects.create(host=rows.host(), operation="app-restore", state=state, inputs=inputs)

    waits, ended = job("waiting", file="shop", sealed=vault.seal("pass")), job("succeeded", sealed=vault.seal("pass"))
    before = ended.inputs
    for _ in range(3):
        call_command("rotatekeys", stdout=io.StringIO())
    waits.refresh_from_db()
    ended.refresh_from_db()
    assert vault.open(waits.inputs.pop("sealed")) == "pass"
    assert waits.inputs == {"file": "shop"}
    assert ended.inputs == before

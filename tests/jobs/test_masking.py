"""What is recorded of programs that know secrets."""

from __future__ import annotations

import pytest

from containers.domain.secrecy import MASK
from containers.errors import HostError
from containers.jobs.masking import MaskingRecorder
from containers.jobs.messages import CommandStarted, Mailbox, Noted, Output, StepRecorder
from containers.services import containers as service
from containers.services import installations, known_secrets, vault
from tests.support import rows


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def recorder(mailbox: Mailbox) -> MaskingRecorder:
    return MaskingRecorder(StepRecorder(mailbox, 1), ["hunter22", "of two\nlines12"])


def told(mailbox: Mailbox) -> list[object]:
    messages = mailbox.collect(0)
    texts = {CommandStarted: "argv", Output: "lines", Noted: "text"}
    return [getattr(message, texts[type(message)]) for message in messages if type(message) in texts]


def test_words_lines_and_notes_tell_no_secret(mailbox: Mailbox, recorder: MaskingRecorder) -> None:
    number = recorder.started(["run", "hunter22"])
    recorder.output(number, ["a hunter22", "lines12", "API_TOKEN=unknown1"])
    recorder.note("waits for hunter22")
    assert told(mailbox) == [("run", MASK), (f"a {MASK}", MASK, f"API_TOKEN={MASK}"), f"waits for {MASK}"]


def test_a_key_that_one_program_does_not_end_hides_nothing_of_the_next(mailbox: Mailbox, recorder: MaskingRecorder) -> None:
    recorder.output(recorder.started(["one"]), ["-----BEGIN PRIVATE KEY-----", "b3Blb"])
    recorder.output(recorder.started(["two"]), ["seen"])
    assert told(mailbox) == [("one",), (MASK, MASK), ("two",), ("seen",)]


def test_what_goes_wrong_is_told_without_secrets(recorder: MaskingRecorder) -> None:
    with pytest.raises(HostError) as caught, recorder.telling_none():
        raise HostError("it said hunter22", "and\nhunter22", "Look at it")
    assert (str(caught.value), caught.value.details) == (f"it said {MASK}. Look at it", f"and\n{MASK}")


@pytest.mark.django_db
def test_known_is_what_is_saved_what_runs_and_what_an_app_was_answered() -> None:
    row = rows.container("web", env={"DB_PASSWORD": "of-the-first", "PORT": "30000"})
    type(row).objects.update(applied_revision=1)
    row.refresh_from_db()
    service.update_container(rows.ROOT, row, {"definition": {"layers": ["base"], "env": {"DB_PASSWORD": "of-the-second"}}})
    assert known_secrets.of_name("web") == {"of-the-first", "of-the-second"}
    site = rows.installation("site", secrets=vault.seal('{"password": "of-the-app"}'))
    site.containers.create(key="web", container=row)
    assert installations.opened({}, site.secrets) == {"password": "of-the-app"}
    assert known_secrets.of_name("web") == {"of-the-first", "of-the-second", "of-the-app"}
    # What cannot be opened any more stands in nobody's way.
    type(site).objects.update(secrets="nothing that was sealed")
    assert known_secrets.of_name("web") == {"of-the-first", "of-the-second"}

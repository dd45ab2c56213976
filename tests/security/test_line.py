"""The privilege line, attack by attack: refused and recorded; and without its guard it works, so that is what stops it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from containers.jobs import runner
from containers.models import Event
from tests.security import attacks, sign_in_attacks
from tests.security.attacks import Attack, World
from tests.support import rows
from tests.support.audit import keeper_below

ATTACKS = (*attacks.ATTACKS, *sign_in_attacks.ATTACKS)
SECURITY = Path(__file__).parents[2] / "SECURITY.md"


@pytest.fixture
def world(redis_server: redis.Redis, db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    (django_settings.RUN_DIR / "locks").mkdir(mode=0o700, parents=True, exist_ok=True)
    operator = rows.user("operator", "operate_container", "open_terminal")
    made = World(redis_server, tmp_path, keeper_below(tmp_path), operator, rows.user("stranger"))
    # What gets through is not done to this machine.
    monkeypatch.setattr(runner, "HANDLERS", {name: made.probe() for name in runner.HANDLERS})
    return made


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused_and_works_without_its_guard(attack: Attack, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Event.objects.filter(kind=attack.kind).count()
    assert not attack.run(world)
    assert not attack.kind or Event.objects.filter(kind=attack.kind).count() > before
    attack.off(world, monkeypatch)
    assert attack.run(world)


def test_the_threat_model_names_every_attack_and_no_other() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", SECURITY.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(attack.name for attack in ATTACKS)


def test_what_root_runs_can_be_run(world: World) -> None:
    """The probe is reached by what is allowed: refusals above are not for another reason."""
    assert world.does(world.job())

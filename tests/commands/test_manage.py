"""What the command line answers where the database is not what it needs: a line that says what to do, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parents[2]


def test_no_command_spends_time_on_checks_of_the_code() -> None:
    names = [name for name, app in get_commands().items() if app == "containers" and name != "makemessages"]
    assert len(names) > 20
    assert [name for name in names if load_command_class("containers", name).requires_system_checks] == []


def refused(data_dir: Path, *argv: str, **variables: str) -> str:
    """Run a management command that ends with 1; return what it says about that."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPOCWEB_")}
    places = {f"SPOCWEB_{name}_DIR": str(data_dir / name.lower()) for name in ("DATA", "LOG", "RUN")}
    env = kept | places | variables | {"PYTHONWARNINGS": "ignore", "DJANGO_SETTINGS_MODULE": "spocweb.settings"}
    done = subprocess.run([sys.executable, "-m", "manage", *argv], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 1, done
    return done.stderr


def make_places(base: Path) -> None:
    for name in ("data/db", "data/keys", "data/repository", "data/uploads", "run/locks"):
        (base / name).mkdir(parents=True)


def test_a_database_that_was_never_prepared(tmp_path: Path) -> None:
    make_places(tmp_path)

    said = refused(tmp_path, "audit", "verify")

    assert said.startswith("spocweb: The database: no such table: containers_event\n")
    assert "make run" in said
    assert "Traceback" not in said


def test_one_role_for_both_sides_is_refused_with_nothing_made(tmp_path: Path) -> None:
    url = f"postgres://spocweb_web@/spocweb?host={tmp_path}"

    said = refused(
        tmp_path, "prepare", SPOCWEB_DATABASE_URL=url, SPOCWEB_DATABASE_OWNER="spocweb_owner", SPOCWEB_BRIDGE="spoctestroles"
    )

    assert "both connect as 'spocweb_web'" in said
    assert "keys/database.url" in said
    assert not (tmp_path / "data/layers").exists()


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    make_places(tmp_path)
    url = f"postgres://spocweb_web@/spocweb?host={tmp_path}"

    said = refused(tmp_path, "tokens", "list", SPOCWEB_DATABASE_URL=url)

    assert said.startswith("spocweb: The database: connection ")
    assert "Traceback" not in said

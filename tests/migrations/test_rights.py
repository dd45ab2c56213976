"""What was given before there were roles: the migration turns it into roles and rights, and means the same."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

# Who has which of Django's permissions, and the rights that he has to have afterwards.
BEFORE = {
    "anna": ("view_container",),
    "bob": ("operate_container", "open_terminal"),
    "carl": ("open_terminal",),
    "dora": (),
}
OF_A_GROUP = ("night shift", ("operate_container", "open_terminal"))
OPERATOR = {"view", "operate", "edit", "execute", "destroy", "install", "images"}
AFTER = {
    "anna": {"view"},
    "bob": {*OPERATOR, "terminal"},
    "carl": {"terminal"},
    "dora": {*OPERATOR, "terminal"},
}
HELD = """
    SELECT u.username, g.right FROM containers_grant g JOIN auth_user u ON u.id = g.user_id
    UNION SELECT u.username, g.right FROM containers_grant g
    JOIN auth_user_groups m ON m.group_id = g.group_id JOIN auth_user u ON u.id = m.user_id
"""


class Panel:
    """A database of its own, of the version before."""

    def __init__(self, base: Path) -> None:
        for name in ("data/db", "data/uploads", "data/repository", "log", "run"):
            (base / name).mkdir(parents=True)
        own = {f"SPOCWEB_{name}_DIR": str(base / name.lower()) for name in ("DATA", "LOG", "RUN")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPOCWEB_")}
        self.environment = {**kept, **own, "DJANGO_SETTINGS_MODULE": "spocweb.settings"}
        self.file = base / "data/db/spocweb.sqlite3"

    def migrate(self, *to: str) -> None:
        argv = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity", "0", *to]
        subprocess.run(argv, cwd=settings.BASE_DIR, env=self.environment, check=True)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as database, database:
            return database.execute(query, values).fetchall()

    def number(self, query: str, *values: object) -> object:
        return self.rows(query, *values)[0][0]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """Migrated from the state before, with people in it."""
    panel = Panel(tmp_path_factory.mktemp("before"))
    panel.migrate("auth")
    panel.migrate("containers", "0016_app_removals")
    group, of_group = OF_A_GROUP
    panel.rows("INSERT INTO auth_group (name) VALUES (?)", group)
    give(panel, "auth_group_permissions", "group_id", "auth_group", "name", group, of_group)
    for name, permissions in BEFORE.items():
        panel.rows(
            "INSERT INTO auth_user"
            " (username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined)"
            " VALUES (?, '', 0, 0, 1, '', '', '', '2026-01-01')",
            name,
        )
        give(panel, "auth_user_user_permissions", "user_id", "auth_user", "username", name, permissions)
    panel.rows(
        "INSERT INTO auth_user_groups (user_id, group_id) SELECT u.id, g.id FROM auth_user u, auth_group g"
        " WHERE u.username = 'dora' AND g.name = ?",
        group,
    )
    panel.rows(
        "INSERT INTO containers_apitoken (digest, user_id, created_at) SELECT 'd', id, '2026-01-01' FROM auth_user LIMIT 1"
    )
    panel.migrate()
    return panel


def give(panel: Panel, table: str, key: str, holders: str, column: str, name: str, permissions: tuple[str, ...]) -> None:
    for permission in permissions:
        panel.rows(
            f"INSERT INTO {table} ({key}, permission_id) SELECT h.id, p.id FROM {holders} h, auth_permission p"  # noqa: S608
            f" WHERE h.{column} = ? AND p.codename = ?",
            name,
            permission,
        )


def test_everybody_may_what_he_might(panel: Panel) -> None:
    held: dict[object, set[object]] = {}
    for name, right in panel.rows(HELD):
        held.setdefault(name, set()).add(right)
    assert held == AFTER


def test_what_is_taken_away_there_is_gone(panel: Panel) -> None:
    left = "FROM {} x JOIN auth_permission p ON p.id = x.permission_id JOIN django_content_type t ON t.id = p.content_type_id"
    for table in ("auth_user_user_permissions", "auth_group_permissions"):
        assert panel.number(f"SELECT count(*) {left.format(table)} WHERE t.app_label = 'containers'") == 0  # noqa: S608


def test_people_are_in_roles_and_terminals_are_given_in_person(panel: Panel) -> None:
    roles = panel.rows(
        "SELECT u.username, g.name FROM auth_user_groups m JOIN auth_user u ON u.id = m.user_id"
        " JOIN auth_group g ON g.id = m.group_id ORDER BY 1, 2"
    )
    assert roles == [("anna", "Viewer"), ("bob", "Operator"), ("dora", "night shift")]
    in_person = panel.rows("SELECT u.username, g.right FROM containers_grant g JOIN auth_user u ON u.id = g.user_id ORDER BY 1")
    assert in_person == [("bob", "terminal"), ("carl", "terminal")]


def test_a_token_of_before_is_good_for_all_that_its_owner_may(panel: Panel) -> None:
    found = panel.rows("SELECT scope, addresses, expires_at, name, made_with_id FROM containers_apitoken")
    assert found == [("[]", "[]", None, "", None)]

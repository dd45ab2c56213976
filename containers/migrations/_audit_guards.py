"""What the database itself refuses to do to the audit trail.

SQLite drops a table's triggers with the table, which it makes anew for many a change of its form: a migration that
changes `Event` ends with `migrations.RunPython(_audit_guards.install, _audit_guards.remove)`.
"""

from __future__ import annotations

SQLITE = (
    """
    CREATE TRIGGER event_no_update BEFORE UPDATE ON containers_event
    BEGIN SELECT RAISE(ABORT, 'an event of the audit trail is never changed'); END
    """,
    # Gaps do not overlap: the next one after an event covers it, or none does.
    """
    CREATE TRIGGER event_no_delete BEFORE DELETE ON containers_event
    WHEN OLD.id < coalesce((SELECT first FROM containers_eventgap WHERE last >= OLD.id ORDER BY last LIMIT 1), OLD.id + 1)
    BEGIN SELECT RAISE(ABORT, 'an event of the audit trail is removed by retention alone'); END
    """,
    # REPLACE deletes without asking the trigger above.
    """
    CREATE TRIGGER event_no_replace BEFORE INSERT ON containers_event
    WHEN EXISTS (SELECT 1 FROM containers_event WHERE id = NEW.id OR previous = NEW.previous)
    BEGIN SELECT RAISE(ABORT, 'an event of the audit trail is never replaced'); END
    """,
)

POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION spocweb_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN
        IF OLD.id >= coalesce((SELECT first FROM containers_eventgap WHERE last >= OLD.id ORDER BY last LIMIT 1), OLD.id + 1)
        THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'an event of the audit trail is removed by retention alone';
      END IF;
      RAISE EXCEPTION 'an event of the audit trail is never changed';
    END $$
    """,
    """
    CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON containers_event
    FOR EACH ROW EXECUTE FUNCTION spocweb_event_guard()
    """,
    """
    CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON containers_event
    FOR EACH STATEMENT EXECUTE FUNCTION spocweb_event_guard()
    """,
)

NAMES = {
    "sqlite": ("event_no_update", "event_no_delete", "event_no_replace"),
    "postgresql": ("event_no_change", "event_no_truncate"),
}


def install(apps, schema_editor):
    """Make the triggers, anew where they are there already."""
    remove(apps, schema_editor)
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def remove(apps, schema_editor):
    """Take the triggers away."""
    vendor = schema_editor.connection.vendor
    for name in NAMES[vendor]:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}" + (" ON containers_event" if vendor == "postgresql" else ""))

"""Makes what a panel needs before its processes start: directories, database, the first administrator."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, connections

from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host import directories, files, idmap, redis_users, stack, system
from containers.host.command import Runner
from containers.management.owning import as_owner
from containers.management.unchecked import UncheckedCommand
from containers.services import bootstrap, grants

WELCOME = """
  Sign in as   {user}
  Password     {password}

  The password is shown this once; `make manage ARGS="changepassword {user}"` sets another.
"""


class Command(UncheckedCommand):
    help = "Prepares directories, database and first administrator; safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        try:
            self.take_place()
            self.prepare()
        except OSError as error:
            raise HostError(f"{error.filename or 'The host'}: {error.strerror}") from error
        except DatabaseError as error:
            raise HostError(f"The database: {str(error).strip()}") from error

    def take_place(self) -> None:
        """Refuse where the panel cannot run, with nothing half-made."""
        stack.require_root()
        stack.require_lxc()
        _, self.gid = stack.ids(settings.WEB_USER)
        stack.lock([settings.DATA_DIR / "stack.lock", settings.RUN_DIR / "stack.lock", bridge_lock()])
        stack.check_bind(settings.BIND)
        if settings.DATABASE_OWNER:
            grants.require_two(settings.WEB_DATABASE_ROLE, settings.DATABASES["default"].get("USER", ""))

    def prepare(self) -> None:
        directories.ensure_layout(layout(), web_gid=self.gid, idmap_base=settings.IDMAP_BASE)
        idmap.ensure(settings.IDMAP_BASE, settings.IDMAP_SIZE, Runner())
        stack.share_file(settings.DATA_DIR / "secret.key", gid=self.gid)
        stack.share_file(settings.VAULT_FILE, gid=self.gid)
        if settings.HAS_PRIVATE_REDIS:
            self.prepare_redis()
        self.prepare_database()

    def prepare_redis(self) -> None:
        """Make the server's own directory, and its users before it starts."""
        uid, _ = stack.ids(settings.REDIS_USER)
        files.make_directory(settings.PRIVATE_REDIS_SOCKET.parent, mode=0o750, uid=uid, gid=self.gid)
        redis_users.ensure(settings.REDIS_USERS_DIR, queue=settings.QUEUE, gid=self.gid)

    def prepare_database(self) -> None:
        self.ensure_database()
        if sqlite_file():
            # Kept in the file: asking for it at every connection would cost each job a millisecond.
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        self.migrate()
        found = system.look(Runner())
        bootstrap.register_host(
            system=found.name, lxc_version=found.lxc_version, cgroup2=found.has_cgroup2, apparmor=found.has_apparmor
        )
        if password := bootstrap.create_first_administrator():
            self.stdout.write(WELCOME.format(user=bootstrap.ADMINISTRATOR, password=password))
            self.stdout.flush()
        connections.close_all()
        # The last connection, root's, has removed what the web process must not make.
        self.ensure_database()

    def migrate(self) -> None:
        """Bring the tables to the form that the code expects; where they have an owner, each side gets what it may."""
        with as_owner():
            call_command("migrate", interactive=False, verbosity=0)
        if settings.DATABASE_OWNER:
            call_command("grants", apply=True)

    def ensure_database(self) -> None:
        if database := sqlite_file():
            stack.ensure_database(database, gid=self.gid)


def layout() -> Layout:
    return Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)


def bridge_lock() -> Path:
    return Path("/run") / f"spocweb-{settings.BRIDGE}.lock"


def sqlite_file() -> Path | None:
    database = settings.DATABASES["default"]
    return Path(database["NAME"]) if database["ENGINE"] == "django.db.backends.sqlite3" else None

"""A PostgreSQL of the tests' own: in a directory of its own, on a socket of its own, with the roles that the README says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support.waiting import wait_until

NOBODY = 65534
CODE = Path(__file__).parents[2]
# As README.md says it.
ROLES = """
CREATE ROLE spocweb_owner NOLOGIN;
CREATE ROLE spocweb_root LOGIN NOINHERIT IN ROLE spocweb_owner;
CREATE ROLE spocweb_web LOGIN;
ALTER DATABASE spocweb OWNER TO spocweb_owner;
ALTER SCHEMA public OWNER TO spocweb_owner;
"""


@dataclass(frozen=True)
class Database:
    directory: Path

    def url(self, role: str, name: str = "spocweb") -> str:
        return f"postgres://{role}@/{name}?host={self.directory}"

    def connect(self, role: str, name: str = "spocweb") -> psycopg.Connection:
        return psycopg.connect(user=role, dbname=name, host=str(self.directory), autocommit=True)

    def manage(self, role: str, *argv: str, code: str = "") -> str:
        """Run a management command as root's processes do, or as the web process does; return what it prints."""
        for name in ("data/keys", "data/uploads", "data/repository", "run/locks"):
            (self.directory / name).mkdir(mode=0o711, parents=True, exist_ok=True)
        own = self.directory / "data/keys/database.url"
        own.touch(mode=0o600)
        own.write_text(self.url(role))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPOCWEB_")}
        env = kept | {
            "SPOCWEB_DATABASE_URL": self.url("spocweb_web"),
            "SPOCWEB_DATABASE_OWNER": "spocweb_owner",
            **{f"SPOCWEB_{kind}_DIR": str(self.directory / kind.lower()) for kind in ("DATA", "LOG", "RUN")},
            "SPOCWEB_HOST": "here",
            "PYTHONWARNINGS": "ignore",
        }
        argv = argv or ("shell", "--no-imports", "-c", code)
        done = subprocess.run([sys.executable, "-m", "manage", *argv], cwd=CODE, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def running() -> Iterator[Database]:
    directory = Path(tempfile.mkdtemp(prefix="spocweb-pg-"))
    directory.chmod(0o755)
    store = directory / "store"
    store.mkdir(mode=0o700)
    for path in (directory, store):
        os.chown(path, NOBODY, NOBODY)
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    _as_nobody(programs / "initdb", "-D", store, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8").wait()
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={directory}", "-c", "fsync=off"]
    server = _as_nobody(programs / "postgres", "-D", store, *options)
    try:
        wait_until(lambda: _answers(Database(directory)), "PostgreSQL answers")
        yield _furnished(Database(directory))
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(directory)


def _furnished(database: Database) -> Database:
    with database.connect("postgres", "postgres") as connection:
        connection.execute("CREATE DATABASE spocweb")
    with database.connect("postgres") as connection:
        connection.execute(ROLES)
    return database


def _answers(database: Database) -> bool:
    try:
        database.connect("postgres", "postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _as_nobody(*argv: object) -> subprocess.Popen[bytes]:
    # SIGINT would wait for nobody; SIGTERM is for who is connected to go first.
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT", *map(str, argv)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

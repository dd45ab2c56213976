"""The users of the private Redis: root, and the web process, which may ring the bell and tell news, and nothing else.

Rules and their file are Redis's own (redis.io: ACL). They keep whoever has taken over the web process from taking over the
server, emptying it or reading what others put there; what an entry may do to root is the gate's to say, not theirs.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

from containers.host import files

ROOT: Final = "root"
WEB: Final = "web"
RULES_FILE: Final = "users.acl"
# What rq does to put an entry into a queue, what publishes and receives news, and what opens a connection.
WEB_COMMANDS: Final = (
    "auth client|setname exec expire hello hset info multi persist ping publish rpush sadd select subscribe unsubscribe"
)


def ensure(directory: Path, *, queue: str, gid: int) -> None:
    """Make a password for each user, where there is none yet, and the file of rules that Redis reads at its start.

    The group reads the web process' password; root's is root's. They are kept while the directory is: a job that outlives
    its panel goes on speaking to the next one's Redis.
    """
    files.make_directory(directory, mode=0o750, gid=gid)
    passwords = {ROOT: _password(directory / ROOT, gid=0, mode=0o400), WEB: _password(directory / WEB, gid=gid, mode=0o440)}
    files.replace(directory / RULES_FILE, rules(passwords, queue).encode(), mode=0o440, gid=gid)


def rules(passwords: dict[str, str], queue: str) -> str:
    """Return the text of the file; passwords as their SHA-256, which is enough for what is long and random."""
    digests = {name: hashlib.sha256(password.encode()).hexdigest() for name, password in passwords.items()}
    commands = " ".join(f"+{command}" for command in WEB_COMMANDS.split())
    return (
        "user default off resetpass resetkeys resetchannels -@all\n"
        f"user {ROOT} on #{digests[ROOT]} ~* &* +@all\n"
        f"user {WEB} on #{digests[WEB]} ~rq:queues ~rq:queue:{queue} ~rq:job:* resetchannels &{queue}:events -@all {commands}\n"
    )


def _password(file: Path, *, gid: int, mode: int) -> str:
    if not file.exists():
        files.replace(file, secrets.token_urlsafe(32).encode(), mode=mode, gid=gid)
    return file.read_text()

"""Typed readers for the environment: a wrong value stops the start with one clear line."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

# These paths stand in LXC configuration, in overlay options and behind `sh -c` in hooks: nothing that any
# of those gives a meaning to.
SAFE_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
# Linux allows 15 characters in an interface name (IFNAMSIZ - 1).
SAFE_INTERFACE = re.compile(r"[a-z][a-z0-9_.-]{0,14}")
SAFE_PROXY = re.compile(r"http://([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\]):[0-9]{1,5}/?")
# Plain HTTP to this machine alone, where nobody is on the way: for tests, and for a provider beside the panel.
SAFE_ISSUER = re.compile(
    r"(https://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]{1,5})?|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?)(/[A-Za-z0-9._~/-]*)?"
)
SAFE_NO_PROXY = re.compile(r"[A-Za-z0-9.,:*/\[\]_-]+")
SAFE_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")


def text(name: str, default: str) -> str:
    return os.environ.get(name) or default


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, "1" if default else "0").lower()
    if value not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise ImproperlyConfigured(f"{name}={value!r}: expected 1 or 0")
    return value in {"1", "true", "yes", "on"}


def integer(name: str, default: int, *, low: int, high: int) -> int:
    value = text(name, str(default))
    if not re.fullmatch(r"\d{1,10}", value, re.ASCII) or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name}={value!r}: expected a whole number from {low} to {high}")
    return int(value)


def path(name: str, default: str) -> Path:
    value = text(name, default)
    if not SAFE_PATH.fullmatch(value):
        raise ImproperlyConfigured(f"{name}={value!r}: expected an absolute path of letters, digits, '.', '_', '-'")
    return Path(value)


def paths(name: str, default: str) -> tuple[Path, ...]:
    values = [value for value in text(name, default).split(":") if value]
    for value in values:
        if not value.startswith("/"):
            raise ImproperlyConfigured(f"{name}: {value!r} is not an absolute path")
    return tuple(Path(value) for value in values)


def interface(name: str, default: str) -> str:
    value = text(name, default)
    if not SAFE_INTERFACE.fullmatch(value):
        raise ImproperlyConfigured(f"{name}={value!r}: expected an interface name of at most 15 characters")
    return value


def subnet(name: str, default: str) -> ipaddress.IPv4Network:
    value = text(name, default)
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r}: {error}") from error
    if network.prefixlen > 30:
        raise ImproperlyConfigured(f"{name}={value!r}: too small, it needs an address for the host and one more")
    return network


def bind(name: str, default: str) -> str:
    value = text(name, default)
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ImproperlyConfigured(f"{name}={value!r}: expected ADDRESS:PORT")
    return value


def proxy(name: str) -> str:
    """Read the address of a proxy; none if nothing is said. A password in it would be seen by the web process."""
    value = text(name, "")
    if value and not SAFE_PROXY.fullmatch(value):
        raise ImproperlyConfigured(f"{name}: expected http://HOST:PORT, without a user name and password")
    return value.rstrip("/")


def no_proxy(name: str) -> str:
    value = text(name, "")
    if value and not SAFE_NO_PROXY.fullmatch(value):
        raise ImproperlyConfigured(f"{name}={value!r}: expected names and addresses, separated by commas")
    return value


def networks(name: str, default: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Read addresses and networks, separated by commas."""
    values = [value.strip() for value in text(name, default).split(",") if value.strip()]
    try:
        return tuple(ipaddress.ip_network(value) for value in values)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


@dataclass(frozen=True)
class IdentityProvider:
    """Where people may sign in instead of here, by OpenID Connect."""

    issuer: str
    client_id: str
    secret: str
    name: str


def identity_provider(prefix: str) -> IdentityProvider | None:
    """Read PREFIX_ISSUER and what belongs to it; None where no issuer is named. The secret comes from a file."""
    issuer = text(f"{prefix}_ISSUER", "").rstrip("/")
    if not issuer:
        return None
    found = SAFE_ISSUER.fullmatch(issuer)
    if found is None:
        raise ImproperlyConfigured(f"{prefix}_ISSUER={issuer!r}: expected https://HOST, with a path if it has one")
    client, file = text(f"{prefix}_CLIENT_ID", ""), text(f"{prefix}_SECRET_FILE", "")
    if not client or not file:
        raise ImproperlyConfigured(f"{prefix}_CLIENT_ID and {prefix}_SECRET_FILE are needed with {prefix}_ISSUER")
    try:
        secret = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{prefix}_SECRET_FILE={file!r} cannot be read: {error}") from error
    if not secret:
        raise ImproperlyConfigured(f"{prefix}_SECRET_FILE={file!r} is empty")
    return IdentityProvider(issuer, client, secret, text(f"{prefix}_NAME", found["host"] or "localhost"))


def syslog(name: str) -> str | tuple[str, int] | None:
    """Return where a syslog daemon listens: its socket, or host and port."""
    value = text(name, "")
    if not value or value.startswith("/"):
        return value or None
    host, _, port = value.rpartition(":")
    if not SAFE_HOST.fullmatch(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ImproperlyConfigured(f"{name}={value!r}: expected the path of a socket, or HOST:PORT")
    return host, int(port)


def host_name(name: str, default: str) -> str:
    value = text(name, default)
    if not SAFE_HOST.fullmatch(value):
        raise ImproperlyConfigured(f"{name}={value!r}: expected a host name")
    return value


def for_root(file: Path) -> str:
    """Return what a file says to root's processes; nothing where it is not there, or to others. It is to be root's alone."""
    if os.geteuid() != 0:
        return ""
    try:
        with file.open() as stream:
            status = os.fstat(stream.fileno())
            content = stream.read().strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{file} cannot be read: {error}") from error
    if status.st_uid != 0 or status.st_mode & 0o077:
        raise ImproperlyConfigured(f"{file} can be read by others than root: chown root: {file} && chmod 600 {file}")
    return content


def redis_user(directory: Path, names: tuple[str, ...]) -> str:
    """Return `NAME:PASSWORD@` of the first of these users of Redis whose password file this process may read; nothing
    where none was made."""
    for name in names:
        with suppress(FileNotFoundError, PermissionError):
            return f"{name}:{(directory / name).read_text()}@"
    return ""


def secret(file: Path, make: Callable[[], str]) -> str:
    """Read a secret; root makes it when it is not there yet, nobody else does."""
    try:
        return file.read_text()
    except FileNotFoundError:
        if os.geteuid() != 0:
            raise ImproperlyConfigured(f"{file} is missing: run `make run` once as root") from None
    except OSError as error:
        raise ImproperlyConfigured(f"{file} cannot be read: {error.strerror}") from error
    try:
        return _make_secret(file, make())
    except OSError as error:
        raise ImproperlyConfigured(f"{error.filename or file} cannot be made: {error.strerror}") from error


def secret_key() -> str:
    """Return a new key as Django signs with."""
    return secrets.token_urlsafe(48)


def vault_key() -> str:
    """Return a new key as Fernet takes it: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _make_secret(file: Path, content: str) -> str:
    file.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
    try:
        # link, not rename: of two processes that start together, both must end up with one key.
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()
    return file.read_text()

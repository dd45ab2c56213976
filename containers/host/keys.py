"""The host's signing key: made by root when it is first needed, read by root alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain import signature
from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host import files

# PKCS #8 in PEM, as openssl(1) writes and reads it.
_NAME: Final = "signing.pem"
PUBLIC_NAME: Final = "key.pub"


def ensure_signing_key(layout: Layout) -> Ed25519PrivateKey:
    """Return the key, which is made if there is none; its public half is written into the repository for all to read.

    Two at once make one. Raises HostError if the file is none, is open to others, or belongs to somebody else.
    """
    path = layout.keys / _NAME
    if not path.exists():
        _make(path)
    key = _read(path)
    public = (signature.public_key_of(key) + "\n").encode()
    target = layout.repository / PUBLIC_NAME
    if not target.exists() or target.read_bytes() != public:
        files.replace(target, public, mode=0o640, gid=layout.repository.stat().st_gid)
    return key


def _make(path: Path) -> None:
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    files.replace(temporary, content, mode=0o600)
    try:
        # Unlike a rename this does not take the place of one that another process has made meanwhile.
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def _read(path: Path) -> Ed25519PrivateKey:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if status.st_uid != 0 or status.st_mode & 0o077:
            raise HostError(f"{path} is not root's alone: whoever can read it can sign as this host")
        try:
            key = serialization.load_pem_private_key(stream.read(), password=None)
        except (ValueError, TypeError) as error:
            raise HostError(f"{path} is not a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise HostError(f"{path} is not an Ed25519 key")
    return key

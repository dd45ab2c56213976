"""What stands at the end of a backup: the SHA-256 of all that is before it, signed by the host that made it.

    index.json   {"index": 1, "members": {"backup.json": {"size": …, "sha256": …}, …}}
    index.sig    what `domain.signature` makes of it

A backup has nothing besides: where the members lie and every byte between them follow from the index, so no byte can be changed
without being noticed. Whoever changes more than a byte needs a key; which one it was is said.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain import signature
from containers.domain.backup import MAX_INDEX, BackupIndex, Sum
from containers.errors import Untrusted
from containers.host import pack

INDEX: Final = "index.json"
SIGNATURE: Final = "index.sig"

_CHUNK: Final = 1 << 20
_END: Final = 2 * tarfile.BLOCKSIZE
_DAMAGED: Final = "It was damaged on its way, or changed by somebody. Take another backup: nothing was made of this one."


@dataclass(frozen=True)
class Member:
    """One file within a backup, in bytes. `sha256` is what the index says; empty where the backup has none."""

    offset: int
    size: int
    sha256: str = ""


Look = Callable[[int], None]


def append(stream: BinaryIO, members: Mapping[str, Member], key: Ed25519PrivateKey, look: Look) -> None:
    """Write the sums of what was written, the signature, and the end of the tar file. `look` is told how much was read."""
    sums = {name: Sum(size=member.size, sha256=digest(stream.fileno(), member, look)) for name, member in members.items()}
    content = BackupIndex(index=1, members=sums).export()
    signed = signature.sign(key, signature.BACKUP, content)
    stream.seek(0, os.SEEK_END)
    stream.write(entry(INDEX, content) + entry(SIGNATURE, signed) + bytes(_END))


def entry(name: str, content: bytes) -> bytes:
    """Return a small file as it stands in a backup."""
    return pack.header(name, len(content)) + content + padding(len(content))


def padding(size: int) -> bytes:
    """Return what fills the last block of a file of so many bytes."""
    return bytes(-size % tarfile.BLOCKSIZE)


def digest(file: int, member: Member, look: Look) -> str:
    """Return the SHA-256 of a member as it is."""
    found = hashlib.sha256()
    offset, left = member.offset, member.size
    while left and (data := os.pread(file, min(left, _CHUNK), offset)):
        found.update(data)
        offset, left = offset + len(data), left - len(data)
        look(len(data))
    return found.hexdigest()


def judge(file: int, members: Mapping[str, Member]) -> tuple[dict[str, Member], str]:
    """Check all of a backup but its members' content: the signature, the order, every byte between the members.

    Returns the members with the sums that they must have, and the key that has signed. Raises Untrusted.
    """
    if list(members)[-2:] != [INDEX, SIGNATURE]:
        raise _changed(f"it does not end with {INDEX} and {SIGNATURE}")
    content = _read(file, members[INDEX], MAX_INDEX)
    signed = _read(file, members[SIGNATURE], signature.MAX_SIGNATURE_BYTES)
    key = signature.key_of(signed, what="The backup")
    signature.verify(key, signature.BACKUP, content, signed, what="The backup")
    sums = BackupIndex.parse(content).members
    if list(sums) != list(members)[:-2]:
        raise _changed(f"it does not hold what its {INDEX} names")
    end = _check_frame(file, members, sums)
    _check_end(file, end, entry(INDEX, content) + entry(SIGNATURE, signed) + bytes(_END))
    return {name: Member(members[name].offset, found.size, found.sha256) for name, found in sums.items()}, key


def verify(file: int, name: str, member: Member, look: Look) -> None:
    """Check the content of a member. Raises Untrusted."""
    if digest(file, member, look) != member.sha256:
        raise _changed(f"the SHA-256 of {name} is not {member.sha256}")


def _read(file: int, member: Member, most: int) -> bytes:
    return os.pread(file, min(member.size, most + 1), member.offset)


def _check_frame(file: int, members: Mapping[str, Member], sums: Mapping[str, Sum]) -> int:
    """Check what is around the members; return where the last one ends."""
    at = 0
    for name, found in sums.items():
        begin, end = at + tarfile.BLOCKSIZE, at + tarfile.BLOCKSIZE + found.size
        filled = padding(found.size)
        is_right = members[name].offset == begin and os.pread(file, tarfile.BLOCKSIZE, at) == pack.header(name, found.size)
        if not is_right or os.pread(file, len(filled), end) != filled:
            raise _changed(f"what is around {name} is not what was written")
        at = end + len(filled)
    return at


def _check_end(file: int, at: int, expected: bytes) -> None:
    if os.pread(file, len(expected) + 1, at) != expected:
        raise _changed("its end is not what was written")


def _changed(reason: str) -> Untrusted:
    return Untrusted(f"The backup is not what was written: {reason}", resolution=_DAMAGED)

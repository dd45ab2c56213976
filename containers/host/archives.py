"""Writing an image as one file: an OCI image archive (OCI image-spec, image-layout.md) that says who made it.

The same image gives the same bytes: nothing in it is a time, an owner or a path of this host. Layers come first, because what
names them can only be written when they are known; who reads it goes by names, as in any tar archive.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import posixpath
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain import amounts, oci, oci_config, signature
from containers.domain.entries import LayerEntry
from containers.domain.image import Defaults, ImageRef
from containers.domain.layout import Layout
from containers.domain.oci import Descriptor, Platform
from containers.errors import CommandFailed, CommandTimeout, HostError, Untrusted
from containers.host import pack
from containers.host.command import Runner
from containers.host.layers import ENVIRONMENT, PROGRAM
from containers.host.notes import Notes

# Beside the index of the archive: what `domain.signature` makes of it.
SIGNATURE: Final = "spocweb.sig"
TIMEOUT_S: Final = 6 * 3600

_ZSTD: Final = f"{oci.LAYER}+zstd"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Content:
    """What is written: `layers` are names, the lowest first."""

    ref: ImageRef
    layers: Sequence[str]
    defaults: Defaults


@dataclass(frozen=True)
class Written:
    """What the file turned out to be."""

    layers: tuple[LayerEntry, ...]
    size: int
    sha256: str


def verify(file: Path, key: str) -> None:
    """Check that `key` signed the image in an archive. Raises Untrusted, also where no signature is in it."""
    found = _members(file, {oci.INDEX_FILE: oci.MAX_JSON, SIGNATURE: signature.MAX_SIGNATURE_BYTES})
    for name in (oci.INDEX_FILE, SIGNATURE):
        if name not in found:
            raise Untrusted(f"The image is not signed: there is no {name} in its file")
    signature.verify(key, signature.IMAGE, found[oci.INDEX_FILE], found[SIGNATURE], what="The image")


def _members(file: Path, limits: Mapping[str, int]) -> dict[str, bytes]:
    """Return the content of some files of an archive. Raises Untrusted where one is there twice: which counts?"""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                name = posixpath.normpath(member.name)
                if name not in limits:
                    continue
                stream = archive.extractfile(member) if member.isreg() and member.size <= limits[name] else None
                if stream is None or name in found:
                    raise Untrusted(f"The image's file cannot be used: {name} is there twice, too long, or no file")
                found[name] = stream.read()
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        raise Untrusted(f"The image's file cannot be read: {error}") from error
    return found


class Writer:
    """Writes one image into an empty file that is open for reading and writing."""

    def __init__(self, layout: Layout, runner: Runner, file: BinaryIO, *, idmap_base: int, idmap_size: int) -> None:
        self._layout = layout
        self._runner = runner
        self._file = file
        self._ids = (str(idmap_base), str(idmap_size))
        self._blobs: set[str] = set()

    def write(self, content: Content, key: Ed25519PrivateKey) -> Written:
        """Write the image. Raises HostError with the reason, for a layer that cannot be read or a disk that is full."""
        try:
            return self._write(content, key)
        except OSError as error:
            raise HostError(f"the image cannot be written: {error.strerror}") from error

    def _write(self, content: Content, key: Ed25519PrivateKey) -> Written:
        layers = [self._layer(name, f"layer {number} of {len(content.layers)}") for number, name in enumerate(content.layers, 1)]
        descriptors = [descriptor for descriptor, _ in layers]
        entries = tuple(entry for _, entry in layers)
        host = Platform.of_machine(platform.machine())
        config = oci_config.write_config(content.defaults, [entry.digest for entry in entries], host)
        manifest = oci.write_manifest(self._blob(oci.CONFIG, config), descriptors)
        self._index(self._blob(oci.MANIFEST, manifest, host, str(content.ref)), key)
        self._put(oci.LAYOUT_FILE, oci.write_layout())
        # The end of a tar archive: two empty blocks.
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.flush()
        os.fsync(self._file.fileno())
        return Written(entries, self._file.tell(), self._digest())

    def _layer(self, name: str, what: str) -> tuple[Descriptor, LayerEntry]:
        self._file.flush()
        begin = self._file.tell()
        path = self._layout.layer(name)
        notes = Notes(self._runner.recorder, lambda: f"{what}: {amounts.size(self._length() - begin)} packed")
        argv = [*PROGRAM, pack.__name__, *self._ids, os.fspath(path)]
        try:
            result = self._runner.run(argv, stdin=self._file.fileno(), env=ENVIRONMENT, timeout_s=TIMEOUT_S, watch=notes.watch)
        except CommandTimeout:
            raise
        except CommandFailed as error:
            reason = error.output.strip().partition("\n")[0] or error.brief
            raise HostError(f"layer {name} cannot be exported: {reason}", details=error.output) from error
        return self._described(json.loads(result.output), begin)

    def _length(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _described(self, said: dict[str, str | int], begin: int) -> tuple[Descriptor, LayerEntry]:
        digest = str(said["digest"])
        if digest in self._blobs:
            # Two layers of the same content are one blob.
            self._file.truncate(begin)
        self._file.seek(0, os.SEEK_END)
        self._blobs.add(digest)
        described = Descriptor(media_type=_ZSTD, digest=f"sha256:{digest}", size=int(said["size"]))
        return described, LayerEntry(digest=str(said["diff_id"]), size=int(said["unpacked"]))

    def _blob(self, kind: str, content: bytes, host: Platform | None = None, name: str = "") -> Descriptor:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._put(oci.blob_path(digest), content)
        annotations = {oci.REF_NAME: name} if name else {}
        return Descriptor(media_type=kind, digest=digest, size=len(content), platform=host, annotations=annotations)

    def _index(self, manifest: Descriptor, key: Ed25519PrivateKey) -> None:
        index = oci.write_index([manifest])
        self._put(oci.INDEX_FILE, index)
        self._put(SIGNATURE, signature.sign(key, signature.IMAGE, index))

    def _put(self, name: str, content: bytes) -> None:
        self._file.write(pack.header(name, len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE))

    def _digest(self) -> str:
        self._runner.recorder.note("computes the SHA-256 of the whole file")
        digest = hashlib.sha256()
        self._file.seek(0)
        while data := self._file.read(_CHUNK):
            self._runner.check_cancelled()
            digest.update(data)
        return digest.hexdigest()

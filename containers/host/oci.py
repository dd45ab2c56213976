"""Images from OCI layouts, OCI archives and archives of `docker save`: verified, and unpacked layer by layer.

All that is read comes from somebody hostile: JSON goes through `domain.oci`, files are opened beneath the image's directory
only, layers are unpacked as any other archive (`host.unpack`). Nothing gets a layer's name here: see `Prepared`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from containers.domain import oci, oci_config
from containers.domain.amounts import size
from containers.domain.layout import Layout
from containers.domain.oci import Blob, Platform
from containers.domain.oci_config import Accounts, Config, Reading
from containers.domain.text import shown
from containers.errors import InvalidRequest, Malformed
from containers.host import layers
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.imports import Source
from containers.host.overlay import IdMap
from containers.host.trees import open_beneath

_CHUNK: Final = 1 << 20
_MAX_ACCOUNTS: Final = 1 << 20


@dataclass(frozen=True)
class NewLayer:
    """A layer that is complete, in an unfinished directory."""

    path: Path
    size_bytes: int


@dataclass(frozen=True)
class Prepared:
    """An image whose layers are there or unpacked. `stack` has their DiffIDs, hexadecimal, the lowest first, none twice."""

    stack: tuple[str, ...]
    new: Mapping[str, NewLayer]
    reading: Reading


@dataclass(frozen=True)
class _Image:
    """What the JSON of an image says."""

    config: Config
    blobs: Sequence[Blob]


class ImageDirectory:
    """An open directory that holds an OCI layout, or the members of an archive of `docker save`."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._host = Platform.of_machine(platform.machine())

    def read_image(self, name: str) -> _Image:
        """Return the image called `name`, or the only one, for this host. Raises InvalidRequest, Malformed."""
        if self._has(oci.LAYOUT_FILE) and self._has(oci.INDEX_FILE):
            return self._read_layout(name)
        if self._has(oci.DOCKER_FILE):
            return self._read_docker(name)
        raise InvalidRequest(
            f"it is no image: it has neither {oci.LAYOUT_FILE} and {oci.INDEX_FILE} nor {oci.DOCKER_FILE}",
            resolution="An archive of a root filesystem is imported as a layer.",
        )

    def _read_layout(self, name: str) -> _Image:
        oci.read_layout(self._read(oci.LAYOUT_FILE))
        chosen = oci.select(oci.read_index(self._read(oci.INDEX_FILE)), self._host, name=name)
        if chosen.is_index:
            chosen = oci.select(oci.read_index(self._read_blob(chosen)), self._host)
            if chosen.is_index:
                raise InvalidRequest("an index in an index in an index: that is no image")
        manifest = oci.read_manifest(self._read_blob(chosen))
        config = oci_config.read_config(self._read_blob(manifest.config), self._host)
        return _Image(config, oci.pair(manifest.layers, config.diff_ids))

    def _read_docker(self, name: str) -> _Image:
        image = oci.select_docker(oci.read_docker_file(self._read(oci.DOCKER_FILE)), name=name)
        config = oci_config.read_config(self._read(image.config), self._host)
        return _Image(config, oci.pair_docker(image, config.diff_ids))

    def _read_blob(self, descriptor: oci.Descriptor) -> bytes:
        path = oci.blob_path(descriptor.digest)
        raw = self._read(path)
        if hashlib.sha256(raw).hexdigest() != descriptor.hex or len(raw) != descriptor.size:
            raise InvalidRequest(f"{path} is not what its name says: it has another content or size")
        return raw

    def _read(self, path: str) -> bytes:
        with os.fdopen(self.open(path), "rb") as stream:
            raw = stream.read(oci.MAX_JSON + 1)
        if len(raw) > oci.MAX_JSON:
            raise InvalidRequest(f"{shown(path)} is longer than {oci.MAX_JSON} bytes")
        return raw

    def _has(self, path: str) -> bool:
        try:
            os.close(self.open(path))
        except InvalidRequest:
            return False
        return True

    def open(self, path: str) -> int:
        """Open a file beneath the directory; `docker save` makes links between members. Raises InvalidRequest."""
        try:
            file = open_beneath(self._top, path.encode(), os.O_RDONLY | os.O_NONBLOCK, follow=True)
        except OSError as error:
            reason = "is a link that leads out of the image" if error.errno == errno.EXDEV else error.strerror
            raise InvalidRequest(f"{shown(path)}: {reason}") from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise InvalidRequest(f"{shown(path)} is not a file")
        os.set_blocking(file, True)
        return file


@dataclass(frozen=True)
class Importer:
    """What an import works with. `known` leads from the digests of layers that are there to their names."""

    layout: Layout
    runner: Runner
    idmap: IdMap
    known: Mapping[str, str]

    @contextmanager
    def prepare(self, source: Source, *, name: str = "") -> Iterator[Prepared]:
        """Unpack and verify the layers of an image that are not there yet; what was not given a name at the end is removed.

        `source` is an archive or a directory, `name` says which of several images in it. Raises InvalidRequest for whatever
        is wrong with it, Cancelled, CommandTimeout, HostError.
        """
        with ExitStack() as stack:
            directory = ImageDirectory(self._open(source, stack))
            try:
                image = directory.read_image(name)
            except InvalidRequest as error:
                raise InvalidRequest(f"{source.path}: {error.brief}", error.errors, resolution=error.resolution) from error
            except Malformed as error:
                raise InvalidRequest(f"{source.path}: {error.brief}") from error
            # Of a layer that is there twice the upper place decides; the kernel refuses to mount one twice.
            blobs = {blob.diff_id: blob for blob in reversed(image.blobs)}
            order = tuple(reversed(blobs))
            new: dict[str, NewLayer] = {}
            for number, diff_id in enumerate(order, start=1):
                where = f"layer {number} of {len(order)}"
                if diff_id in self.known:
                    self.runner.recorder.note(f"{where} is layer {self.known[diff_id]} already")
                else:
                    new[diff_id] = self._unpack(directory, blobs[diff_id], where, stack)
            yield Prepared(order, new, self._read_defaults(image.config, order, new))

    def _open(self, source: Source, stack: ExitStack) -> int:
        stack.enter_context(source)
        if source.is_directory:
            return source.file
        scratch = stack.enter_context(layers.unfinished(self.layout, "image", idmap_base=self.idmap.base))
        self._unpack_into(scratch, source, "the archive: ")
        source.close()
        top = os.open(scratch, OPEN_DIRECTORY)
        stack.callback(os.close, top)
        return top

    def _unpack(self, directory: ImageDirectory, blob: Blob, where: str, stack: ExitStack) -> NewLayer:
        with Source(Path(f"{where}, {blob.path}"), directory.open(blob.path), is_directory=False) as source:
            self._verify(source.file, blob, where)
            path = stack.enter_context(layers.unfinished(self.layout, "layer", idmap_base=self.idmap.base))
            digest = self._unpack_into(path, source, f"{where}: ")
        if digest != blob.diff_id:
            raise InvalidRequest(f"{where} is not what the image says: unpacked it has the hash {digest}, not {blob.diff_id}")
        return NewLayer(path, layers.tree_size(path, self.runner))

    def _unpack_into(self, path: Path, source: Source, what: str) -> str:
        base, id_count = self.idmap.base, self.idmap.size
        return layers.unpack_into(path, self.runner, source, idmap_base=base, idmap_size=id_count, what=what)

    def _verify(self, file: int, blob: Blob, where: str) -> None:
        """Compare a blob's file with its hash and size, where the manifest names them, before anything is unpacked."""
        length = os.fstat(file).st_size
        if blob.size is not None and length != blob.size:
            raise InvalidRequest(f"{where} is not what the manifest says: it has {length} bytes, not {blob.size}")
        if blob.digest is None:
            return
        self.runner.recorder.note(f"{where}: verifying {size(length)}")
        hasher = hashlib.sha256()
        while data := os.read(file, _CHUNK):
            hasher.update(data)
            self.runner.check_cancelled()
        os.lseek(file, 0, os.SEEK_SET)
        if hasher.hexdigest() != blob.digest:
            raise InvalidRequest(
                f"{where} is not what the manifest says: it has the hash {hasher.hexdigest()}, not {blob.digest}"
            )

    def _read_defaults(self, config: Config, order: Sequence[str], new: Mapping[str, NewLayer]) -> Reading:
        paths = [new[one].path if one in new else self.layout.layer(self.known[one]) for one in reversed(order)]
        passwd, group = (_topmost(paths, name) for name in (b"etc/passwd", b"etc/group"))
        return oci_config.read_defaults(config, Accounts.parse(passwd, group), idmap_size=self.idmap.size)


def _topmost(paths: Sequence[Path], name: bytes) -> str:
    """Return the text of a file of the topmost layer that has it, or nothing; a link or a whiteout is as good as none."""
    for path in paths:
        top = os.open(path, OPEN_DIRECTORY)
        try:
            file = open_beneath(top, name, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError:
            return ""
        finally:
            os.close(top)
        with os.fdopen(file, "rb") as stream:
            is_file = stat.S_ISREG(os.fstat(file).st_mode)
            return stream.read(_MAX_ACCOUNTS).decode(errors="replace") if is_file else ""
    return ""

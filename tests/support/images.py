"""Images as others write them: OCI layouts and archives, and archives of `docker save`, of small layers made here."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from containers.domain import oci

HOST = oci.Platform.of_machine(platform.machine())


def layer(files: Mapping[str, str | None], *, links: Mapping[str, str] | None = None, mode: int = 0o644) -> bytes:
    """Return a tar stream of these files; None makes a directory."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if text is None else tarfile.REGTYPE
            info.mode = 0o755 if text is None else mode
            data = (text or "").encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return stream.getvalue()


def hex_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Image:
    """An image to be written; `layers` are plain tar streams, the lowest first."""

    layers: Sequence[bytes]
    run: Mapping[str, Any] = field(default_factory=dict)
    compression: str = "+gzip"
    architecture: str = HOST.architecture
    ref_name: str = "latest"
    # Paths whose content is another than it should be.
    spoiled: Mapping[str, bytes] = field(default_factory=dict)

    def config(self) -> bytes:
        diff_ids = [f"sha256:{hex_digest(data)}" for data in self.layers]
        data = {"os": "linux", "architecture": self.architecture, "config": self.run}
        return json.dumps(data | {"rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()

    def members(self) -> dict[str, bytes]:
        """Return the files of its OCI layout by their paths."""
        members: dict[str, bytes] = {}

        def add(data: bytes, kind: str, **more: Any) -> oci.Descriptor:
            digest = f"sha256:{hex_digest(data)}"
            members[oci.blob_path(digest)] = data
            return oci.Descriptor(media_type=kind, digest=digest, size=len(data), **more)

        layers = [add(compress(data, self.compression), oci.LAYER + self.compression) for data in self.layers]
        manifest = oci.write_manifest(add(self.config(), oci.CONFIG), layers)
        top = add(manifest, oci.MANIFEST, annotations={oci.REF_NAME: self.ref_name})
        return {oci.LAYOUT_FILE: oci.write_layout(), oci.INDEX_FILE: oci.write_index([top]), **members, **self.spoiled}

    def docker_members(self) -> dict[str, bytes]:
        """Return the files of its archive of `docker save`, as before Docker 25."""
        members = {f"{number}/layer.tar": data for number, data in enumerate(self.layers)}
        index = [{"Config": "config.json", "RepoTags": ["made:here"], "Layers": list(members)}]
        return {oci.DOCKER_FILE: json.dumps(index).encode(), "config.json": self.config(), **members, **self.spoiled}


def compress(data: bytes, kind: str) -> bytes:
    if kind == "+gzip":
        return gzip.compress(data, mtime=0)
    if kind == "+zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    return data


def write_directory(path: Path, members: Mapping[str, bytes]) -> Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def write_archive(path: Path, members: Mapping[str, bytes], *, links: Mapping[str, str] | None = None, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path

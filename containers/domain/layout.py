"""Where everything is on the host (DESIGN: on the host). Pure: paths only, nothing is looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from containers.domain import names

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """The paths below the three directories. A name that is not valid never becomes a path: ValueError."""

    data_dir: Path
    log_dir: Path
    run_dir: Path

    @property
    def containers(self) -> Path:
        """LXC's own path (`-P`)."""
        return self.data_dir / "containers"

    def container(self, name: str) -> Path:
        """All that one container has."""
        return self.containers / names.container_name(name)

    def config(self, name: str) -> Path:
        """The LXC configuration."""
        return self.container(name) / "config"

    def rootfs(self, name: str) -> Path:
        """The mount point of the root filesystem."""
        return self.container(name) / "rootfs"

    def ephemeral(self, name: str) -> Path:
        """The overlay's upper directory."""
        return self.container(name) / "ephemeral"

    def olwork(self, name: str) -> Path:
        """The overlay's work directory."""
        return self.container(name) / "olwork"

    def hook_error(self, name: str) -> Path:
        """Where the hook leaves the reason when it fails: LXC drops what it prints."""
        return self.container(name) / "hook.error"

    @property
    def layers(self) -> Path:
        """All layers."""
        return self.data_dir / "layers"

    def layer(self, name: str) -> Path:
        """One part of a root filesystem."""
        return self.layers / names.layer_name(name)

    @property
    def volumes(self) -> Path:
        """All volumes."""
        return self.data_dir / "volumes"

    def volume(self, name: str) -> Path:
        """One persistent directory or file."""
        return self.volumes / names.volume_name(name)

    @property
    def hosts(self) -> Path:
        """The hosts file that all containers share."""
        return self.data_dir / "hosts"

    @property
    def hook(self) -> Path:
        """The installed copy of the hook program."""
        return self.data_dir / "hook.py"

    @property
    def uploads(self) -> Path:
        """The only directory that the web process writes files in."""
        return self.data_dir / "uploads"

    @property
    def keys(self) -> Path:
        """What only root reads: the key that signs."""
        return self.data_dir / "keys"

    @property
    def repository(self) -> Path:
        """The host's own repository: image files and their signed index."""
        return self.data_dir / "repository"

    @property
    def downloads(self) -> Path:
        """What is being fetched from other repositories."""
        return self.data_dir / "downloads"

    @property
    def backups(self) -> Path:
        """Backups of installed apps, which hold all that their volumes do: root alone reads them."""
        return self.data_dir / "backups"

    @property
    def apps(self) -> Path:
        """What is installed: root's copies of the apps' folders. The web process reads them."""
        return self.data_dir / "apps"

    def app(self, installation: str) -> Path:
        """The copies that one installation has."""
        return self.apps / names.container_name(installation)

    def kept_app(self, installation: str, digest: str) -> Path:
        """One of them: `digest` is the SHA-256 of what is in it."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError("is not a SHA-256 in hexadecimal digits")
        return self.app(installation) / digest

    @property
    def catalogue(self) -> Path:
        """The apps that were fetched from repositories, a directory for each repository: the web process reads them."""
        return self.data_dir / "catalogue"

    def fetched(self, repository: str, name: str) -> Path:
        """One app that was fetched: its folder, which is called what the app is called."""
        return self.catalogue / names.layer_name(repository) / names.container_name(name)

    def log(self, name: str) -> Path:
        """A container's console."""
        return self.log_dir / f"{names.container_name(name)}.log"

    def lxc_log(self, name: str) -> Path:
        """What LXC itself says about a container."""
        return self.run_dir / "lxc" / f"{names.container_name(name)}.log"

    def thaw_mark(self, name: str) -> Path:
        """Exists while a job holds a container frozen that it has to thaw, whatever becomes of the job."""
        return self.run_dir / "lxc" / f"{names.container_name(name)}.thaw"

    @property
    def terminals(self) -> Path:
        """Where the processes that hold terminals listen for those who join again."""
        return self.run_dir / "terminals"

    @property
    def checkpoints(self) -> Path:
        """The end of the audit trail as root has signed it, again and again."""
        return self.log_dir / "audit-checkpoints.jsonl"

    @property
    def recordings(self) -> Path:
        """What was printed in terminals, where an administrator wants that kept."""
        return self.log_dir / "terminals"

    @property
    def locks(self) -> Path:
        """All lock files."""
        return self.run_dir / "locks"

    def lock(self, name: str) -> Path:
        """The lock of a container."""
        return self.locks / f"container-{names.container_name(name)}"

    def job_lock(self, job_id: int) -> Path:
        """The lock that is held as long as a job's process lives."""
        return self.locks / f"job-{job_id:d}"

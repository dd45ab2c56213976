"""What an OCI image's configuration says about containers, from and to the defaults of our images. Pure.

OCI (image-spec, config.md) has no place for a readiness check, and others for commands and users: so what our images say
travels as labels, too, and where they are there they count.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import Field

from containers.domain.definition import DEFAULT_CMD, DEFAULT_CWD, DEFAULT_IDMAP_SIZE, MAX_LAYERS
from containers.domain.image import Defaults
from containers.domain.json_text import load_json
from containers.domain.oci import DigestText, Foreign, Platform
from containers.domain.text import shown
from containers.errors import InvalidRequest

LABEL: Final = "spocweb."
# Its presence says that the other labels are all there is: a key without one has its default.
MARK: Final = f"{LABEL}image"
LABELLED: Final = ("uid", "gid", "cmd", "cwd", "ready", "halt")
# What programs in images expect where nothing is said (OCI: the runtime decides; all of them send this).
DEFAULT_STOP_SIGNAL: Final = "SIGTERM"
_MAX_ID_DIGITS: Final = 10


class _Run(Foreign):
    user: str | None = Field(default=None, alias="User")
    env: list[str] | None = Field(default=None, alias="Env")
    entrypoint: list[str] | None = Field(default=None, alias="Entrypoint")
    cmd: list[str] | None = Field(default=None, alias="Cmd")
    cwd: str | None = Field(default=None, alias="WorkingDir")
    stop_signal: str | None = Field(default=None, alias="StopSignal")
    labels: dict[str, str] | None = Field(default=None, alias="Labels")


class _RootFs(Foreign):
    type: Literal["layers"]
    diff_ids: list[DigestText] = Field(min_length=1, max_length=MAX_LAYERS)


class Config(Foreign):
    """An image's configuration. `diff_ids` are the SHA-256 of its uncompressed layers, the lowest first."""

    os: str = "linux"
    architecture: str = ""
    variant: str = ""
    run: _Run | None = Field(default=None, alias="config")
    rootfs: _RootFs

    @property
    def diff_ids(self) -> list[str]:
        """As in a manifest: sha256: and the digits."""
        return self.rootfs.diff_ids

    @property
    def user(self) -> str:
        """Who its containers run as: USER[:GROUP], by names or numbers; nothing for root."""
        return (self.run.user if self.run else None) or ""

    @property
    def is_ours(self) -> bool:
        """Whether spocweb wrote it."""
        return bool(self.run and MARK in (self.run.labels or {}))


@dataclass
class Accounts:
    """What an image's /etc/passwd and /etc/group say; lines that say nothing are ignored."""

    # Name or number of a user → user id, group id.
    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, passwd: str, group: str) -> Accounts:
        """Read both files (passwd(5), group(5)); of two entries of a name the first counts."""
        accounts = cls()
        for line in passwd.split("\n"):
            match line.split(":"):
                case [name, _, uid, gid, *_] if _is_number(uid) and _is_number(gid):
                    accounts.users.setdefault(name, (uid, gid))
                    accounts.users.setdefault(uid, (uid, gid))
        for line in group.split("\n"):
            match line.split(":"):
                case [name, _, gid, *_] if _is_number(gid):
                    accounts.groups.setdefault(name, gid)
        return accounts


@dataclass(frozen=True)
class Reading:
    """What could be taken over, and a sentence for each thing that could not."""

    defaults: Defaults
    remarks: tuple[str, ...] = ()


def read_config(raw: bytes, host: Platform) -> Config:
    """Read an image's configuration. Raises InvalidRequest, also for an image that is for other machines."""
    config = Config.read(load_json(raw), "config")
    made_for = Platform(os=config.os, architecture=config.architecture or host.architecture, variant=config.variant)
    if not host.runs(made_for):
        raise InvalidRequest(f"it is for {made_for}, and this host is {host}")
    return config


def read_defaults(config: Config, accounts: Accounts, *, idmap_size: int = DEFAULT_IDMAP_SIZE) -> Reading:
    """Return what the configuration says about containers; what a definition cannot say is left out with a remark."""
    run = config.run or _Run()
    remarks: list[str] = []
    wanted = _ours(run) if config.is_ours else _foreign(run, accounts, remarks)
    kept = {key: value for key, value in wanted.items() if _is_kept(key, value, remarks, idmap_size)}
    env = {
        key: value
        for key, _, value in (item.partition("=") for item in run.env or ())
        if _is_kept("env", {key: value}, remarks, idmap_size)
    }
    return Reading(Defaults.parse({**kept, "env": env}, idmap_size=idmap_size), tuple(remarks))


def write_config(defaults: Defaults, diff_ids: Sequence[str], platform: Platform, *, created: str = "") -> bytes:
    """Return a configuration for layers of these DiffIDs (hexadecimal digits); `created` is a time as in RFC 3339."""
    labels = {f"{LABEL}{key}": value for key in LABELLED if (value := getattr(defaults, key)) is not None}
    run: dict[str, Any] = {
        "Env": [f"{key}={value}" for key, value in defaults.env.items()],
        "Cmd": shlex.split(defaults.cmd or DEFAULT_CMD),
        "WorkingDir": defaults.cwd or DEFAULT_CWD,
        "User": f"{defaults.uid or 0}:{defaults.gid or 0}",
        "Labels": {MARK: "1", **labels},
    }
    if defaults.halt:
        run["StopSignal"] = defaults.halt
    data = {
        **({"created": created} if created else {}),
        "os": platform.os,
        "architecture": platform.architecture,
        **({"variant": platform.variant} if platform.variant else {}),
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in diff_ids]},
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def _ours(run: _Run) -> dict[str, str]:
    labels = run.labels or {}
    return {key: labels[LABEL + key] for key in LABELLED if LABEL + key in labels}


def _foreign(run: _Run, accounts: Accounts, remarks: list[str]) -> dict[str, str]:
    wanted = _identity(run.user or "", accounts, remarks)
    if words := [*(run.entrypoint or ()), *(run.cmd or ())]:
        wanted["cmd"] = shlex.join(words)
    if run.cwd and run.cwd != DEFAULT_CWD:
        wanted["cwd"] = run.cwd
    signal = run.stop_signal or DEFAULT_STOP_SIGNAL
    wanted["halt"] = signal if signal.startswith("SIG") or signal.isdecimal() else f"SIG{signal}"
    return wanted


def _identity(user: str, accounts: Accounts, remarks: list[str]) -> dict[str, str]:
    """Return uid and gid of USER[:GROUP], those of root left out."""
    name, _, group = user.partition(":")
    uid, gid = accounts.users.get(name or "0", (name or "0", "0"))
    if group:
        gid = accounts.groups.get(group, group)
    found = {"uid": uid, "gid": gid}
    for key, value in found.items():
        if not _is_number(value):
            remarks.append(f"{key}: nobody is called {shown(value)!r} in the image")
    return {key: str(int(value)) for key, value in found.items() if _is_number(value) and int(value)}


def _is_kept(key: str, value: object, remarks: list[str], idmap_size: int) -> bool:
    """Return whether a default can have this value; if not, add the reason to the remarks."""
    try:
        Defaults.parse({key: value}, idmap_size=idmap_size, field="")
    except InvalidRequest as error:
        remarks.append(f"{error.errors[0].field}: left out, it {error.errors[0].message}")
        return False
    return True


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_ID_DIGITS

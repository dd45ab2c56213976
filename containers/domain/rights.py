"""Rights: what somebody may do, and with which containers. Pure.

A right is held in a scope: on all containers, on those whose names match a pattern, or on those of one app. The right to
install is about installations: the pattern is one of their names, the app is the catalogue's. The rights of `WHOLE` are about
no container in particular and are held as a whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, get_args

from containers.domain.states import Operation

Right = Literal["view", "operate", "edit", "terminal", "execute", "destroy", "install", "images", "users", "audit"]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
WHOLE: Final[frozenset[Right]] = frozenset({"images", "users", "audit"})
EVERYTHING: Final = "*"
# What a pattern may be made of: a name's characters, "*" for any of them, "?" for one.
_PATTERN: Final = re.compile(r"[a-z0-9*?-]{1,63}", re.ASCII)


@dataclass(frozen=True, order=True)
class Scope:
    """What a right is held on: `pattern` of names as fnmatch(3) reads it, of the app `app` alone if there is one."""

    pattern: str = EVERYTHING
    app: str = ""

    @property
    def is_everywhere(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.pattern.strip("*") and bool(self.pattern) and not self.app

    def covers(self, name: str) -> bool:
        """Return whether a container of that name is in it. An app's containers are called APP and APP-…"""
        is_of_app = not self.app or name == self.app or name.startswith(f"{self.app}-")
        return is_of_app and fnmatchcase(name, self.pattern)

    def covers_installation(self, app: str, name: str | None) -> bool:
        """Return whether the installation `name` of the catalogue's app `app` is in it; without a name, whether any can be."""
        return self.app in ("", app) and (name is None or fnmatchcase(name, self.pattern))

    @property
    def regex(self) -> str:
        """The same as a regular expression, as databases take it."""
        matching = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in self.pattern)
        of_app = f"(?={re.escape(self.app)}(-|$))" if self.app else ""
        return f"^{of_app}{matching}$"


def is_pattern(text: str) -> bool:
    """Return whether `text` can be a pattern of names."""
    return _PATTERN.fullmatch(text) is not None


# What is asked for whoever has a job of the kind done: on its containers, or as a whole where it has none.
RIGHT_OF: Final[Mapping[Operation, Right]] = {
    Operation.CREATE: "edit",
    Operation.START: "operate",
    Operation.STOP: "operate",
    Operation.RESTART: "operate",
    Operation.RESET: "operate",
    Operation.KILL: "operate",
    Operation.FREEZE: "operate",
    Operation.UNFREEZE: "operate",
    Operation.EXECUTE: "execute",
    Operation.REPAIR: "operate",
    Operation.MOUNT: "operate",
    Operation.UNMOUNT: "operate",
    Operation.DESTROY: "destroy",
    Operation.AUTOSTART: "operate",
    Operation.SHUTDOWN: "operate",
    Operation.TIDY: "operate",
    Operation.NETWORK: "operate",
    Operation.LAYER_IMPORT: "images",
    Operation.LAYER_REMOVE: "images",
    Operation.LAYER_COMMIT: "images",
    Operation.IMAGE_BUILD: "images",
    Operation.LAYER_BOOTSTRAP: "images",
    Operation.IMAGE_IMPORT: "images",
    Operation.IMAGE_PULL: "images",
    Operation.CLEAN_UP: "images",
    Operation.IMAGE_REMOVE: "images",
    Operation.VOLUME_SCAN: "operate",
    Operation.VOLUME_REMOVE: "destroy",
    Operation.IMAGE_EXPORT: "images",
    Operation.EXPORT_REMOVE: "images",
    Operation.REPOSITORY_REFRESH: "images",
    Operation.IMAGE_FETCH: "images",
    Operation.CATALOGUE_FETCH: "images",
    Operation.CATALOGUE_REMOVE: "images",
    Operation.CATALOGUE_PUBLISH: "images",
    Operation.CATALOGUE_WITHDRAW: "images",
    Operation.APP_INSTALL: "install",
    Operation.APP_UPDATE: "install",
    Operation.APP_BACK: "install",
    Operation.APP_UNINSTALL: "install",
    Operation.APP_BACKUP: "install",
    Operation.APP_RESTORE: "install",
    Operation.BACKUP_REMOVE: "install",
    Operation.APP_FORGET: "install",
    Operation.APP_MEND: "install",
    Operation.DEMO: "edit",
}


def right_of(operation: Operation, inputs: Mapping[str, Any]) -> Right:
    """Return the right that a job takes. To start with another command is to execute it."""
    if operation == Operation.START and inputs.get("command"):
        return "execute"
    return RIGHT_OF[operation]


# What a kind of user may do, out of the box. "Operator" is what `containers.operate_container` always meant.
ROLES: Final[Mapping[str, tuple[Right, ...]]] = {
    "Viewer": ("view",),
    "Operator": ("view", "operate", "edit", "execute", "destroy", "install", "images"),
    "Auditor": ("view", "audit"),
    "Administrator": RIGHTS,
}
# Permissions of Django's own, as they were given before there were roles: they mean what they meant.
PERMISSIONS: Final[Mapping[str, tuple[Right, ...]]] = {
    "view_container": ("view",),
    "operate_container": ROLES["Operator"],
    "open_terminal": ("terminal",),
    "read_audit": ("audit",),
}

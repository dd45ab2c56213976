"""What a Debian base system is made of: every word of it becomes an argument of a program that root starts. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from containers.domain.text import check_text
from containers.domain.values import Value

MAX_PACKAGES: Final = 200
MAX_URL: Final = 500

_SUITE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}(/[a-z][a-z0-9-]{0,39})?", re.ASCII)
# Debian policy 5.6.1.
_PACKAGE: Final = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}", re.ASCII)
_MIRROR: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/+-]*)?", re.ASCII)


class Tool(StrEnum):
    """Which program makes it."""

    MMDEBSTRAP = "mmdebstrap"
    DEBOOTSTRAP = "debootstrap"


class Variant(StrEnum):
    """Which packages are there without being asked for: those of priority required, or important, too."""

    MINBASE = "minbase"
    IMPORTANT = "important"


def _suite(value: str) -> str:
    if not _SUITE.fullmatch(value):
        raise ValueError("must be the name of a release, such as bookworm or stable")
    return value


def _package(value: str) -> str:
    if not _PACKAGE.fullmatch(value):
        raise ValueError("must be a package's name: letters a-z, digits, '+', '-' and '.'")
    return value


def _mirror(value: str) -> str:
    check_text(value, max_length=MAX_URL)
    if not _MIRROR.fullmatch(value) or not _has_host(value):
        raise ValueError("must be an http or https URL without user, password, query or blanks")
    return value


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _as_tuple(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(value)


def _as_member(kind: type[StrEnum]) -> BeforeValidator:
    def convert(value: object) -> object:
        try:
            return kind(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError(f"must be one of {', '.join(kind)}") from None

    return BeforeValidator(convert)


Suite = Annotated[str, AfterValidator(_suite)]
Package = Annotated[str, AfterValidator(_package)]
Mirror = Annotated[str, AfterValidator(_mirror)]


class BaseSystem(Value):
    """A Debian to be made; without a mirror from where the host's own packages come, without a tool with what is there."""

    suite: Suite = "stable"
    variant: Annotated[Variant, _as_member(Variant)] = Variant.MINBASE
    packages: Annotated[tuple[Package, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_PACKAGES)] = ()
    mirror: Mirror | None = None
    tool: Annotated[Tool, _as_member(Tool)] | None = None


def argv(tool: Tool, system: BaseSystem, mirror: str, target: str) -> list[str]:
    """Return the arguments of the program, which is root in a user namespace without device files."""
    include = [f"--include={','.join(system.packages)}"] if system.packages else []
    if tool == Tool.MMDEBSTRAP:
        return [
            str(tool),
            "--mode=root",
            f"--variant={system.variant}",
            "--format=directory",
            *include,
            system.suite,
            target,
            mirror,
        ]
    # The other one is what it does without being told.
    variant = ["--variant=minbase"] if system.variant == Variant.MINBASE else []
    # It takes it for its own surroundings, and binds device files instead of making them.
    return ["/usr/bin/env", "container=lxc", str(tool), *variant, *include, system.suite, target, mirror]


def mirror_of(sources: str) -> str | None:
    """Return the Debian mirror that the text of an apt source says, in either form (sources.list(5)), if any."""
    for line in sources.split("\n"):
        words = line.split()
        is_one_line, is_deb822 = words[:1] == ["deb"], words[:1] == ["URIs:"]
        for word in words[1:] if is_one_line or is_deb822 else ():
            if word.startswith(("http://", "https://")) and word.rstrip("/").endswith("/debian"):
                return word if _MIRROR.fullmatch(word) else None
    return None

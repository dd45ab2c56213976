"""What may be a secret in a record that is handed to others, and how it is hidden. Pure.

Nobody can know every secret. Hidden is what is known to be one, and what stands where secrets stand: after a telling name,
in a URL before its host, in an `Authorization` header, between the lines of a private key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from containers.domain.spellings import spellings

MASK: Final = "********"
# A shorter value would be found in half of all words; and "postgres" as a password is no secret, but a user's name.
SHORTEST: Final = 5

_TELLING: Final = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|encryption[_-]?key|credential|dsn"
)
_NAME: Final = re.compile(rf"{_TELLING}|(?:^|[_.-])(?:pass|key|auth|salt|pin)(?:$|[_.-])", re.IGNORECASE)
_SAYS_SO: Final = re.compile(_TELLING, re.IGNORECASE)
_OPTION: Final = re.compile(rf"--?[a-z0-9-]{{0,30}}?(?:{_TELLING})[a-z0-9-]{{0,30}}", re.IGNORECASE)
# What a line has to hold, in small letters, for a pattern to be tried: most lines hold nothing of it, and there may be millions.
# No "i": a pattern takes a dotless one for it.
_HINTS: Final = ("pass", "pwd", "secret", "token", "key", "cred", "dsn")
_OF_ITSELF: Final = ("spoc_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hub_pat_", "xox", "akia", "eyj")
# Every repetition is bounded: lines come from containers, and no line may cost more than its length.
_PATTERNS: Final = (
    (("bearer", "bas"), re.compile(r"(?P<kept>\b(?:Bearer|Basic) {1,3})(?P<secret>[A-Za-z0-9+/=._~-]{6,})", re.IGNORECASE)),
    (
        ("@",),
        re.compile(r"(?P<kept>[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}:)(?P<secret>[^\s/@]{1,500})(?=@)", re.IGNORECASE),
    ),
    # KEY=value, "key": "value", --key value: what comes after a name that says so.
    (
        _HINTS,
        re.compile(
            rf"""(?P<kept>(?:{_TELLING})\w{{0,30}}+["']?\s{{0,3}}(?:=|:(?!//))\s{{0,3}})"""
            r"""(?P<secret>"[^"]{1,500}"|'[^']{1,500}'|[^\s"',;&]+)""",
            re.IGNORECASE,
        ),
    ),
    (
        _HINTS,
        re.compile(
            rf"(?P<kept>--[a-z0-9-]{{0,30}}?(?:{_TELLING})[a-z0-9-]{{0,30}} {{1,3}}'?)(?P<secret>[^\s'-][^\s']*)", re.IGNORECASE
        ),
    ),
    # Keys of the panel's own API, of GitHub, Slack and AWS, web tokens: they say themselves what they are.
    (
        _OF_ITSELF,
        re.compile(
            r"(?P<kept>)(?P<secret>\b(?:spoc_|gh[pousr]_|github_pat_|xox[abp]-|AKIA|eyJ[A-Za-z0-9_-]{8,200}\.)[A-Za-z0-9_.-]{8,})"
        ),
    ),
)
_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_KEY_ENDS: Final = re.compile(r"-----END [A-Z ]*PRIVATE KEY")


def is_telling(name: str) -> bool:
    """Return whether a variable of this name holds a secret, as far as a name can say so: DB_PASSWORD, API_KEY."""
    return _NAME.search(name) is not None


def values_of(env: Mapping[str, Any]) -> set[str]:
    """Return the values of the variables whose names tell that they are secret."""
    return {str(value) for name, value in env.items() if is_telling(name) and len(str(value)) >= SHORTEST}


def masked(value: Any) -> Any:
    """Return plain JSON with its secrets replaced: by name in objects, by form, and by value where a variable tells it.

    A private key is hidden as a whole, whether it is one text or a list of lines.
    """
    return _masked(value, Masker(_values_in(value)), in_env=False)


def masked_config(text: str) -> str:
    """Return the text of an LXC configuration with its secrets replaced."""
    masker = Masker()
    items = (line.partition(" = ") for line in text.split("\n"))
    return "\n".join(key + between + masked_setting(key, value, masker) for key, between, value in items)


def masked_setting(key: str, value: str, masker: Masker) -> str:
    """Return the value of a key of an LXC configuration with its secrets replaced: a variable's by its name."""
    name, is_set, content = value.partition("=")
    if key == "lxc.environment" and is_set and content and is_telling(name):
        return f"{name}={MASK}"
    return masker.mask(value)


def _values_in(value: Any) -> set[str]:
    """Return the values of the variables that tell that they are secret, however deep."""
    if isinstance(value, Mapping):
        env = value.get("env")
        own = values_of(env) if isinstance(env, Mapping) else set()
        return own.union(*map(_values_in, value.values()))
    return set().union(*map(_values_in, value)) if isinstance(value, list) else set()


def _masked(value: Any, masker: Masker, *, in_env: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _member(key, item, masker, in_env=in_env) for key, item in value.items()}
    if isinstance(value, list):
        return _items(value, masker)
    if isinstance(value, str):
        masker.restart()
        return _lines(value, masker)
    return value


def _lines(text: str, masker: Masker) -> str:
    return "\n".join(masker.mask(line) for line in text.split("\n"))


def _member(key: str, value: Any, masker: Masker, *, in_env: bool) -> Any:
    # "key" is telling for a variable; in the panel's own records it may be a public one.
    if isinstance(value, str) and value and (is_telling(key) if in_env else _SAYS_SO.search(key)):
        return MASK
    return _masked(value, masker, in_env=key == "env")


def _items(values: list[Any], masker: Masker) -> list[Any]:
    """Mask the items of a list: lines of a text, or a command, where what comes after `--password` is one."""
    masker.restart()
    items: list[Any] = []
    is_secret = False
    for value in values:
        if not isinstance(value, str):
            items.append(_masked(value, masker, in_env=False))
            continue
        items.append(MASK if is_secret else _lines(value, masker))
        is_secret = _OPTION.fullmatch(value) is not None
    return items


@lru_cache(maxsize=64)
def _pattern_of(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Return what finds these however programs write them, the longest first."""
    known = sorted(set().union(*map(spellings, secrets)), key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join(map(re.escape, known))) if known else None


class Masker:
    """Hides secrets in the lines of one record, which have to come in their order: a private key has many."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = _pattern_of(frozenset(secret for secret in secrets if len(secret) >= SHORTEST))
        self._in_key = False

    def restart(self) -> None:
        """Begin another text: a private key that one does not end hides nothing in the next."""
        self._in_key = False

    def mask(self, line: str) -> str:
        """Return `line` with its secrets replaced."""
        if self._in_key or _KEY_BEGINS.search(line):
            self._in_key = _KEY_ENDS.search(line) is None
            return MASK
        if self._known:
            line = self._known.sub(MASK, line)
        folded = line.casefold()
        for hints, pattern in _PATTERNS:
            if any(hint in folded for hint in hints):
                line = pattern.sub(rf"\g<kept>{MASK}", line)
        return line

"""A command line as people write it, put into `lxc.init.cmd`. Pure.

LXC 5 splits that value at blanks and knows no quotes; LXC 6 knows quotes, around whole words only. Both agree on
words without blanks that do not begin with a quote, so nothing else is written.
"""

from __future__ import annotations

import shlex

from containers.domain.text import check_text


def init_cmd(text: str) -> str:
    """Return shell words in a form that every LXC reads as these words; raise ValueError where `text` has none.

    A command with an argument that LXC cannot be told needs /bin/sh in the container, which replaces itself with it.
    """
    words = _words(check_text(text))
    return " ".join(words if all(_is_plain(word) for word in words) else ["/bin/sh", "-c", _script(words)])


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError("has a quote or a backslash with nothing behind it") from error
    if not words or not words[0]:
        raise ValueError("must not be empty")
    if words[0].startswith("-"):
        raise ValueError("must not start with '-'")
    return words


def _is_plain(word: str) -> bool:
    return bool(word) and " " not in word and word[0] not in "\"'"


def _script(words: list[str]) -> str:
    """Return shell text without a blank: IFS begins with one, and no shell takes IFS from its environment."""
    quoted = ('"$s"'.join(shlex.quote(part) if part else "" for part in word.split(" ")) or "''" for word in words)
    return "s=${IFS%??};exec${s}" + "${s}".join(quoted)

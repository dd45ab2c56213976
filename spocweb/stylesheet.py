"""Leaves out of a package's style sheet what no page of ours can use: four fifths of Tabler's, which is 79 kB compressed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import tinycss2

# Whatever in our own files could be a class or an attribute: too much rather than too little.
_WORD: Final = re.compile(r"[A-Za-z_][\w-]*")
# At-rules that hold rules (CSS Conditional Rules); all others are kept as they are.
_GROUPS: Final = ("media", "supports", "layer", "container")


def words(directories: Iterable[Path], suffixes: frozenset[str]) -> frozenset[str]:
    """Return every word of the files below `directories` that have one of `suffixes`."""
    files = (file for directory in directories for file in directory.rglob("*") if file.suffix in suffixes)
    return frozenset(word for file in files for word in _WORD.findall(file.read_text()))


def subset(css: str, used: frozenset[str]) -> str:
    """Return `css` without the selectors that need a class or an attribute that is not among `used`.

    What stands in `:not()`, `:is()` and the like is not looked into: such a selector is kept.
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return "".join(_rules(rules, used))


def _rules(rules: Iterable[Any], used: frozenset[str]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            if kept := [text for text, needs in _selectors(rule.prelude) if needs <= used]:
                yield f"{','.join(kept)}{{{tinycss2.serialize(rule.content)}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in _GROUPS and rule.content is not None:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if text := "".join(_rules(inner, used)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{text}}}"
        else:
            yield rule.serialize()


def _selectors(prelude: list[Any]) -> Iterator[tuple[str, set[str]]]:
    """Yield each selector of a list of them, with the classes and attributes that it needs."""
    selector: list[Any] = []
    for part in [*prelude, None]:
        if part is None or part == ",":
            yield tinycss2.serialize(selector).strip(), set(_needs(selector))
            selector = []
        else:
            selector.append(part)


def _needs(selector: list[Any]) -> Iterator[str]:
    for before, part in zip([None, *selector], selector, strict=False):
        if part.type == "ident" and before == ".":
            yield part.value
        elif part.type == "[] block":
            yield next(inner.value for inner in part.content if inner.type == "ident")

"""Templates of what a page has hundreds of: rendered once for placeholders, then filled in for each.

The template engine takes a quarter of a millisecond for a row. So its result is kept, per language and kind of row; what is
put in has to be escaped already.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.translation import get_language

# A name that a container cannot have, and that every URL takes for one.
_SLOT: Final = "slot-{}-0"
_SLOTS: Final = re.compile(r"slot-([a-z]+)-0")


def skeleton(template: str, keys: tuple[str, ...], **flags: Any) -> str:
    """Return the HTML of `template` with "{key}" for each of `keys`, as `str.format` takes it.

    `flags`, which can be hashed, decide what the template shows.
    """
    return _skeleton(get_language() or "", template, keys, tuple(flags.items()))


@lru_cache(maxsize=512)
def _skeleton(language: str, template: str, keys: tuple[str, ...], flags: tuple[tuple[str, Any], ...]) -> str:
    # In the language that is active: the argument only tells the results apart.
    text = render_to_string(template, {key: _SLOT.format(key) for key in keys} | dict(flags))
    return _SLOTS.sub(r"{\1}", text.replace("{", "{{").replace("}", "}}"))

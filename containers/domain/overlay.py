"""How many layers one root filesystem can have. Pure.

All of them stand by name in the options of one mount, for which the kernel takes one page, less the byte that ends the text
(docs/decisions/0010). The options themselves are written by the hook, which is a program of its own: a test compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAX_OPTIONS: Final = 4095
# Nothing is half in one layer and half in another.
WHOLE: Final = "redirect_dir=nofollow,metacopy=off"


def options(container: str, layers: Sequence[str], *, build: bool = False) -> str:
    """Return the options of the mount of a container's layers, the lowest first; nothing where there is no overlay."""
    lower, upper = (layers[:-1], layers[-1]) if build else (layers, f"../containers/{container}/ephemeral")
    if not lower:
        return ""
    return f"{WHOLE},lowerdir={':'.join(reversed(lower))},upperdir={upper},workdir=../containers/{container}/olwork"


def check(container: str, layers: Sequence[str], *, build: bool = False) -> None:
    """Raise ValueError with a sentence where the kernel would not take the names of so many layers."""
    if (length := len(options(container, layers, build=build))) > MAX_OPTIONS:
        raise ValueError(
            f"the names of {len(layers)} layers take {length} characters of mount options, the kernel allows {MAX_OPTIONS}:"
            " use fewer layers or shorter names"
        )

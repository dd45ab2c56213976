"""The smallest parts of a page as HTML: icons, shapes of states, badges. Template tags of the same names show them."""

from __future__ import annotations

from functools import cache

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from containers.views.states import Badge


@cache
def _sprite() -> str:
    return static("icons/sprite.svg")


def icon(name: str) -> SafeString:
    """A line icon, which says nothing that is not said in words beside it."""
    return format_html('<svg class="sw-i" aria-hidden="true"><use href="{}#i-{}"></use></svg>', _sprite(), name)


def glyph(name: str, turns: bool = False) -> SafeString:
    """A state's shape."""
    return format_html(
        '<svg class="sw-g{}" fill="currentColor" aria-hidden="true"><use href="{}#s-{}"></use></svg>',
        " sw-turn" if turns else "",
        _sprite(),
        name,
    )


def sprite_use(name: str) -> SafeString:
    """A state's shape inside a drawing, which has its own place and size."""
    return format_html('<use href="{}#s-{}"></use>', _sprite(), name)


def badge(shown: Badge, size: str = "") -> SafeString:
    """A state as word, shape and ink; `size` is "lg" in the head of a page."""
    loud = " sw-state-lg" if size == "lg" else " sw-state-loud" if shown.is_loud else ""
    shape = glyph(shown.glyph, shown.turns)
    return format_html('<span class="sw-state sw-{}{}">{}{}</span>', shown.ink, loud, shape, shown.word)


def light_icon(name: str) -> SafeString:
    """The same icon for a row of a long list, where drawings would take most of a browser's time."""
    return format_html('<i class="sw-i sw-m sw-m-{}" aria-hidden="true"></i>', name)


def light_glyph(name: str, *, turns: bool = False, ink: str = "") -> SafeString:
    extra = f"{' sw-turn' if turns else ''}{f' sw-ink sw-{ink}' if ink else ''}"
    return format_html('<i class="sw-g sw-m sw-m-state-{}{}" aria-hidden="true"></i>', name, extra)


def light_badge(shown: Badge) -> SafeString:
    loud = " sw-state-loud" if shown.is_loud else ""
    shape = light_glyph(shown.glyph, turns=shown.turns)
    return format_html('<span class="sw-state sw-{}{}">{}{}</span>', shown.ink, loud, shape, shown.word)


def light_state_glyph(shown: Badge) -> SafeString:
    shape = light_glyph(shown.glyph, turns=shown.turns, ink=shown.ink)
    return format_html('{}<span class="visually-hidden">{}: </span>', shape, shown.word)


def state_glyph(shown: Badge) -> SafeString:
    """The same where only a shape fits; the word follows for those who do not see it."""
    return format_html(
        '<span class="sw-{}"><span class="sw-ink">{}</span></span><span class="visually-hidden">{}: </span>',
        shown.ink,
        glyph(shown.glyph, shown.turns),
        shown.word,
    )

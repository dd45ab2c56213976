"""A drawing's boxes and lines with what a template writes into an SVG: plain attributes, no style."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.html import escape
from django.utils.safestring import SafeString

from containers.domain.drawing import BOX_HEIGHT, BOX_WIDTH, TIER, Box, Drawing, Line
from containers.domain.graph import Graph
from containers.views.activities import Shown
from containers.views.skeletons import skeleton

# What fits into a box, beside the number of a step.
LONGEST_NAME: Final = 18
TIP: Final = 8
NUMBER_HEIGHT: Final = 20
NUMBER_DIGIT: Final = 7
_NODE_KEYS: Final = (
    *("name", "shortname", "ink", "word", "needs", "neededby", "numbers"),
    *("tier", "x", "y", "glyphx", "glyphy", "textx", "namey", "wordy"),
    *("numberx", "numbery", "numberwidth", "numbermiddle", "numberbase"),
)
_EDGE_KEYS: Final = ("path", "tip", "needed", "needing")


@dataclass(frozen=True)
class Node:
    """A container in the drawing; `numbers` are those of its steps in a simulation."""

    shown: Shown
    box: Box
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]
    numbers: str
    is_lit: bool
    is_faint: bool

    @property
    def short_name(self) -> str:
        name = self.shown.name
        return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"

    @property
    def is_cut(self) -> bool:
        return self.short_name != self.shown.name

    @property
    def glyph_x(self) -> int:
        return self.box.x + 12

    @property
    def glyph_y(self) -> int:
        return self.box.y + 16

    @property
    def text_x(self) -> int:
        return self.box.x + 36

    @property
    def name_y(self) -> int:
        return self.box.y + 20

    @property
    def word_y(self) -> int:
        return self.box.y + 36

    @property
    def number_width(self) -> int:
        return max(NUMBER_HEIGHT, len(self.numbers) * NUMBER_DIGIT + 10)

    @property
    def number_x(self) -> int:
        return self.box.x + BOX_WIDTH - 8 - self.number_width

    @property
    def number_y(self) -> int:
        return self.box.middle - NUMBER_HEIGHT // 2

    @property
    def number_middle(self) -> float:
        return self.number_x + self.number_width / 2

    @property
    def number_base(self) -> int:
        return self.box.middle + 4

    @property
    def html(self) -> SafeString:
        """The box in the drawing."""
        flags = {
            "is_lit": self.is_lit,
            "is_faint": self.is_faint,
            "is_cut": self.is_cut,
            "has_numbers": bool(self.numbers),
            "glyph": self.shown.badge.glyph,
        }
        html = skeleton("dependencies/_node.html", _NODE_KEYS, **flags)
        return SafeString(html.format(**self._values, **self._measures))

    @property
    def _values(self) -> dict[str, str]:
        return {
            "name": self.shown.name,
            "shortname": self.short_name,
            "ink": self.shown.badge.ink,
            "word": escape(self.shown.badge.word),
            "needs": " ".join(self.needs),
            "neededby": " ".join(self.needed_by),
            "numbers": escape(self.numbers),
        }

    @property
    def _measures(self) -> dict[str, float]:
        return {
            "tier": self.box.tier,
            "x": self.box.x,
            "y": self.box.y,
            "glyphx": self.glyph_x,
            "glyphy": self.glyph_y,
            "textx": self.text_x,
            "namey": self.name_y,
            "wordy": self.word_y,
            "numberx": self.number_x,
            "numbery": self.number_y,
            "numberwidth": self.number_width,
            "numbermiddle": self.number_middle,
            "numberbase": self.number_base,
        }


@dataclass(frozen=True)
class Edge:
    """A line and its tip, as path data."""

    line: Line
    is_lit: bool

    @property
    def path(self) -> str:
        (x, y), *rest = self.line.points
        parts = [f"M{x} {y}"]
        for number, (to_x, to_y) in enumerate(rest, start=1):
            end = to_x - TIP + 1 if number == len(rest) else to_x
            # From box to box a curve; past the boxes of a tier in between it is straight already.
            middle = (x + to_x) // 2
            parts.append(f"C{middle} {y} {middle} {to_y} {end} {to_y}")
            x, y = to_x, to_y
        return "".join(parts)

    @property
    def tip(self) -> str:
        x, y = self.line.points[-1]
        return f"M{x - TIP} {y - 4}L{x} {y}L{x - TIP} {y + 4}Z"

    @property
    def html(self) -> SafeString:
        """The line in the drawing."""
        html = skeleton("dependencies/_edge.html", _EDGE_KEYS, is_lit=self.is_lit)
        return SafeString(html.format(path=self.path, tip=self.tip, needed=self.line.needed, needing=self.line.needing))


@dataclass(frozen=True)
class Lane:
    """What stands behind the boxes of a tier."""

    number: int
    height: int

    @property
    def x(self) -> int:
        return 12 + (self.number - 1) * TIER

    @property
    def text_x(self) -> int:
        return self.x + 16

    @property
    def width(self) -> int:
        return BOX_WIDTH + 32


@dataclass(frozen=True)
class Picture:
    """A drawing with the states of its containers; `lit` are the numbers of the steps of those that stand out."""

    drawing: Drawing
    graph: Graph
    shown: Mapping[str, Shown]
    lit: Mapping[str, str]

    box_width = BOX_WIDTH
    box_height = BOX_HEIGHT
    number_height = NUMBER_HEIGHT

    def nodes(self, names: Collection[str] | None = None) -> list[Node]:
        """Return the boxes of `names`, or all; a container whose row went meanwhile has none."""
        boxes = [box for box in self.drawing.boxes if box.name in self.shown and (names is None or box.name in names)]
        return [self._node(box) for box in boxes]

    @property
    def edges(self) -> list[Edge]:
        """All lines, those that stand out last: they lie above the others."""
        edges = [Edge(line, line.needed in self.lit and line.needing in self.lit) for line in self.drawing.lines]
        return sorted(edges, key=lambda edge: edge.is_lit)

    @property
    def lanes(self) -> list[Lane]:
        return [Lane(number, self.drawing.height - 12) for number in range(1, self.drawing.tiers + 1)]

    @property
    def fits(self) -> bool:
        """Whether a usual screen shows the whole width with readable words; otherwise the drawing is scrolled."""
        return self.drawing.tiers <= 3

    def _node(self, box: Box) -> Node:
        name = box.name
        is_lit = name in self.lit
        return Node(
            self.shown[name],
            box,
            self.graph.needs(name),
            self.graph.needed_by(name),
            self.lit.get(name, ""),
            is_lit,
            is_faint=bool(self.lit) and not is_lit,
        )

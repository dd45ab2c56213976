"""Where a graph's containers stand in a drawing: tiers from left to right, few crossings, straight lines. Pure.

The method is Sugiyama's: an edge over several tiers gets an invisible stop in each, the order in a tier follows the
mean of the neighbours (barycenter), and heights come as near to the neighbours' as the distance between boxes allows.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from statistics import fmean
from typing import Final

from containers.domain.graph import Graph

BOX_WIDTH: Final = 216
BOX_HEIGHT: Final = 46
# From the middle of one box to the middle of the next; a line that only passes needs less.
PITCH: Final = 60
PASSING: Final = 16
TIER: Final = 300
MARGIN: Final = 28
TOP: Final = 44
# Each sweep over the tiers takes crossings away; after these it rarely finds more.
SWEEPS: Final = 4

# A box (its name), or the stop of an edge: (needed, needing, tier).
Place = str | tuple[str, str, int]


@dataclass(frozen=True)
class Box:
    """The place of a container; x and y are its upper left corner."""

    name: str
    tier: int
    x: int
    y: int

    @property
    def middle(self) -> int:
        """Where lines meet it, from above."""
        return self.y + BOX_HEIGHT // 2


@dataclass(frozen=True)
class Line:
    """An edge, from what is needed to what needs it; `points` are (x, y) from the right of one box to the left of another."""

    needed: str
    needing: str
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Drawing:
    """Boxes from left to right and top to bottom; `apart` are those without any line, which are not drawn."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    apart: tuple[str, ...]
    width: int
    height: int
    tiers: int


def draw(graph: Graph) -> Drawing:
    """Return the drawing of a graph. Raises InvalidRequest where it goes round in a circle."""
    tiers = [[name for name in tier if graph.needs(name) or graph.needed_by(name)] for tier in graph.tiers()]
    tiers = [tier for tier in tiers if tier]
    places = _Places(tiers, graph)
    places.arrange()
    heights = places.heights()
    boxes = _boxes(places.tiers, heights)
    by_name = {box.name: box for box in boxes}
    lines = tuple(_line(by_name[need], by_name[name], heights) for name in sorted(by_name) for need in graph.needs(name))
    apart = tuple(sorted(graph.names - by_name.keys()))
    width = MARGIN * 2 + BOX_WIDTH + TIER * (len(tiers) - 1) if tiers else 0
    height = max((box.y + BOX_HEIGHT for box in boxes), default=0) + MARGIN // 2 + 2 if tiers else 0
    return Drawing(boxes, lines, apart, width, height, len(tiers))


class _Places:
    """The boxes and stops of every tier, in the order in which they stand below each other."""

    def __init__(self, tiers: Sequence[Sequence[str]], graph: Graph) -> None:
        self.tiers: list[list[Place]] = [list(tier) for tier in tiers]
        self._left: dict[Place, list[Place]] = {}
        self._right: dict[Place, list[Place]] = {}
        level = {name: number for number, tier in enumerate(tiers) for name in tier}
        for name in level:
            for need in graph.needs(name):
                self._connect(need, name, level[need], level[name])

    def _connect(self, need: str, name: str, begin: int, end: int) -> None:
        before: Place = need
        for tier in range(begin + 1, end):
            stop = (need, name, tier)
            self.tiers[tier].append(stop)
            self._join(before, stop)
            before = stop
        self._join(before, name)

    def _join(self, left: Place, right: Place) -> None:
        self._right.setdefault(left, []).append(right)
        self._left.setdefault(right, []).append(left)

    def arrange(self) -> None:
        """Put neighbours near each other, to the right and back again, and keep the order with the fewest crossings."""
        best = (self._crossings(), [list(tier) for tier in self.tiers])
        for _ in range(SWEEPS):
            for tiers, neighbours in ((self.tiers, self._left), (self.tiers[::-1], self._right)):
                for beside, tier in pairwise(tiers):
                    _sort(tier, beside, neighbours)
                best = min(best, (self._crossings(), [list(tier) for tier in self.tiers]), key=itemgetter(0))
        self.tiers = best[1]

    def _crossings(self) -> int:
        return sum(_crossings_between(before, after, self._left) for before, after in pairwise(self.tiers))

    def heights(self) -> dict[Place, float]:
        """Return the middle of every place, from 0."""
        found: dict[Place, float] = {}
        for tier in self.tiers:
            found |= _settle(tier, [_mean(self._left.get(place, ()), found) for place in tier])
        for tier in reversed(self.tiers[:-1]):
            found |= _settle(tier, [_mean(self._right.get(place) or (place,), found) for place in tier])
        top = min(found.values(), default=0.0)
        return {place: height - top for place, height in found.items()}


def _sort(tier: list[Place], beside: Sequence[Place], neighbours: Mapping[Place, Sequence[Place]]) -> None:
    # In parts of the tier's length: what has no neighbour there keeps about its place.
    position = {place: (number + 0.5) / len(beside) for number, place in enumerate(beside)}
    own = {place: (number + 0.5) / len(tier) for number, place in enumerate(tier)}
    means = {place: fmean([position[other] for other in neighbours.get(place, ())] or [own[place]]) for place in tier}
    tier.sort(key=lambda place: means[place])


def _crossings_between(before: Sequence[Place], after: Sequence[Place], left: Mapping[Place, Sequence[Place]]) -> int:
    """Return how many pairs of lines between two tiers cross: those that begin in one order and end in the other."""
    position = {place: number for number, place in enumerate(before)}
    seen: list[int] = []
    crossings = 0
    for place in after:
        begins = [position[other] for other in left.get(place, ())]
        crossings += sum(len(seen) - bisect_right(seen, begin) for begin in begins)
        for begin in begins:
            insort(seen, begin)
    return crossings


def _mean(places: Iterable[Place], heights: Mapping[Place, float]) -> float | None:
    known = [heights[place] for place in places if place in heights]
    return fmean(known) if known else None


def _settle(tier: Sequence[Place], wanted: Sequence[float | None]) -> dict[Place, float]:
    """Return heights that keep order and distance, and together are the least away from those that are wanted.

    Least squares under an order is isotonic regression: neighbours that would overlap move as one block to their mean
    (pool adjacent violators; Barlow et al., Statistical Inference under Order Restrictions, 1972).
    """
    offsets = _offsets(tier)
    blocks: list[tuple[float, int]] = []
    for offset, want in zip(offsets, wanted, strict=True):
        # What wants nothing keeps its distance from the one above it.
        mean, count = (want - offset if want is not None else blocks[-1][0] if blocks else 0.0), 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean, count = (other * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    shifts = [mean for mean, count in blocks for _ in range(count)]
    return {place: shift + offset for place, shift, offset in zip(tier, shifts, offsets, strict=True)}


def _offsets(tier: Sequence[Place]) -> list[float]:
    """Return how far below the first each place stands at least."""
    offsets, height = [], 0.0
    for number, place in enumerate(tier):
        if number:
            height += (_room(tier[number - 1]) + _room(place)) / 2
        offsets.append(height)
    return offsets


def _room(place: Place) -> int:
    return PITCH if isinstance(place, str) else PASSING


def _boxes(tiers: Sequence[Sequence[Place]], heights: Mapping[Place, float]) -> tuple[Box, ...]:
    # A line may pass above the first box.
    return tuple(
        Box(place, number + 1, MARGIN + number * TIER, TOP + round(heights[place]))
        for number, tier in enumerate(tiers)
        for place in tier
        if isinstance(place, str)
    )


def _line(needed: Box, needing: Box, heights: Mapping[Place, float]) -> Line:
    points = [(needed.x + BOX_WIDTH, needed.middle)]
    for tier in range(needed.tier, needing.tier - 1):
        middle = TOP + BOX_HEIGHT // 2 + round(heights[needed.name, needing.name, tier])
        # Straight past the boxes of the tier in between.
        points += [(MARGIN + tier * TIER, middle), (MARGIN + tier * TIER + BOX_WIDTH, middle)]
    return Line(needed.name, needing.name, (*points, (needing.x, needing.middle)))

"""What the catalogue shows: apps as cards, those that a search and a category leave, and what one app consists of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from containers.catalog import apps
from containers.catalog.apps import App, Broken
from containers.domain.manifest import ImageSource, Manifest
from containers.forms.queries import AppQuery
from containers.models import Installation
from containers.services import installations

SVG: Final = "image/svg+xml"
PNG: Final = "image/png"


@dataclass(frozen=True)
class Card:
    """An app in the catalogue, and how often it is installed."""

    manifest: Manifest
    count: int

    def fits(self, words: list[str]) -> bool:
        """Return whether each of the words is in what the card says."""
        about = self.manifest
        text = " ".join([about.name, about.title, about.description, *about.categories]).casefold()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Category:
    key: str
    count: int
    is_current: bool

    @property
    def title(self) -> str:
        return title_of(self.key)


@dataclass
class Catalogue:
    """The folders are read once, and one query is made, for any number of apps."""

    query: AppQuery

    @cached_property
    def _read(self) -> tuple[list[App], list[Broken]]:
        return apps.listing()

    @cached_property
    def cards(self) -> list[Card]:
        """All apps, by title."""
        counts = installed_counts()
        return [Card(app.manifest, counts.get(app.name, 0)) for app in self._read[0]]

    @property
    def broken(self) -> list[Broken]:
        """Folders that are no apps, and why."""
        return self._read[1]

    @cached_property
    def found(self) -> list[Card]:
        """What the search leaves."""
        words = self.query.search.casefold().split()
        return [card for card in self.cards if card.fits(words)]

    @cached_property
    def shown(self) -> list[Card]:
        """What the category leaves of that."""
        wanted = self.query.category
        return [card for card in self.found if not wanted or wanted in card.manifest.categories]

    @property
    def categories(self) -> list[Category]:
        """Those that occur, and the one that is chosen."""
        counts = Counter(category for card in self.found for category in card.manifest.categories)
        known = sorted({*(category for card in self.cards for category in card.manifest.categories)})
        chosen = self.query.category
        return [Category(key, counts[key], key == chosen) for key in known if counts[key] or key == chosen]


def installed_counts() -> dict[str, int]:
    """Return {app: how many installations}."""
    return Counter(row.app for row in installations.seen())


def installed(app: str) -> list[Installation]:
    """Return the installations of an app, by name."""
    return [row for row in installations.seen() if row.app == app]


def title_of(category: str) -> str:
    """Return a category's key as people read it."""
    return category.replace("-", " ").capitalize()


def images(app: App) -> list[tuple[str, ImageSource]]:
    """Return what the app's images are called, each with where it comes from."""
    return [(str(app.manifest.image_ref(key)), source) for key, source in app.manifest.images.items()]


def picture_type(app: App) -> str:
    """Return what an app's icon is, by what is in it: nothing that a browser guesses from its name."""
    return PNG if (app.icon or b"").startswith(b"\x89PNG\r\n\x1a\n") else SVG

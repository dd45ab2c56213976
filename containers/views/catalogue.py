"""What the catalogue shows: apps as cards, those that a search and a category leave, and what one app consists of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from containers.catalog import apps
from containers.catalog.apps import App, Broken
from containers.domain.manifest import Manifest, PortPart
from containers.forms.queries import AppQuery
from containers.models import Installation
from containers.services import app_sources, installations
from containers.services.app_sources import Newer

SVG: Final = "image/svg+xml"
PNG: Final = "image/png"


@dataclass(frozen=True)
class Card:
    """An app in the catalogue, how often it is installed, and which newer version the repository has that it is from."""

    manifest: Manifest
    count: int
    repository: str = ""
    newer: str = ""

    def fits(self, words: list[str]) -> bool:
        """Return whether each of the words is in what the card says."""
        about = self.manifest
        text = " ".join([about.name, about.title, about.description, self.repository, *about.categories]).casefold()
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
    """The folders are read once, and two queries are made, for any number of apps."""

    query: AppQuery

    @cached_property
    def _read(self) -> tuple[list[App], list[Broken]]:
        return apps.listing()

    @cached_property
    def cards(self) -> list[Card]:
        """All apps, by title."""
        counts, newer = installed_counts(), app_sources.newer(self._read[0])
        return [_card(app, counts.get(app.name, 0), newer.get(app.name)) for app in self._read[0]]

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


def _card(app: App, count: int, newer: Newer | None) -> Card:
    return Card(app.manifest, count, app.origin.repository if app.origin else "", newer.version if newer else "")


def installed_counts() -> dict[str, int]:
    """Return {app: how many installations}."""
    return Counter(row.app for row in installations.seen())


def installed(app: str) -> list[Installation]:
    """Return the installations of an app, by name."""
    return [row for row in installations.seen() if row.app == app]


def title_of(category: str) -> str:
    """Return a category's key as people read it."""
    return category.replace("-", " ").capitalize()


def images(app: App) -> list[tuple[str, str | None, str | None]]:
    """Return what the app's images are called, each with the recipe or the repository that it comes from."""
    sources = app.manifest.images
    return [(str(app.manifest.image_ref(key)), sources[key].recipe, app.repository_of(key)) for key in sources]


def ports(app: App) -> list[tuple[PortPart, bool]]:
    """Return the app's ports, each with whether the host offers it only where an answer says so."""
    questions = {question.name: question for question in app.manifest.questions}
    return [(port, questions[port.question].visible_if is not None) for port in app.manifest.ports]


def picture_type(app: App) -> str:
    """Return what an app's icon is, by what is in it: nothing that a browser guesses from its name."""
    return PNG if (app.icon or b"").startswith(b"\x89PNG\r\n\x1a\n") else SVG

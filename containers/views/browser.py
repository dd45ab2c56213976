"""Files of a layer, a volume, or what a container has written, as pages show them: one directory, the beginning of one file."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.domain.tree import Change, Entry, Kind, Listing, Preview, Summary
from containers.errors import SpocError
from containers.models import Container, Layer, Volume
from containers.services import access, files
from containers.services.looking import PAGE_SIZE, Subject
from containers.views.access import Request, actor_of

# Kind of an entry: its icon, its word, and what `ls` shows of it.
_KINDS: Final[dict[Kind, tuple[str, str | Promise, int]]] = {
    Kind.DIRECTORY: ("folder", _("directory"), stat.S_IFDIR),
    Kind.FILE: ("file", _("file"), stat.S_IFREG),
    Kind.LINK: ("open", _("link"), stat.S_IFLNK),
    Kind.FIFO: ("right", _("named pipe"), stat.S_IFIFO),
    Kind.SOCKET: ("network", _("socket"), stat.S_IFSOCK),
    Kind.DEVICE: ("server", _("device"), stat.S_IFCHR),
    Kind.WHITEOUT: ("trash", _("removed"), 0),
}
_CHANGES: Final[dict[Change, tuple[str, str, str | Promise]]] = {
    Change.ADDED: ("ok", "plus", _("Added")),
    Change.CHANGED: ("wait", "pencil", _("Changed")),
    Change.REMOVED: ("bad", "cross", _("Removed")),
}
# Where it is browsed, where a file is shown, where one is downloaded.
_ADDRESSES: Final[dict[type[Subject], tuple[str, str, str]]] = {
    Layer: ("layer-detail", "layer-file", "/api/v1/layers/{}/file/"),
    Container: ("container-layers", "container-file", "/api/v1/containers/{}/ephemeral/file/"),
    Volume: ("volume-detail", "volume-file", "/api/v1/volumes/{}/file/"),
}


@dataclass(frozen=True)
class Row:
    """One name, with the address of what is behind it, if there is something to show."""

    entry: Entry
    url: str

    @property
    def icon(self) -> str:
        return _KINDS[self.entry.kind][0]

    @property
    def kind(self) -> str | Promise:
        return _KINDS[self.entry.kind][1]

    @property
    def change(self) -> tuple[str, str, str | Promise]:
        """Ink, icon and word."""
        return _CHANGES[self.entry.change]

    @property
    def is_removed(self) -> bool:
        return self.entry.kind == Kind.WHITEOUT

    @property
    def has_size(self) -> bool:
        return self.entry.kind == Kind.FILE

    @property
    def mode(self) -> str:
        return stat.filemode(_KINDS[self.entry.kind][2] | self.entry.mode)

    @property
    def owner(self) -> str:
        """User and group in the container; a question mark for an id that no container has."""
        return ":".join("?" if number is None else str(number) for number in (self.entry.uid, self.entry.gid))

    @property
    def modified_at(self) -> datetime | None:
        """When it was written; None for a time that no calendar has."""
        try:
            return datetime.fromtimestamp(self.entry.modified_at, UTC)
        except (OverflowError, ValueError, OSError):
            return None


class Browser:
    """Looks at one path, which `?path=` names, when a template asks. What cannot be shown is shown as its reason."""

    def __init__(self, request: Request, subject: Subject) -> None:
        self._request = request
        self.subject = subject
        self.path = request.GET.get("path", "").strip("/")
        page, file, download = _ADDRESSES[type(subject)]
        self.url = reverse(page, args=[subject.name])
        self.file_url = reverse(file, args=[subject.name])
        self._download_url = download.format(subject.name)

    @property
    def may_read(self) -> bool:
        """Whether files may be opened, beyond their names."""
        if isinstance(self.subject, Container):
            return access.may(self._request.user, "execute", self.subject.name)
        return access.may(self._request.user, "images" if isinstance(self.subject, Layer) else "execute")

    @property
    def number(self) -> int:
        """The page of a directory with many names."""
        text = self._request.GET.get("page", "1")
        return min(max(int(text), 1), 10**6) if text.isascii() and text.isdigit() and len(text) < 8 else 1

    @cached_property
    def _found(self) -> tuple[Summary | None, Listing | SpocError]:
        """Numbers of the whole tree for a container, which changes; one directory, or why it cannot be shown."""
        actor = actor_of(self._request)
        if isinstance(self.subject, Container):
            return files.overview(actor, self.subject, self.path, page=self.number)
        try:
            return None, files.listing(actor, self.subject, self.path, page=self.number)
        except SpocError as error:
            return None, error

    @property
    def listing(self) -> Listing | None:
        return self._found[1] if isinstance(self._found[1], Listing) else None

    @property
    def error(self) -> SpocError | None:
        return self._found[1] if isinstance(self._found[1], SpocError) else None

    @property
    def status(self) -> int:
        """The answer's: the page itself is there, whatever becomes of the tree."""
        return self.error.status if self.path and self.error else 200

    @cached_property
    def below(self) -> files.Below:
        """What a layer is compared with."""
        return files.below(self.subject) if isinstance(self.subject, Layer) else files.Below()

    @property
    def compares(self) -> bool:
        """Whether changes say anything: of a layer with nothing below it, everything is added."""
        return isinstance(self.subject, Container) or bool(self.below.layers)

    @property
    def rows(self) -> list[Row]:
        return [Row(entry, self._url_of(entry)) for entry in (self.listing.entries if self.listing else ())]

    def _url_of(self, entry: Entry) -> str:
        path = f"{self.path}/{entry.name}".strip("/")
        if entry.kind == Kind.DIRECTORY:
            return f"{self.url}?{urlencode({'path': path})}"
        return f"{self.file_url}?{urlencode({'path': path})}" if entry.kind == Kind.FILE else ""

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """The directories above, from the top, each with its address; the last is the one that is shown."""
        names = self.path.split("/") if self.path else []
        paths = ["/".join(names[:length]) for length in range(1, len(names) + 1)]
        return [("/", self.url), *zip(names, (f"{self.url}?{urlencode({'path': path})}" for path in paths), strict=True)]

    @property
    def pages(self) -> int:
        return max(1, -(-self.listing.total // PAGE_SIZE)) if self.listing else 1

    @property
    def previous(self) -> str:
        return self._page(self.number - 1) if self.number > 1 else ""

    @property
    def next(self) -> str:
        return self._page(self.number + 1) if self.number < self.pages else ""

    def _page(self, number: int) -> str:
        return f"{self.url}?{urlencode({'path': self.path, 'page': number})}"

    @property
    def summary(self) -> Summary | None:
        """What a container has written, in numbers; None where it cannot be looked at."""
        return self._found[0]

    def preview(self) -> Preview:
        """Return the beginning of the file at the path. Raises SpocError."""
        return files.preview(actor_of(self._request), self.subject, self.path)

    @property
    def download_url(self) -> str:
        return f"{self._download_url}?{urlencode({'path': self.path})}"

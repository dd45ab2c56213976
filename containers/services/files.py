"""Looking into layers, volumes, and what containers write: asked of root's session server, since nobody else may read there.

Names and changes may be seen by whoever sees containers. What is in a file may not: it can hold secrets, as keys of a
server do, and so it takes the right to operate.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from containers.domain.tree import Listing, Preview, Summary, path_bytes, path_text
from containers.errors import Conflict, Forbidden, SpocError
from containers.models import Backup, Container, Image, Layer
from containers.services import audit, looking, tickets
from containers.services.actor import Actor
from containers.services.looking import PAGE_SIZE, Subject
from containers.services.sessions import Session

# Each has a process of root's at the other end for as long as a slow line takes.
MAX_DOWNLOADS: Final = 20

_downloads: Final = threading.BoundedSemaphore(MAX_DOWNLOADS)


@dataclass(frozen=True)
class Below:
    """The layers that a layer is compared with, the lowest first, and whose stack that is: an image, a container, or none."""

    layers: tuple[str, ...] = ()
    of: Image | Container | None = None


class Download:
    """A file on its way: `name` as text, `size`, and when it is iterated its bytes as they come. To be closed."""

    def __init__(self, name: str, size: int, session: Session, kept: ExitStack) -> None:
        self.name = name
        self.size = size
        self._session = session
        self._kept = kept

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes. Raises HostError, or what root says, where the file ends early."""
        for frame in self._session:
            yield frame.payload

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes without blocking."""
        async for frame in self._session:
            yield frame.payload

    def close(self) -> None:
        """Hang up; closing twice is harmless."""
        self._kept.close()


def below(layer: Layer) -> Below:
    """Return what lies below a layer: in the first image that has it, or else in the first container; three queries."""
    if image_use := layer.image_uses.select_related("image").order_by("image__name", "image__version").first():
        stack = image_use.image.image_layers.filter(position__lt=image_use.position)
        return Below(tuple(stack.values_list("layer__name", flat=True)), image_use.image)
    if use := layer.uses.select_related("container").order_by("container__name").first():
        lower = use.container.layer_uses.filter(position__lt=use.position)
        return Below(tuple(lower.values_list("layer__name", flat=True)), use.container)
    return Below()


def listing(actor: Actor, subject: Subject, path: str, *, page: int = 1) -> Listing:
    """Return one page of a directory. Raises Forbidden, InvalidRequest, NotFound, HostError if root does not answer."""
    return Listing.model_validate_json(_ask(actor, "tree", subject, _page(path, page)))


def overview(actor: Actor, subject: Subject, path: str, *, page: int = 1) -> tuple[Summary | None, Listing | SpocError]:
    """Return size and changes of the whole tree, and one page of a directory, in one session; or why there is none."""
    received = b""
    try:
        with _open(actor, "tree", subject, {"ask": "both", **_page(path, page)}) as session:
            for frame in session:
                received += frame.payload
    except SpocError as error:
        summary = received.partition(b"\n")[0]
        return Summary.model_validate_json(summary) if summary else None, error
    summary, listing = received.splitlines()
    return Summary.model_validate_json(summary), Listing.model_validate_json(listing)


def _page(path: str, page: int) -> dict[str, Any]:
    return {"path": path, "offset": (page - 1) * PAGE_SIZE, "limit": PAGE_SIZE}


def summary(actor: Actor, subject: Subject) -> Summary:
    """Return size and changes of the whole tree. Raises what `listing` raises."""
    return Summary.model_validate_json(_ask(actor, "tree", subject, {"ask": "summary"}))


def preview(actor: Actor, subject: Subject, path: str) -> Preview:
    """Return the beginning of a file as harmless text. Raises what `listing` raises."""
    return Preview.model_validate_json(_ask(actor, "file", subject, {"path": path}))


def download(actor: Actor, subject: Subject, path: str) -> Download:
    """Open a file to be sent, whatever its size. Raises what `listing` raises, and Conflict while too many are sent."""
    names = path_bytes(path)
    name = path_text(names[-1]) if names else subject.name
    return _download(name, lambda: _open(actor, "file", subject, {"ask": "content", "path": path}))


def download_backup(actor: Actor, backup: Backup) -> Download:
    """Open a backup to be sent; it is recorded: all that the volumes hold leaves the panel. Raises what `download` raises."""
    found = _download(backup.file_name, lambda: _opened(actor, "backup", backup.file_name, {}))
    audit.record(actor, "backup.download", backup.installation, {"file": backup.file_name})
    return found


def _download(name: str, open_session: Callable[[], Session]) -> Download:
    with ExitStack() as stack:
        if not _downloads.acquire(blocking=False):
            raise Conflict(f"{MAX_DOWNLOADS} other downloads are under way", resolution="Try again when one has ended.")
        stack.callback(_downloads.release)
        session = stack.enter_context(open_session())
        told = next(iter(session)).message
        kept = stack.pop_all()
    return Download(name, int(told["size"]), session, kept)


def _ask(actor: Actor, kind: str, subject: Subject, given: Mapping[str, Any]) -> bytes:
    """Return the whole answer of a session, JSON of a page at most."""
    with _open(actor, kind, subject, given) as session:
        return b"".join(frame.payload for frame in session)


def _open(actor: Actor, kind: str, subject: Subject, given: Mapping[str, Any]) -> Session:
    below_it = {"below": below(subject).layers} if isinstance(subject, Layer) else {}
    return _opened(actor, kind, looking.subject_of(subject), {**given, **below_it})


def _opened(actor: Actor, kind: str, name: str, given: Mapping[str, Any]) -> Session:
    if actor.user is None:
        raise Forbidden("Files are shown to somebody who is signed in")
    ticket = tickets.issue(actor, kind, name, given)
    return Session.open(ticket, user_id=actor.user.pk, kind=kind, subject=name)

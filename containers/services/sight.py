"""What somebody may see: the containers, the jobs about them, and the secrets in definitions (`services.disclosure`).

Who looks is set once for each request (`looking_as`), so that no list, count, graph or search has to be told. Where nobody
is set, root's own processes and commands look, and see everything. Rows are restricted in the database: no query more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q

from containers.domain.rights import Scope
from containers.models import Container, Dependency, JobContainer
from containers.querysets import ContainerQuerySet, JobQuerySet
from containers.services import access, hosts
from containers.services.access import Right, Who
from containers.services.actor import Actor


@dataclass(frozen=True)
class Sight:
    """`scopes` is None where everything is seen. `user` is whose own jobs are seen, whatever else they touched.

    `clear` is where secrets are seen, too: on what may be edited; None is everywhere.
    `typed` is where commands are read as somebody typed them: where one could run some; None is everywhere.
    """

    scopes: frozenset[Scope] | None
    user: int | None = None
    clear: frozenset[Scope] | None = None
    typed: frozenset[Scope] | None = None

    def covers(self, name: str) -> bool:
        """Return whether a container of that name is seen."""
        return self.scopes is None or any(scope.covers(name) for scope in self.scopes)

    def unseen(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that are not seen: to who looks they do not exist."""
        return [name for name in names if not self.covers(name)]

    def is_clear(self, name: str) -> bool:
        """Return whether the secrets of a container of that name are seen, too."""
        return self.clear is None or any(scope.covers(name) for scope in self.clear)

    def reads_typed(self, names: Iterable[str]) -> bool:
        """Return whether commands that were typed for all of these containers are read with their arguments."""
        return self.typed is None or all(any(scope.covers(name) for scope in self.typed) for name in names)

    def containers(self) -> ContainerQuerySet:
        """Return the containers of this host that are seen."""
        return hosts.containers() if self.scopes is None else hosts.containers().filter(self._names("name"))

    def jobs(self) -> JobQuerySet:
        """Return the jobs that are seen: one's own, and those that touched no container which is not seen."""
        if self.scopes is None:
            return hosts.jobs()
        touched = JobContainer.objects.filter(job=OuterRef("pk"))
        about = Exists(touched.filter(self._names("name"))) & ~Exists(touched.exclude(self._names("name")))
        return hosts.jobs().filter(about | Q(user=self.user)) if self.scopes else hosts.jobs().none()

    def edges(self) -> dict[str, tuple[str, ...]]:
        """Return who depends on whom, among those that are seen."""
        edges = self.containers().edges()
        return {name: tuple(need for need in needs if need in edges) for name, needs in edges.items()}

    def _names(self, field: str) -> Q:
        found = Q(pk__in=[])
        for scope in sorted(self.scopes or ()):
            found |= Q(**{f"{field}__regex": scope.regex})
        return found


EVERYTHING = Sight(None)
_current: ContextVar[Callable[[], Sight]] = ContextVar("sight", default=lambda: EVERYTHING)


def of(who: Who) -> Sight:
    """Return what `who` may see."""
    user = who.user if isinstance(who, Actor) else who
    seen, clear = _scopes(who, "view"), _scopes(who, "edit")
    typed = _union(clear, _scopes(who, "execute"), _scopes(who, "terminal"))
    return Sight(seen, user.pk if isinstance(user, User) and seen is not None else None, clear, typed)


def _scopes(who: Who, right: Right) -> frozenset[Scope] | None:
    """Return where somebody holds a right; None is everywhere."""
    scopes = frozenset(one.scope for one in access.holdings(who) if one.right == right)
    return None if any(scope.is_everywhere for scope in scopes) else scopes


def _union(*scopes: frozenset[Scope] | None) -> frozenset[Scope] | None:
    known = [one for one in scopes if one is not None]
    return frozenset().union(*known) if len(known) == len(scopes) else None


@contextmanager
def looking_as(who: Callable[[], Who]) -> Iterator[None]:
    """See what `who()` may see in this block; who that is, is asked when something is looked at."""
    token = _current.set(lambda: of(who()))
    try:
        yield
    finally:
        _current.reset(token)


def look_as(who: Who) -> None:
    """See what `who` may see until the block of `looking_as` that this is in ends."""
    _current.set(lambda: of(who))


def current() -> Sight:
    """Return what is seen by who looks."""
    return _current.get()()


def containers() -> ContainerQuerySet:
    """Return the containers of this host that who looks may see."""
    return current().containers()


def jobs() -> JobQuerySet:
    """Return the jobs that who looks may see."""
    return current().jobs()


def edges() -> dict[str, tuple[str, ...]]:
    """Return who depends on whom, among the containers that who looks may see."""
    return current().edges()


def beyond(name: str) -> tuple[int, int]:
    """Return how many containers that who looks may not see `name` needs, and how many need it. Two queries, or none."""
    seen = current()
    if seen.scopes is None:
        return 0, 0
    links = Dependency.objects.filter(container__in=hosts.containers())
    needs = links.filter(container__name=name).values_list("needs__name", flat=True)
    needed_by = links.filter(needs__name=name).values_list("container__name", flat=True)
    return len(seen.unseen(needs)), len(seen.unseen(needed_by))


def container(name: str, rows: ContainerQuerySet | None = None) -> Container:
    """Return the container called `name`, from `rows` if given. Raises NotFound, also for what may not be seen."""
    found = hosts.get_container(name, hosts.containers() if rows is None else rows)
    return found if current().covers(found.name) else hosts.get_container(name, Container.objects.none())

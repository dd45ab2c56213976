"""What a few typed words may mean: containers, jobs, images, layers, volumes, pages, and things to do.

Every group is bounded, and so is the number of queries, whatever is typed and however much there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.choices import CONTAINER_OPERATIONS, JobState, Operation
from containers.models import Container, Job, Mount
from containers.services import hosts, sight, volumes
from containers.views import activities, states, wording
from containers.views.states import Badge

MOST: Final = 6
MAX_TYPED: Final = 100

_JOB: Final = re.compile(r"(?:\w{2,10}\s+|#)?#?([0-9]{1,18})")


@dataclass(frozen=True)
class Found:
    """One thing that may be meant. A state's `badge` or an `icon` stands before it."""

    title: str
    url: str
    note: str = ""
    icon: str = ""
    badge: Badge | None = None
    # Opens in a dialog: a plan comes before anything is done.
    is_plan: bool = False


@dataclass(frozen=True)
class Group:
    title: str | Promise
    items: list[Found] = field(default_factory=list)


# Title, address, icon, further words by which it is found; the last one is for who may change things.
_PAGES: Final[tuple[tuple[str | Promise, str, str, str | Promise, bool], ...]] = (
    (gettext_lazy("Dashboard"), "dashboard", "dashboard", gettext_lazy("start overview host"), False),
    (gettext_lazy("Containers"), "container-list", "containers", gettext_lazy("list all"), False),
    (gettext_lazy("New container"), "container-create", "plus", gettext_lazy("create add define"), True),
    (gettext_lazy("Import containers"), "import", "open", gettext_lazy("file json"), True),
    (gettext_lazy("Export all as one file"), "export", "download", gettext_lazy("json backup"), False),
    (gettext_lazy("Jobs"), "job-list", "jobs", gettext_lazy("list record log"), False),
    (gettext_lazy("Dependencies"), "dependencies", "deps", gettext_lazy("graph order tiers"), False),
    (gettext_lazy("Apps"), "app-list", "apps", gettext_lazy("catalogue install"), False),
    (gettext_lazy("Installed apps"), "installation-list", "apps", gettext_lazy("list update backup uninstall"), False),
    (gettext_lazy("Images"), "image-list", "copy", gettext_lazy("list"), False),
    (gettext_lazy("Layers"), "layer-list", "layers", gettext_lazy("list"), False),
    (gettext_lazy("Add a layer"), "layer-add", "plus", gettext_lazy("import archive oci registry pull debian base system"), True),
    (gettext_lazy("Who may do what"), "rights", "user", gettext_lazy("rights roles accounts users permissions"), False),
    (gettext_lazy("Audit trail"), "audit-list", "history", gettext_lazy("events who did what log"), False),
    (gettext_lazy("What root can do"), "operations", "shield", gettext_lazy("operations rights worker"), False),
)

_ICONS: Final = {
    Operation.START: "play",
    Operation.STOP: "stop",
    Operation.RESTART: "restart",
    Operation.KILL: "bolt",
    Operation.FREEZE: "freeze",
    Operation.UNFREEZE: "play",
    Operation.REPAIR: "undo",
    Operation.MOUNT: "folder",
    Operation.UNMOUNT: "folder",
    Operation.DESTROY: "trash",
}


def find(typed: str, *, may_operate: bool, may_audit: bool = False, may_administer: bool = False) -> list[Group]:
    """Return what `typed` may mean, the likeliest group first; empty groups are left out. At most nine queries."""
    closed = {name for name, is_open in (("audit-list", may_audit), ("rights", may_administer)) if not is_open}
    words = " ".join(typed.replace("\0", "").split())[:MAX_TYPED]
    if not words:
        return [Group(_("Pages"), list(_pages("", may_operate=may_operate, closed=closed)))]
    verbs = _verbs(words) if may_operate else []
    groups = [
        Group(_("Actions"), list(_actions(verbs, words.partition(" ")[2]))),
        Group(_("Jobs"), list(_jobs(words))),
        Group(_("Containers"), list(_containers(words))),
        *([] if sight.current().scopes is not None else _of_host(words)),
        Group(_("Pages"), list(_pages(words, may_operate=may_operate, closed=closed))),
    ]
    return [group for group in groups if group.items]


def _of_host(words: str) -> list[Group]:
    """Return what belongs to no container, for who may see all of the host."""
    return [
        Group(_("Images"), list(_images(words))),
        Group(_("Layers"), list(_layers(words))),
        Group(_("Volumes"), list(_volumes(words))),
    ]


def _verbs(words: str) -> list[Operation]:
    """Return the operations that the first word begins, in the code's words and in those on the screen."""
    first, _space, rest = words.lower().partition(" ")
    if len(first) < 2 or not rest:
        return []
    return [
        operation
        for operation in CONTAINER_OPERATIONS
        if operation.value.startswith(first) or str(operation.label).lower().startswith(first)
    ]


def _actions(verbs: list[Operation], name: str) -> Iterator[Found]:
    """Each leads to its plan: nothing is done from here."""
    rows = sight.containers().filter(name__icontains=name)
    names = list(_by_likeness(rows, name).values_list("name", flat=True)[:MOST]) if verbs else []
    for operation in verbs[:2]:
        for found in names:
            title = f"{wording.operation_on(str(operation.label), [found])}…"
            yield Found(title, _plan_of(operation, found), icon=_ICONS[operation], is_plan=True)


def _plan_of(operation: Operation, name: str) -> str:
    if operation == Operation.DESTROY:
        return reverse("container-delete", args=[name])
    return reverse("container-operate", args=[name, operation])


def _jobs(words: str) -> Iterator[Found]:
    match = _JOB.fullmatch(words)
    number = int(match[1]) if match else 0
    rows: QuerySet[Job] = sight.jobs().filter(pk=number) if 0 < number <= hosts.MAX_ID else sight.jobs().none()
    if not match:
        rows = sight.jobs().filter(containers__name=words.lower())[:3]
    for job in rows.defer("error", "revisions"):
        badge = states.JOB_BADGES[JobState(job.state)]
        yield Found(f"{job.pk}: {wording.job_title(job)}", job.get_absolute_url(), note=str(badge.word), badge=badge)


def _containers(words: str) -> Iterator[Found]:
    rows = _by_likeness(sight.containers().search(words), words).select_related("last_job")[:MOST]
    for shown in activities.show(list(rows)):
        note = f"{shown.badge.word} · {shown.container.description}" if shown.container.description else str(shown.badge.word)
        yield Found(shown.name, shown.container.get_absolute_url(), note=note, badge=shown.badge)


def _by_likeness(rows: QuerySet[Container], text: str) -> QuerySet[Container]:
    """Return `rows` in order of likeness: those called so first, then those whose names begin so, then have it in them."""
    rank = Case(
        When(name__iexact=text, then=Value(0)),
        When(name__istartswith=text, then=Value(1)),
        When(name__icontains=text, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return rows.annotate(rank=rank).order_by("rank", "name")


def _images(words: str) -> Iterator[Found]:
    for image in hosts.images().filter(name__icontains=words).order_by("name", "version")[:MOST]:
        yield Found(f"{image.name}:{image.version}", reverse("image-detail", args=[image.name, image.version]), icon="copy")


def _layers(words: str) -> Iterator[Found]:
    for name in hosts.layers().filter(name__icontains=words).order_by("name").values_list("name", flat=True)[:MOST]:
        yield Found(name, reverse("layer-detail", args=[name]), icon="layers")


def _volumes(words: str) -> Iterator[Found]:
    """Those that are on the host lead to their page, others to a container that is to mount it."""
    mounts = Mount.objects.filter(container__in=sight.containers(), volume__icontains=words).order_by("volume", "container__name")
    users: dict[str, list[str]] = {}
    for volume, name in mounts.values_list("volume", "container__name")[: 5 * MOST]:
        users.setdefault(volume, []).append(name)
    there = set(volumes.names(containing=words, most=MOST))
    for volume in sorted({*there, *users})[:MOST]:
        names = users.get(volume, [])
        note = _("mounted by %(names)s") % {"names": wording.names_in_short(names)} if names else ""
        url = reverse("volume-detail", args=[volume]) if volume in there else reverse("container-definition", args=[names[0]])
        yield Found(volume, url, note=note, icon="volume")


def _pages(words: str, *, may_operate: bool, closed: set[str]) -> Iterator[Found]:
    wanted = words.lower().split()
    for title, name, icon, more, is_for_operators in _PAGES:
        known = f"{title} {more}".lower().split()
        may_open = (may_operate or not is_for_operators) and name not in closed
        if may_open and _begin(wanted, known):
            yield Found(str(title), reverse(name), icon=icon)


def _begin(wanted: Iterable[str], known: list[str]) -> bool:
    """Whether each of the words that are looked for begins one that is known."""
    return all(any(word.startswith(beginning) for word in known) for beginning in wanted)

"""A plan in words, before anything happens: order and reasons, what is interrupted, what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from containers.choices import Operation
from containers.domain import states as domain
from containers.domain.plan import Action, Plan, PlanStep
from containers.errors import SpocError
from containers.models import Container, Mount
from containers.services import access, hosts, plans, sight
from containers.services.access import Refused, Who
from containers.views import differences, wording
from containers.views.differences import Change

# What ends processes that somebody may be using.
INTERRUPTING: Final = (Operation.STOP, Operation.RESTART, Operation.RESET, Operation.KILL, Operation.DESTROY)
# Of how many containers a plan says what comes into effect.
MOST_PENDING: Final = 5
_EMPTYING: Final = (Action.STOP, Action.KILL)

_REASONS: Final = {
    "asked for": gettext_lazy("What you asked for"),
    "already running": gettext_lazy("Already running and ready"),
    "already stopped": gettext_lazy("Already stopped"),
    "was mounted": gettext_lazy("Mounts again: it was mounted"),
    "was running": gettext_lazy("Starts again: it was running"),
    "to be destroyed": gettext_lazy("Stops before it is deleted"),
    "starts at boot": gettext_lazy("Starts at boot"),
    "everything is shut down": gettext_lazy("Everything is shut down"),
}
_BUTTONS: Final = {
    Operation.START: (gettext_lazy("Start"), "play"),
    Operation.STOP: (gettext_lazy("Stop"), "stop"),
    Operation.RESTART: (gettext_lazy("Restart"), "restart"),
    Operation.RESET: (gettext_lazy("Reset"), "undo"),
    Operation.KILL: (gettext_lazy("Kill"), "bolt"),
    Operation.FREEZE: (gettext_lazy("Freeze"), "freeze"),
    Operation.UNFREEZE: (gettext_lazy("Unfreeze"), "play"),
    Operation.REPAIR: (gettext_lazy("Repair"), "undo"),
    Operation.MOUNT: (gettext_lazy("Mount"), "folder"),
    Operation.UNMOUNT: (gettext_lazy("Unmount"), "folder"),
    Operation.DESTROY: (gettext_lazy("Delete"), "trash"),
}


@dataclass(frozen=True)
class ShownStep:
    number: int
    container: str
    action: str
    reason: str
    detail: str
    is_target: bool
    is_skipped: bool


@dataclass
class PlanPage:
    """Three queries for the plan and two for what it touches. A plan that cannot be is shown with the reason."""

    who: Who
    operation: Operation
    names: list[str]
    error: SpocError | None = None
    plan: Plan | None = field(init=False, default=None)
    # That `who` may not have it done is said before the click.
    is_refused: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        operation = domain.Operation(self.operation.value)
        try:
            self.plan = plans.preview(operation, self.names)
            access.require_job(self.who, operation, {}, self.names, self.plan.changed)
        except SpocError as error:
            self.is_refused = isinstance(error, Refused)
            self.error = self.error or error

    @property
    def title(self) -> str:
        return wording.operation_on(str(self.operation.label), self.names)

    @property
    def is_interrupting(self) -> bool:
        return self.operation in INTERRUPTING

    @property
    def interrupts(self) -> bool:
        """Whether there is something to say about what ends; of deleting, the page itself says what goes."""
        return self.is_interrupting and self.has_changes and (self.operation != Operation.DESTROY or bool(self.emptied))

    @property
    def icon(self) -> str:
        return _BUTTONS[self.operation][1]

    @property
    def button(self) -> str:
        """What the button does, and to how many."""
        count = len({step.container for step in self._changes})
        label = _BUTTONS[self.operation][0]
        if count == 1 and len(self.names) == 1:
            return wording.operation_on(str(label), self.names)
        text = ngettext("%(label)s %(count)d container", "%(label)s %(count)d containers", count)
        return text % {"label": label, "count": count}

    @property
    def _changes(self) -> tuple[PlanStep, ...]:
        return self.plan.changes if self.plan else ()

    @property
    def has_changes(self) -> bool:
        return bool(self._changes)

    @property
    def lead(self) -> str:
        """The plan in a sentence: "Starts db, then app. cache already runs.\""""
        if not self._changes:
            return _("There is nothing to do.")
        if self.operation == Operation.RESTART:
            return self._restart_sentence()
        order = _(", then ").join(wording.names_in_short(names) for names in self._ranks()[:4])
        more = len(self._ranks()) - 4
        if more > 0:
            order += ngettext(", and %d step after that", ", and %d steps after that", more) % more
        verb = {Operation.START: _("Starts %s."), Operation.STOP: _("Stops %s.")}.get(self.operation, "%s.")
        return f"{verb % order} {self._skipped_sentence()}".strip()

    def _restart_sentence(self) -> str:
        stopped, started = (
            list(dict.fromkeys(step.container for step in self._changes if step.action == action))
            for action in (Action.STOP, Action.START)
        )
        if sorted(stopped) == sorted(started):
            return _("Stops and starts %s.") % wording.names_in_short(started)
        if not stopped:
            return _("Starts %s.") % wording.names_in_short(started)
        values = {"stopped": wording.names_in_short(stopped), "started": wording.names_in_short(started)}
        return _("Stops %(stopped)s, then starts %(started)s.") % values

    def _skipped_sentence(self) -> str:
        skipped = [step.container for step in self.plan.steps if step.action == Action.SKIP] if self.plan else []
        if not skipped:
            return ""
        names = {"names": wording.names_in_short(skipped)}
        if self.operation == Operation.START:
            return ngettext("%(names)s already runs.", "%(names)s already run.", len(skipped)) % names
        return ngettext("%(names)s needs nothing.", "%(names)s need nothing.", len(skipped)) % names

    def _ranks(self) -> list[list[str]]:
        """Return the containers by when their step may begin: those of one rank side by side."""
        rank: dict[int, int] = {}
        for step in self._changes:
            rank[step.number] = 1 + max((rank.get(number, 0) for number in step.after), default=0)
        ranks: dict[int, list[str]] = {}
        for step in self._changes:
            ranks.setdefault(rank[step.number], []).append(step.container)
        return [list(dict.fromkeys(names)) for _number, names in sorted(ranks.items())]

    @property
    def steps(self) -> list[ShownStep]:
        return [self._show(step) for step in self.plan.steps] if self.plan else []

    def _show(self, step: PlanStep) -> ShownStep:
        return ShownStep(
            number=step.number,
            container=step.container,
            action=_("nothing") if step.action == Action.SKIP else str(ACTIONS.get(step.action, step.action.value)),
            reason=reason_text(step),
            detail=self._detail(step),
            is_target=step.container in self.names,
            is_skipped=step.action == Action.SKIP,
        )

    def _detail(self, step: PlanStep) -> str:
        row = self._rows.get(step.container)
        if row is None:
            return ""
        if step.action == Action.STOP:
            values = {"signal": row.halt or "SIGINT", "seconds": row.stop_timeout}
            return _("%(signal)s, then up to %(seconds)d s to end, then kill") % values
        if step.action in (Action.START, Action.WAIT) and row.ready:
            return _("up to %(seconds)d s to be ready") % {"seconds": row.ready_timeout}
        return ""

    @cached_property
    def _rows(self) -> Mapping[str, Container]:
        names = {step.container for step in self.plan.steps} if self.plan else set()
        return {row.name: row for row in sight.containers().filter(name__in=names).prefetch_related("mounts")}

    @property
    def comes_into_effect(self) -> list[tuple[str, list[Change]]]:
        """What was saved and waits for a start of these containers, the first few; one query for each."""
        started = {step.container for step in self._changes if step.action == Action.START}
        waiting = [row for name, row in sorted(self._rows.items()) if name in started and row.is_pending]
        return [(row.name, changes) for row in waiting[:MOST_PENDING] if (changes := differences.pending(row))]

    @property
    def emptied(self) -> list[str]:
        """Containers whose ephemeral layer is emptied; a build container has none."""
        names = dict.fromkeys(step.container for step in self._changes if step.action in _EMPTYING)
        return [name for name in names if name in self._rows and not self._rows[name].build]

    @property
    def volumes(self) -> list[str]:
        """Volumes of what stops: they stay."""
        return sorted({mount.volume for row in self._rows.values() for mount in row.mounts.all()})

    @property
    def at_boot(self) -> list[str]:
        """What is stopped now and starts again at the next boot."""
        if self.operation not in (Operation.STOP, Operation.KILL):
            return []
        return [step.container for step in self._changes if step.container in self._rows and self._rows[step.container].autostart]

    @property
    def takes_command(self) -> bool:
        return self.operation == Operation.START and len(self.names) == 1 and self.has_changes


def shown(step: PlanStep) -> ShownStep:
    """Return a step of a plan whose containers are not there yet."""
    action = str(ACTIONS.get(step.action, step.action.value))
    return ShownStep(step.number, step.container, action, reason_text(step), "", is_target=False, is_skipped=False)


def shared_volumes(name: str) -> dict[str, list[str]]:
    """Return {volume of the container: the other containers that use it}; one query."""
    rows = Mount.objects.filter(container__in=hosts.containers()).values_list("volume", "container__name")
    users: dict[str, list[str]] = {}
    for volume, user in rows.order_by("volume", "container__name"):
        users.setdefault(volume, []).append(user)
    return {volume: [user for user in names if user != name] for volume, names in users.items() if name in names}


def reason_text(step: PlanStep) -> str:
    """Return why a step is in the plan, in a sentence of the active language."""
    if step.reason in _REASONS:
        return str(_REASONS[step.reason])
    for prefix, text in _PREFIXES.items():
        if step.reason.startswith(prefix):
            return str(text) % {"names": step.reason.removeprefix(prefix)}
    return step.reason[:1].upper() + step.reason[1:]


_PREFIXES: Final[Mapping[str, str | Promise]] = {
    "needed by ": gettext_lazy("Needed by %(names)s"),
    "needs ": gettext_lazy("Goes first: it needs %(names)s"),
}
ACTIONS: Final = {
    Action.START: gettext_lazy("start"),
    Action.WAIT: gettext_lazy("wait until ready"),
    Action.STOP: gettext_lazy("stop"),
    Action.KILL: gettext_lazy("kill"),
    Action.FREEZE: gettext_lazy("freeze"),
    Action.UNFREEZE: gettext_lazy("unfreeze"),
    Action.REPAIR: gettext_lazy("repair"),
    Action.MOUNT: gettext_lazy("mount"),
    Action.UNMOUNT: gettext_lazy("unmount"),
    Action.DESTROY: gettext_lazy("delete"),
    Action.BUILD: gettext_lazy("make"),
    Action.CREATE: gettext_lazy("create"),
    Action.WRITE: gettext_lazy("write"),
    Action.EXECUTE: gettext_lazy("run inside"),
    Action.PUBLISH: gettext_lazy("publish"),
}

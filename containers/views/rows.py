"""The rows of the container list as HTML: a template rendered once, then filled in for each row with values escaped here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from containers.choices import ContainerState, JobState
from containers.forms import amounts
from containers.views import charts, marks, spans, states
from containers.views.grouping import Group
from containers.views.listing import Row
from containers.views.reasons import reason_of
from containers.views.skeletons import skeleton
from containers.views.states import Badge

_KEYS: Final = (
    "name",
    "needs",
    "description",
    "state",
    "reason",
    "address",
    "memory",
    "memorylimit",
    "memorymost",
    "memoryclose",
    "memorynow",
    "cpu",
    "limits",
    "starts",
    "job",
    "jobglyph",
    "jobage",
)
# The columns that nobody can do without.
ALWAYS: Final = ("check", "name", "state", "acts")
# A share of its memory limit from which a container is shown to come close to it.
_CLOSE: Final = 0.9


@dataclass(frozen=True)
class Look:
    """What all rows have in common."""

    columns: tuple[str, ...]
    # Of one container, by its name.
    may_operate: Callable[[str], bool]
    may_operate_some: bool

    def render(self, rows: Iterable[Row]) -> SafeString:
        language = get_language() or ""
        return SafeString("".join([_render(row, language, self.columns, may_operate=self.may_operate(row.name)) for row in rows]))

    def head(self, group: Group) -> SafeString:
        context = {"group": group, "width": len(self.columns) + len(ALWAYS), "may_operate": self.may_operate_some}
        return render_to_string("containers/_group.html", context)


def _render(row: Row, language: str, columns: tuple[str, ...], *, may_operate: bool) -> str:
    job, job_state = _job(row)
    limit = _memory_limit(row)
    html = skeleton(
        "containers/_row.html",
        _KEYS,
        columns=columns,
        may_operate=may_operate,
        is_stopped=row.state == ContainerState.STOPPED,
        has_job=job is not None,
        is_pending=row.is_pending,
        is_protected=row.protected,
        has_drift=row.has_drift,
        # Before the first sample, too, which fills it.
        has_meter=bool(limit) and row.state != ContainerState.STOPPED,
    )
    return html.format(
        name=row.name,
        needs=" ".join(row.needs),
        description=_description(row),
        state=_badge(language, row.badge),
        reason=reason_of(row, row.badge, row.activity),
        address=row.address,
        memory=charts.size(row.used.memory_bytes),
        memorylimit=_limit_text(limit, is_close=_is_close(row.used.memory_bytes, limit)) if limit else "",
        memorymost=round(limit or 0),
        memoryclose=round(_CLOSE * (limit or 0)),
        memorynow=round(row.used.memory_bytes or 0),
        cpu=charts.percent(row.used.cpu),
        limits=_limits(language, row.memory_bytes, row.cpus, row.pids),
        starts=_starts(language, row.autostart, row.tier),
        job=job,
        jobglyph=_job_glyph(language, job_state),
        jobage=_job_age(row),
    )


def _description(row: Row) -> str:
    """Return what it is, and what app it belongs to where that is not in its name."""
    of_app = row.app and not row.name.startswith(f"{row.app}-")
    return escape(f"{row.app}: {row.description}" if of_app else row.description)


@lru_cache(maxsize=256)
def _badge(language: str, badge: Badge) -> SafeString:
    return marks.light_badge(badge)


@lru_cache(maxsize=256)
def _job_glyph(language: str, state: str | None) -> str:
    if state is None:
        return ""
    return marks.light_state_glyph(states.JOB_BADGES[JobState(state)])


def _job(row: Row) -> tuple[int | None, str | None]:
    """Return the job that is at it now, also as a part of something else, or else the last one that was about it."""
    return (row.activity.job, row.activity.job_state) if row.activity else (row.job, row.job_state)


def _job_age(row: Row) -> SafeString | str:
    if row.activity:
        return _("now")
    return spans.age(row.job_at) if row.job_at else ""


def _memory_limit(row: Row) -> float | None:
    """Return what it may use, in bytes: the limit that is in effect, or while it does not run the one that is defined."""
    return row.memory_bytes if row.used.memory_bytes is None else row.used.memory_limit_bytes


def _is_close(used: float | None, limit: float | None) -> bool:
    return bool(limit and used and used >= _CLOSE * limit)


@lru_cache(maxsize=1024)
def _limit_text(limit: float, *, is_close: bool) -> str:
    text = escape(charts.size(limit))
    return f"{marks.light_glyph('notready', ink='warn')} {text}" if is_close else text


@lru_cache(maxsize=1024)
def _limits(language: str, memory_bytes: int | None, cpus: float | None, pids: int | None) -> str:
    parts = [amounts.size(memory_bytes)] if memory_bytes else []
    if cpus:
        parts.append(_("%(cpus)g CPU") % {"cpus": cpus})
    if pids:
        parts.append(_("%(pids)d processes") % {"pids": pids})
    return "<br>".join(map(escape, parts[:2])) or "–"


@lru_cache(maxsize=1024)
def _starts(language: str, autostart: bool, tier: int) -> str:
    if not autostart:
        text = _("By hand")
        return f'<span class="sw-dim">{escape(text)}</span>'
    return escape(_("Boot, tier %(tier)d") % {"tier": tier} if tier else _("At boot"))

"""Template tags of all pages: icons, states, times and amounts. A state is shown by `state` and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html_join, json_script
from django.utils.safestring import SafeString

from containers.choices import JobState, StepState, Via
from containers.forms import amounts
from containers.models import Job, Step
from containers.views import marks, spans, states, wording
from containers.views.activities import Shown
from containers.views.patches import ROW_PARAMETER

register = template.Library()

Stateful = Shown | Job | Step


register.simple_tag(marks.icon)
register.simple_tag(marks.glyph)
register.simple_tag(marks.sprite_use)
register.simple_tag(marks.badge)
register.simple_tag(marks.light_icon)
register.simple_tag(marks.light_glyph)


@register.simple_tag
def state(of: Stateful, size: str = "") -> SafeString:
    """The state of a container (as `activities.show` returns it), a job or a step."""
    return marks.badge(_shown(of), size)


@register.simple_tag
def state_glyph(of: Stateful) -> SafeString:
    return marks.state_glyph(_shown(of))


@register.filter
def ink(of: Stateful) -> str:
    return _shown(of).ink


def _shown(of: Stateful) -> states.Badge:
    if isinstance(of, Shown):
        return of.badge
    return states.JOB_BADGES[JobState(of.state)] if isinstance(of, Job) else states.STEP_BADGES[StepState(of.state)]


register.filter(wording.sentence)
register.filter(wording.inside, is_safe=True)


@register.filter
def age(moment: datetime | None) -> SafeString | str:
    """How long ago, kept counting by the page."""
    return spans.age(moment) if moment else ""


@register.filter
def running_time(moment: datetime | None) -> SafeString | str:
    """How long something has been running, kept counting by the second."""
    return spans.running_time(moment) if moment else ""


@register.filter
def took(of: Job | Step) -> SafeString | str:
    """How long a job or step took, or has taken so far."""
    if of.started_at is None:
        return "–"
    if of.ended_at is None:
        return spans.running_time(of.started_at)
    return spans.duration((of.ended_at - of.started_at).total_seconds())


@register.filter
def milliseconds(value: int | None) -> str:
    return "" if value is None else spans.duration(value / 1000)


@register.filter
def stamp(moment: datetime | None) -> str:
    """A time in a record: the day unless it is today, and to the second."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    clock = local.strftime("%H:%M:%S")
    return clock if local.date() == timezone.localdate() else f"{wording.day(local)}, {clock}"


@register.filter
def clock(moment: datetime) -> str:
    """A time beside a line of output."""
    return timezone.localtime(moment).strftime("%H:%M:%S.%f")[:-4]


@register.filter
def minute(moment: datetime) -> str:
    """A time beside a mean over some minutes."""
    return timezone.localtime(moment).strftime("%H:%M")


@register.filter
def size(value: int | None) -> str:
    return "–" if value is None else amounts.size(value)


@register.filter
def command_line(argv: Iterable[Any]) -> str:
    return shlex.join(map(str, argv))


@register.filter
def arguments(argv: Iterable[Any]) -> SafeString:
    """The same as HTML that is broken between arguments, and not after the dashes of an option."""
    quoted = ((shlex.quote(str(argument)),) for argument in argv)
    return format_html_join(" ", '<span class="sw-arg">{}</span>', quoted)


@register.filter
def title(job: Job) -> str:
    return wording.job_title(job)


@register.filter
def inputs(job: Job) -> str:
    return wording.inputs_in_short(job)


@register.filter
def names(values: list[str]) -> str:
    return wording.names_in_short(values)


@register.filter
def via(value: str) -> str:
    """By which way somebody came, in the middle of a sentence."""
    return str(wording.VIA[Via(value)]) if value in Via.values else value


@register.simple_tag(takes_context=True)
def current(context: template.Context, *sections: str) -> SafeString | str:
    """Mark the navigation's entry of the page that is shown."""
    return SafeString('aria-current="page"') if context.get("section") in sections else ""


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The list's own query string with some parameters changed, from its first page; "" takes one out."""
    return _query(context, {"page": "", **changes})


@register.simple_tag(takes_context=True)
def without(context: template.Context, name: str) -> str:
    """The list's own query string without the parameter `name`, from its first page."""
    return _query(context, {"page": "", name: ""})


@register.simple_tag(takes_context=True)
def page_query(context: template.Context, number: int) -> str:
    return _query(context, {"page": number})


def _query(context: template.Context, changes: dict[str, Any]) -> str:
    parameters = context["request"].GET.copy()
    parameters.pop(ROW_PARAMETER, None)
    for key, value in changes.items():
        parameters.pop(key, None)
        if value != "":
            parameters[key] = str(value)
    return f"?{parameters.urlencode()}"


@register.simple_tag
def time_words() -> SafeString:
    """The words of spans for the script that keeps them counting; data, so the content policy does not mind it."""
    return json_script(spans.words().export(), "time-words")


@register.filter
def row_name(field: str) -> str:
    """Which row of a definition an error is about: "PATH" of "definition.env.PATH"."""
    return ".".join(field.split(".")[2:])

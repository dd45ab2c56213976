"""The line below a container's state: why it is so, as far as anybody knows, in the tool's own words where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from containers.choices import ContainerState
from containers.views import spans, states
from containers.views.states import Activity, Badge, Stated

NOTHING: Final = SafeString("")


def reason_of(container: Stated, badge: Badge, activity: Activity | None = None) -> SafeString:
    """Return the line for a container that is shown with `badge`; may be empty."""
    return _REASONS.get(badge.key, _note)(container, activity)


def waits_for(names: Iterable[str]) -> SafeString:
    """Return "Waits for db", each name a link."""
    links = format_html_join(", ", '<a href="{}">{}</a>', ((reverse("container-detail", args=[name]), name) for name in names))
    return format_html(gettext("Waits for {}"), links)


def _say(text: str, span: SafeString = NOTHING) -> SafeString:
    """Return `text` in the active language, with `span` at its place."""
    return SafeString(_translated(get_language(), text).replace("{}", span))


@cache
def _translated(language: str | None, text: str) -> str:
    # One look-up per language, not one per row: a thousand of them cost as much as the database.
    return escape(gettext(text))


def _words(text: str) -> SafeString:
    return SafeString(f'<span class="sw-words">{escape(text)}</span>') if text else NOTHING


def _note(container: Stated, activity: Activity | None) -> SafeString:
    return _words(activity.note) if activity else NOTHING


def _running(container: Stated, activity: Activity | None) -> SafeString:
    if container.state_since is None:
        return _say(_("Ready")) if container.is_ready else NOTHING
    up = spans.up_time(container.state_since)
    if container.is_ready:
        return _say(_("Up {}, ready"), up)
    return _say(_("Up {}, readiness not known"), up) if container.ready else _say(_("Up {}"), up)


def _starting(container: Stated, activity: Activity | None) -> SafeString:
    if activity and activity.note:
        return _words(activity.note)
    return _say(_("Not ready yet")) if container.state == ContainerState.RUNNING else NOTHING


def _waiting(container: Stated, activity: Activity | None) -> SafeString:
    if activity and activity.waits_for:
        return waits_for(activity.waits_for)
    return SafeString(escape(activity.note)) if activity and activity.note else _say(_("In line to start"))


def _failed(container: Stated, activity: Activity | None) -> SafeString:
    return _words(container.failure)


def _frozen(container: Stated, activity: Activity | None) -> SafeString:
    return _say(_("Frozen {}"), spans.age(container.state_since)) if container.state_since else NOTHING


def _stopped(container: Stated, activity: Activity | None) -> SafeString:
    if activity is not None and not container.is_created:
        return _say(_("Being created"))
    if container.is_mounted:
        return _say(_("Its root filesystem is mounted"))
    if container.state_since is not None:
        return _say(_("Stopped {}"), spans.age(container.state_since))
    return _say(_("Build container, not started yet") if container.build else _("Not started yet"))


def _unknown(container: Stated, activity: Activity | None) -> SafeString:
    if container.state_since is None:
        return _say(_("LXC does not answer"))
    return _say(_("LXC does not answer, asked {}"), spans.age(container.state_since))


_REASONS: Final[dict[str, Callable[[Stated, Activity | None], SafeString]]] = {
    states.RUNNING.key: _running,
    states.STARTING.key: _starting,
    states.WAITING.key: _waiting,
    states.NOT_READY.key: _failed,
    states.FAILED.key: _failed,
    states.FROZEN.key: _frozen,
    states.STOPPED.key: _stopped,
    states.UNKNOWN.key: _unknown,
}

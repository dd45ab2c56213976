"""The line below a container's state: why it is so, as far as anybody knows, in the tool's own words where there are any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from containers.views import spans, states
from containers.views.states import Activity, Badge, Stated

NOTHING: Final = SafeString("")


def reason_of(container: Stated, badge: Badge, activity: Activity | None = None) -> SafeString:
    """Return the line for a container that is shown with `badge`; may be empty."""
    return _REASONS.get(badge.key, _note)(container, activity)


def _words(text: str) -> SafeString:
    return format_html('<span class="sw-words">{}</span>', text) if text else NOTHING


def _note(container: Stated, activity: Activity | None) -> SafeString:
    return _words(activity.note) if activity else NOTHING


def _running(container: Stated, activity: Activity | None) -> SafeString:
    if container.state_since is None:
        return SafeString(_("Ready")) if container.is_ready else NOTHING
    up = spans.up_time(container.state_since)
    if container.is_ready:
        return format_html(_("Up {}, ready"), up)
    return format_html(_("Up {}, readiness not known"), up) if container.ready else format_html(_("Up {}"), up)


def _starting(container: Stated, activity: Activity | None) -> SafeString:
    if activity and activity.note:
        return _words(activity.note)
    return SafeString(_("Not ready yet")) if container.state == "RUNNING" else NOTHING


def _waiting(container: Stated, activity: Activity | None) -> SafeString:
    if activity and activity.note:
        return format_html("{}", activity.note)
    return SafeString(_("In line to start"))


def _failed(container: Stated, activity: Activity | None) -> SafeString:
    return _words(container.failure)


def _frozen(container: Stated, activity: Activity | None) -> SafeString:
    return format_html(_("Frozen {}"), spans.age(container.state_since)) if container.state_since else NOTHING


def _stopped(container: Stated, activity: Activity | None) -> SafeString:
    if activity is not None and not container.is_created:
        return SafeString(_("Being created"))
    if container.is_mounted:
        return SafeString(_("Its root filesystem is mounted"))
    if container.state_since is not None:
        return format_html(_("Stopped {}"), spans.age(container.state_since))
    return SafeString(_("Build container, not started yet") if container.build else _("Not started yet"))


def _unknown(container: Stated, activity: Activity | None) -> SafeString:
    if container.state_since is None:
        return SafeString(_("LXC does not answer"))
    return format_html(_("LXC does not answer, last asked {}"), spans.age(container.state_since))


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

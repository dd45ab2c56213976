"""The filters of the audit page that are on."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from containers.choices import EventKind, Via
from containers.forms.queries import AuditQuery
from containers.views import wording
from containers.views.job_filters import Applied


def applied(query: AuditQuery) -> list[Applied]:
    """Return them in the order of the form."""
    found = (
        Applied("who", _("Who"), query.who),
        Applied("kind", _("What"), str(EventKind(query.kind).label) if query.kind else ""),
        Applied("subject", _("About"), query.subject),
        Applied("via", _("By way of"), str(Via(query.via).label) if query.via else ""),
        Applied("job", _("Job"), str(query.job or "")),
        Applied("since", _("From"), wording.day(query.since) if query.since else ""),
        Applied("until", _("To"), wording.day(query.until) if query.until else ""),
    )
    return [item for item in found if item.value]

"""What the pages of one's own account share."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.urls import reverse_lazy

from containers.services import factors
from containers.views.access import Request, actor_of

SECTION = "security"
HOME = reverse_lazy("mfa_index")


class Personal:
    """What the pages here share: they are everybody's own, and stand in the panel's frame."""

    request: Request
    success_url = HOME

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return found | {"section": SECTION}


def record_added(request: Request, kind: str, *, codes: bool) -> None:
    """Write what was added: the newest of its kind, and the recovery codes that came with the first factor."""
    factor = Authenticator.objects.filter(user=request.user, type=kind).latest("pk")
    factors.record_added(actor_of(request), factor)
    if codes:
        factors.record_codes_made(actor_of(request))

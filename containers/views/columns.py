"""Which columns the list of containers has: everybody's own choice, in the address and remembered in a cookie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

COOKIE: Final = "spocweb_columns"
PARAMETER: Final = "columns"
# The choice of none: an empty cookie is one that was taken back.
NONE: Final = "-"
# In their order; name, state and actions are always there.
COLUMNS: Final[dict[str, str | Promise]] = {
    "address": _("Address"),
    "memory": _("Memory"),
    "cpu": _("CPU"),
    "limits": _("Limits"),
    "starts": _("Starts"),
    "job": _("Last job"),
}
USUAL: Final = ("address", "memory", "cpu", "starts", "job")


def chosen(request: HttpRequest) -> tuple[str, ...]:
    """Return the columns of the address, or those that the browser remembers; those that there are, in their order."""
    value = request.GET.get(PARAMETER) or request.COOKIES.get(COOKIE)
    return known(value.split(".")) if value else USUAL


def known(keys: Iterable[str]) -> tuple[str, ...]:
    wanted = set(keys)
    return tuple(key for key in COLUMNS if key in wanted)

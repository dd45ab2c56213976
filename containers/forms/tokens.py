"""What a person says of a token for the API that is to be made."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from containers.choices import Right
from containers.domain.rights import RIGHTS
from containers.errors import InvalidRequest
from containers.services.token_terms import MAX_NAME, Terms

READ_ONLY: Final = "read-only"
CHOSEN: Final = "chosen"
FOR_EVER: Final = "0"
DAYS: Final = (
    ("7", _("a week")),
    ("30", _("a month")),
    ("90", _("three months")),
    ("365", _("a year")),
    (FOR_EVER, _("for ever")),
)


class TokenForm(forms.Form):
    """`scope` says whether `rights` are looked at."""

    name = forms.CharField(label=_("What it is for"), max_length=MAX_NAME)
    scope = forms.ChoiceField(
        label=_("Good for"),
        choices=[
            ("", _("all that you may do")),
            (READ_ONLY, _("looking only")),
            (CHOSEN, _("these rights, as far as you have them")),
        ],
        required=False,
        initial=READ_ONLY,
    )
    # To look belongs to every scope.
    rights = forms.MultipleChoiceField(
        label=_("Rights"), choices=[(right, Right(right).label) for right in RIGHTS if right != "view"], required=False
    )
    days = forms.ChoiceField(label=_("How long"), choices=DAYS, initial="90")
    addresses = forms.CharField(label=_("Taken from"), required=False, max_length=1000)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("scope") == CHOSEN and not data.get("rights"):
            self.add_error("rights", _("Choose one at least."))
        if data.get("scope") != CHOSEN and data.get("rights"):
            self.add_error("scope", _("You have chosen rights below, which count with “these rights” only."))
        return data

    def to_terms(self) -> Terms:
        """Return what the form says; only of one that is valid."""
        data = self.cleaned_data
        scope = {READ_ONLY: (READ_ONLY,), CHOSEN: tuple(data["rights"])}.get(data["scope"], ())
        addresses = tuple(data["addresses"].replace(",", " ").split())
        return Terms(data["name"], scope, addresses, int(data["days"]) or None)

    def refuse(self, error: InvalidRequest) -> None:
        """Show what the service minds at the fields that it is about."""
        for item in error.errors:
            self.add_error(item.field if item.field in self.fields else None, item.message)

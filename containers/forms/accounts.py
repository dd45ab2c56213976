"""What is said of an account: a new one's name, a right that is given."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from containers.choices import Right
from containers.errors import InvalidRequest
from containers.services.accounts import MAX_PASSWORD


class _Refusable(forms.Form):
    def refuse(self, error: InvalidRequest) -> None:
        """Show what the service minds at the fields that it is about."""
        for item in error.errors:
            self.add_error(item.field if item.field in self.fields else None, item.message)


class AccountForm(_Refusable):
    name = forms.CharField(label=_("Name"), max_length=64, strip=False)
    password = forms.CharField(label=_("Password"), required=False, max_length=MAX_PASSWORD, strip=False)
    role = forms.ChoiceField(label=_("Role"), required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        names = Group.objects.order_by("name").values_list("name", flat=True)
        self.fields["role"].choices = [("", _("none yet")), *((name, name) for name in names)]  # type: ignore[attr-defined]


class PasswordForm(_Refusable):
    password = forms.CharField(label=_("New password"), required=False, max_length=MAX_PASSWORD, strip=False)


class GrantForm(_Refusable):
    right = forms.ChoiceField(label=_("Right"), choices=Right.choices)
    pattern = forms.CharField(label=_("On containers"), max_length=63, initial="*")
    app = forms.CharField(label=_("Of the app"), max_length=63, required=False)

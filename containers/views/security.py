"""The page on which somebody looks after his own account: password, second factors, recovery codes, sessions."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ChangePasswordForm
from allauth.account.views import PasswordChangeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.services import factors, passwords, signed_in, signing
from containers.views.access import Request, actor_of
from containers.views.codes import check_pace, whose
from containers.views.confirming import require_recent
from containers.views.personal import HOME, SECTION, Personal, record_added


@require_GET
def security(request: Request) -> HttpResponse:
    """Everybody's own; nobody needs a right for it."""
    found = list(Authenticator.objects.filter(user=request.user).order_by("created_at", "pk"))
    codes = next((one for one in found if one.type == Authenticator.Type.RECOVERY_CODES), None)
    context = {
        "section": SECTION,
        "app": next((one for one in found if one.type == Authenticator.Type.TOTP), None),
        "passkeys": [one for one in found if one.type == Authenticator.Type.WEBAUTHN],
        "codes": codes,
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
        "sessions": signed_in.of(request.user),
        "this_session": request.session.session_key,
    }
    return render(request, "account/security.html", context)


@require_POST
def end_sessions(request: Request) -> HttpResponse:
    """One session, or all but the one that asks."""
    require_recent(request)
    chosen = request.POST.get("session", "")
    say_ended(request, signed_in.end(actor_of(request), request.user, chosen, keep=request.session.session_key or ""))
    return redirect(HOME)


def say_ended(request: Request, count: int) -> None:
    messages.success(request, _("The session was ended.") if count == 1 else _("Sessions ended: %d") % count)


class PasswordForm(ChangePasswordForm):
    oldpassword = forms.CharField(strip=False)

    def clean_oldpassword(self) -> str:
        check_pace(self.user)
        try:
            password: str = super().clean_oldpassword()
        except ValidationError:
            signing.record_doubt(whose(self.user))
            raise
        return password


class ChangePassword(Personal, PasswordChangeView):
    template_name = "account/password.html"

    def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # An identity provider's people have none.
        return super().dispatch(request, *args, **kwargs) if request.user.has_usable_password() else redirect(HOME)

    def get_form_class(self) -> type[PasswordForm]:
        return PasswordForm

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        with transaction.atomic():
            passwords.record_change(actor_of(self.request), self.request.user)
            response: HttpResponse = super().form_valid(form)
        messages.success(self.request, _("The password was changed. All other sessions have ended."))
        return response


class AddApp(Personal, ActivateTOTPView):
    template_name = "account/app_add.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
            record_added(self.request, Authenticator.Type.TOTP, codes=self.did_generate_recovery_codes)
        messages.success(self.request, _("From now on, a sign-in asks for a code of the app, too."))
        return response


class RemoveApp(Personal, DeactivateTOTPView):
    template_name = "account/factor_remove.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            factors.record_removed(actor_of(self.request), self.request.user, self.authenticator)
            response: HttpResponse = super().form_valid(form)
        messages.success(self.request, _("The authenticator app was removed."))
        return response


class MakeCodes(Personal, GenerateRecoveryCodesView):
    template_name = "account/codes_make.html"
    success_url = reverse_lazy("mfa_view_recovery_codes")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            factors.record_codes_made(actor_of(self.request))
            return super().form_valid(form)


class ShowCodes(Personal, ViewRecoveryCodesView):
    """Shown once, like a token."""

    template_name = "account/codes.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not Authenticator.objects.filter(user=request.user, type="recovery_codes").exists():
            return redirect(HOME)
        return super().dispatch(request, *args, **kwargs)


change_password = ChangePassword.as_view()
add_app = AddApp.as_view()
remove_app = RemoveApp.as_view()
make_codes = MakeCodes.as_view()
show_codes = ShowCodes.as_view()

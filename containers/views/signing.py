"""Signing in and out."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from allauth.account.views import LoginView
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse

from containers.choices import Via
from containers.errors import Conflict
from containers.services import actor, signing


class SignInForm(LoginForm):
    """Asks how many wrong answers there were before it looks at the password."""

    username = forms.CharField(max_length=150)
    password = forms.CharField(strip=False)
    was_held_up = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What allauth calls it; who fills in our form by a script knows it as "username".
        del self.fields["login"]

    def user_credentials(self) -> dict[str, str]:
        return {key: self.cleaned_data[key] for key in ("username", "password")}

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if name is not None:
            try:
                signing.check_pace(actor.of_request(self.request, self.request.user, Via.WEB), name)
            except Conflict as error:
                self.was_held_up = True
                self.add_error(None, str(error))
                return self.cleaned_data
        self.cleaned_data["login"] = name
        return super().clean()


class SignInView(LoginView):
    template_name = "sign_in.html"

    def get_form_class(self) -> type[SignInForm]:
        return SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "has_passkeys": Authenticator.objects.filter(type="webauthn").exists(),
            "oidc": settings.OIDC,
        }

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        # What was held up is on record already, by what held it up.
        if form.cleaned_data.get("username") and form.cleaned_data.get("password") and not form.was_held_up:
            signing.record_failure(actor.of_request(self.request, self.request.user, Via.WEB), form.cleaned_data["username"])
        response: HttpResponse = super().form_invalid(form)
        if form.was_held_up:
            response.status_code = 429
        return response


class SignOutView(LogoutView):
    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if isinstance(request.user, User):
            signing.record_end(actor.of_request(request, request.user, Via.WEB))
        return super().post(request, *args, **kwargs)

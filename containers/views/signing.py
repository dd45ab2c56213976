"""Signing in and out."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from containers.choices import Via
from containers.errors import Conflict
from containers.services import actor, signing


class SignInForm(AuthenticationForm):
    """Asks how many wrong answers there were before it looks at the password."""

    def clean(self) -> dict[str, object]:
        name = self.cleaned_data.get("username")
        if name is not None and self.request is not None:
            try:
                signing.check_pace(actor.of_request(self.request, self.request.user, Via.WEB), name)
            except Conflict as error:
                self.was_held_up = True
                self.add_error(None, str(error))
                return self.cleaned_data
        return super().clean()

    was_held_up = False


class SignInView(LoginView):
    template_name = "sign_in.html"
    redirect_authenticated_user = True
    authentication_form = SignInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        # Who cannot be recorded does not come in.
        with transaction.atomic():
            response = super().form_valid(form)
            signing.record_success(actor.of_request(self.request, form.get_user(), Via.WEB))
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        # What was held up is on record already, by what held it up.
        if form.cleaned_data.get("username") and form.cleaned_data.get("password") and not getattr(form, "was_held_up", False):
            signing.record_failure(actor.of_request(self.request, self.request.user, Via.WEB), form.cleaned_data["username"])
        response = super().form_invalid(form)
        if getattr(form, "was_held_up", False):
            response.status_code = 429
        return response


class SignOutView(LogoutView):
    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if isinstance(request.user, User):
            signing.record_end(actor.of_request(request, request.user, Via.WEB))
        return super().post(request, *args, **kwargs)

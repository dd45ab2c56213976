"""What comes between a right password and being signed in."""

from __future__ import annotations

from typing import Any

from allauth.account.stages import LoginStage
from allauth.mfa.internal.constants import LoginStageKey
from allauth.mfa.utils import is_mfa_enabled


class FactorStage(LoginStage):
    """Asks for the second factor of who has one.

    allauth's own stage does it; it loads the code for passkeys along with it, four megabytes that a sign-in without a second
    factor has no need of.
    """

    key = LoginStageKey.MFA_AUTHENTICATE.value
    urlname = "mfa_authenticate"

    def handle(self) -> tuple[Any, bool]:
        if self.login.user is None or not is_mfa_enabled(self.login.user):
            return None, True
        from allauth.mfa.stages import AuthenticateStage

        return AuthenticateStage(self.controller, self.request, self.login).handle()

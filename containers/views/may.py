"""What somebody may do, as templates ask for it: `shell.may.edit`, `page.may.edit`."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User

from containers.domain.rights import RIGHTS
from containers.services import access


@dataclass(frozen=True)
class May:
    """With the container `name`; or, where it is about none, somewhere: what a button stands for may still be refused."""

    user: User | AnonymousUser
    name: str = ""

    def __getitem__(self, right: str) -> bool:
        """Answer for one of the rights; a template's `may.edit` looks here first."""
        if right == "act":
            return any(self[one] for one in RIGHTS if one not in ("view", "users", "audit"))
        if right == "view_all":
            return access.may(self.user, "view")
        known = next((one for one in RIGHTS if one == right), None)
        if known is None:
            raise KeyError(right)
        return access.may(self.user, known, self.name) if self.name else access.may_somewhere(self.user, known)

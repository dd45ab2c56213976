"""Who may do what: one right, held by an account or by a role, in a scope."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from containers.choices import Right
from containers.domain.rights import EVERYTHING, Scope

__all__ = ["Grant"]


class Grant(models.Model):
    # Exactly one of both; roles are Django's groups.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="grants")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="grants")
    right = models.CharField(max_length=10, choices=Right)
    # Names of containers, as fnmatch(3) reads it; and of which app, by its installation's name.
    pattern = models.CharField(max_length=63, default=EVERYTHING)
    app = models.CharField(max_length=63, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("right", "pattern", "app", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(user__isnull=True, group__isnull=False) | models.Q(user__isnull=False, group__isnull=True),
                name="grant_to_one",
            ),
            models.UniqueConstraint(fields=("user", "right", "pattern", "app"), name="grant_to_user_once"),
            models.UniqueConstraint(fields=("group", "right", "pattern", "app"), name="grant_to_group_once"),
        )

    def __str__(self) -> str:
        return f"{self.right} on {self.pattern}"

    @property
    def scope(self) -> Scope:
        return Scope(self.pattern, self.app)

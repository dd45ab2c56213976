"""Keys for the API, stored hashed: the text is shown once, when it is made."""

from __future__ import annotations

from django.conf import settings
from django.db import models

__all__ = ["ApiToken"]


class ApiToken(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    # SHA-256 in hex: the token has 256 random bits, so a slow hash would add nothing.
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=60, blank=True)
    # The rights that it is good for, of those that its owner has; empty for all of them.
    scope = models.JSONField(default=list, blank=True)
    # Networks that it is taken from, as "10.0.0.0/8"; empty for any.
    addresses = models.JSONField(default=list, blank=True)
    # The token that it was asked for with: it is good for no more, and goes with it.
    made_with = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="made")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"

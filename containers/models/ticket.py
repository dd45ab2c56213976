"""One-time permissions to open a session with root's session server."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from containers.choices import Via

__all__ = ["Ticket"]


class Ticket(models.Model):
    # SHA-256 in hex: the ticket has 256 random bits, so a slow hash would add nothing.
    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # What the session is, one of `services.tickets.KINDS`, and what it is about: a name.
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=255)
    arguments = models.JSONField(default=dict)
    via = models.CharField(max_length=6, choices=Via)
    remote_address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"ticket {self.pk} for {self.kind} {self.subject}"

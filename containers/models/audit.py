"""Who did what: append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from containers.choices import Via

__all__ = ["Event"]


class Event(models.Model):
    at = models.DateTimeField(auto_now_add=True)
    # "container.update", "job.queue", "queue.refuse", …
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=100, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # Kept as text when the account goes.
    user_name = models.CharField(max_length=150, blank=True)
    remote_address = models.GenericIPAddressField(null=True)
    via = models.CharField(max_length=6, choices=Via)
    data = models.JSONField(default=dict)
    job = models.ForeignKey("Job", null=True, on_delete=models.SET_NULL, related_name="events")

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("kind", "subject", "id"), name="event_by_subject"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

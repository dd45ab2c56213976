"""Who did what: a chain that nobody changes. The database refuses to update and to delete (migration `audit`)."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from containers.choices import Via, event_kinds
from containers.querysets import EventQuerySet

__all__ = ["Event", "EventGap", "SavedView"]


class Event(models.Model):
    """One link. `id` is its place: who writes it holds the chain's end, and gives it the next number."""

    at = models.DateTimeField()
    kind = models.CharField(max_length=40, choices=event_kinds)
    subject = models.CharField(max_length=100, blank=True)
    # No constraint: what is recorded stays as it is when an account goes, its number included.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    # Kept as text when the account goes.
    user_name = models.CharField(max_length=150, blank=True)
    remote_address = models.GenericIPAddressField(null=True)
    via = models.CharField(max_length=6, choices=Via)
    # Of the request that asked for it; what one request did has the same.
    request_id = models.CharField(max_length=32, blank=True)
    data = models.JSONField(default=dict)
    job = models.ForeignKey("Job", null=True, on_delete=models.DO_NOTHING, related_name="events", db_constraint=False)
    # The digest of the event before, and of this one (containers.domain.chain). Two events never follow the same one.
    previous = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("subject", "id"), name="event_by_subject"),
            models.Index(fields=("user_name", "id"), name="event_by_user"),
            models.Index(fields=("kind", "id"), name="event_by_kind"),
            # Of the page's filter and of retention.
            models.Index(fields=("at",), name="event_by_age"),
        )
        permissions = (("read_audit", "Can read the audit trail"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class EventGap(models.Model):
    """A run of events that are not kept any more: signed by root, it holds the chain together where they were.

    A trigger lets an event be deleted only where a gap covers it.
    """

    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField(unique=True)
    count = models.PositiveBigIntegerField()
    # When the youngest of them was.
    until = models.DateTimeField()
    # The digest before the first, and that of the last.
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    signature = models.TextField()

    class Meta:
        ordering = ("first",)

    def __str__(self) -> str:
        return f"events {self.first} to {self.last}"


class SavedView(models.Model):
    """Filters of the audit page under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="audit_views")
    name = models.CharField(max_length=60)
    # As in the page's address, without the question mark.
    query = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="view_unique_name"),)

    def __str__(self) -> str:
        return self.name

"""Terminals that somebody had open in a container: who, when, as whom, and how it ended; not what was typed."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from containers.choices import TerminalEnding, Via
from containers.models.container import Container
from containers.querysets import TerminalQuerySet

__all__ = ["TerminalSession"]


class TerminalSession(models.Model):
    container = models.ForeignKey(Container, null=True, on_delete=models.SET_NULL, related_name="terminals")
    # Kept as text when container and account go.
    container_name = models.CharField(max_length=63)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    user_name = models.CharField(max_length=150, blank=True)
    remote_address = models.GenericIPAddressField(null=True)
    via = models.CharField(max_length=6, choices=Via)
    # Empty: the login shell of the container's user `uid`, of root where that is empty, too.
    command = models.JSONField(default=list)
    uid = models.CharField(max_length=32, blank=True)

    requested_at = models.DateTimeField(auto_now_add=True)
    # None: nobody came with the ticket (yet). Root writes from here on.
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=TerminalEnding, blank=True)
    # In words, where the ending alone does not say it.
    reason = models.TextField(blank=True)
    exit_code = models.IntegerField(null=True)
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    is_recorded = models.BooleanField(default=False)
    # Who asked root to end it; the name of an account.
    end_asked_by = models.CharField(max_length=150, blank=True)

    objects = TerminalQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # "The terminals of this container", newest first; what the monitor looks through for those that vanished.
            models.Index(fields=("container_name", "id"), name="terminal_by_container"),
            models.Index(fields=("ended_at", "id"), name="terminal_by_end"),
        )
        permissions = (("open_terminal", "Can open a terminal in containers"),)

    def __str__(self) -> str:
        return f"terminal {self.pk} in {self.container_name}"

    @property
    def is_open(self) -> bool:
        return self.started_at is not None and self.ended_at is None

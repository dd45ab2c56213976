"""The machine that containers run on. There is one now; nothing else may assume that it stays the only one."""

from __future__ import annotations

from django.db import models

__all__ = ["Host"]


class Host(models.Model):
    name = models.CharField(max_length=64, unique=True)
    # /proc/sys/kernel/random/boot_id when autostart was last queued: another value means that it booted since.
    boot_id = models.CharField(max_length=36, blank=True)
    system = models.CharField(max_length=100, blank=True)
    lxc_version = models.CharField(max_length=20, blank=True)
    # What the LXC configuration depends on: filled in by whoever runs on the host as root.
    cgroup2 = models.BooleanField(default=False)
    apparmor = models.BooleanField(default=False)
    monitor_seen_at = models.DateTimeField(null=True)
    volumes_seen_at = models.DateTimeField(null=True)
    # Sentences: what bridge, address, forwarding and firewall lacked at the last look.
    network_missing = models.JSONField(default=list)
    network_seen_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        """The name of the one RQ queue that this host's worker listens on."""
        return f"host:{self.name}"

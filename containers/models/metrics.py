"""What was in use at one moment, by the host and by each of its containers: one row for all of them."""

from __future__ import annotations

from django.db import models

from containers.models.host import Host

__all__ = ["Sample"]


class Sample(models.Model):
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="samples")
    # The end of the time that its rates and means are over.
    at = models.DateTimeField()
    # How long that time was: as often as is sampled, or a minute, the mean of what was sampled in it.
    span_s = models.PositiveSmallIntegerField()

    cpu = models.FloatField(null=True)
    processors = models.PositiveSmallIntegerField()
    memory_bytes = models.BigIntegerField()
    memory_total_bytes = models.BigIntegerField()
    disk_bytes = models.BigIntegerField()
    disk_total_bytes = models.BigIntegerField()
    # domain.usage.pack: 32 bytes for each container that ran, by its key. Last, so that the host's history does not load it.
    containers = models.BinaryField()

    class Meta:
        ordering = ("at",)
        # The order of reading, and of removing what is too old.
        constraints = (models.UniqueConstraint(fields=("host", "span_s", "at"), name="sample_once"),)

    def __str__(self) -> str:
        return f"{self.span_s} s to {self.at.isoformat()}"

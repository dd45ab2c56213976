"""What of persistent data lies on a host: written by root's processes, which alone may look."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from containers.choices import MountKind
from containers.models.fields import SizeField
from containers.models.host import Host

__all__ = ["Volume"]


class Volume(models.Model):
    """A directory or file below the volumes directory; the row goes when it goes. Who mounts it, the definitions say."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="volumes")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=9, choices=MountKind)
    # None until somebody asked for it to be measured: that reads all of it.
    size_bytes = SizeField(null=True)
    measured_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="volume_unique_name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("volume-detail", args=[self.name])

    @property
    def is_file(self) -> bool:
        return self.kind == MountKind.FILE

"""What root filesystems are made of."""

from __future__ import annotations

from django.db import models

from containers.models.host import Host
from containers.querysets import LayerQuerySet

__all__ = ["Layer"]


class Layer(models.Model):
    """A directory with part of a root filesystem, below DATA_DIR/layers."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="layers")
    name = models.CharField(max_length=64)
    # False from the request until the import has ended: such a layer cannot be used yet.
    is_available = models.BooleanField(default=False)
    size_bytes = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LayerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="layer_unique_name"),)

    def __str__(self) -> str:
        return self.name

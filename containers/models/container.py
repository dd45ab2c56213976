"""A container's definition, one field for one key, and what is known of the container on its host."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from containers.choices import ContainerState, MountKind, Via
from containers.domain.definition import Definition
from containers.domain.limits import Limits, Timeouts
from containers.models.host import Host
from containers.models.image import Layer
from containers.querysets import ContainerQuerySet

__all__ = ["Container", "Dependency", "EnvironmentVariable", "LayerUse", "Mount", "Revision"]


class Container(models.Model):
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="containers")
    name = models.CharField(max_length=63)
    description = models.CharField(max_length=200, blank=True)
    autostart = models.BooleanField(default=False)
    protected = models.BooleanField(default=False)

    # The definition (DESIGN: the container definition); depends, layers, mounts and env are rows of their own.
    build = models.BooleanField(default=False)
    uid = models.CharField(max_length=10, null=True, blank=True)  # noqa: DJ001  null is the contract's default
    gid = models.CharField(max_length=10, null=True, blank=True)  # noqa: DJ001
    cmd = models.TextField(null=True, blank=True)  # noqa: DJ001
    cwd = models.TextField(null=True, blank=True)  # noqa: DJ001
    ready = models.TextField(null=True, blank=True)  # noqa: DJ001
    halt = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001

    memory_bytes = models.BigIntegerField(null=True, blank=True)
    cpus = models.FloatField(null=True, blank=True)
    pids = models.PositiveIntegerField(null=True, blank=True)
    start_timeout = models.PositiveIntegerField(default=30)
    ready_timeout = models.PositiveIntegerField(default=30)
    stop_timeout = models.PositiveIntegerField(default=30)

    # Kept from creation until destroy.
    address = models.GenericIPAddressField(protocol="IPv4")
    revision = models.PositiveIntegerField(default=1)
    # SHA-256 over all that a start puts into effect; differs from `applied_digest` when a restart is needed.
    digest = models.CharField(max_length=64)

    # What the host last said. `state_at` orders writers: an older look never replaces a newer one.
    state = models.CharField(max_length=10, choices=ContainerState, default=ContainerState.STOPPED)
    state_at = models.DateTimeField(null=True)
    state_since = models.DateTimeField(null=True)
    pid = models.PositiveIntegerField(null=True)
    # None: has no readiness check, or nobody looked since it started.
    is_ready = models.BooleanField(null=True)
    # True from a `mount` job until `unmount` or the next start.
    is_mounted = models.BooleanField(default=False)
    # False until its directories exist on the host.
    is_created = models.BooleanField(default=False)
    # SHA-256 of the LXC configuration that was written last.
    config_digest = models.CharField(max_length=64, blank=True)
    # What the monitor found to be other than it should be (domain.drift.Entry), what tells it from something else, and of
    # which of these somebody has seen enough.
    drift = models.JSONField(default=list)
    drift_digest = models.CharField(max_length=64, blank=True)
    drift_ignored = models.CharField(max_length=64, blank=True)
    drift_at = models.DateTimeField(null=True)
    applied_revision = models.PositiveIntegerField(null=True)
    applied_digest = models.CharField(max_length=64, blank=True)
    # First line of why the last start did not end well; empty after one that did.
    failure = models.CharField(max_length=300, blank=True)
    last_job = models.ForeignKey("Job", null=True, on_delete=models.SET_NULL, related_name="+")
    # The job that builds a layer in it: such a container goes when the job has ended, however it ends.
    build_job = models.ForeignKey("Job", null=True, on_delete=models.PROTECT, related_name="build_containers")

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ContainerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("host", "name"), name="container_unique_name"),
            models.UniqueConstraint(fields=("host", "address"), name="container_unique_address"),
        )
        indexes = (
            # The list page's state chips.
            models.Index(fields=("host", "state"), name="container_by_state"),
        )
        permissions = (("operate_container", "Can start, stop and change containers"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("container-detail", args=[self.name])

    @property
    def is_pending(self) -> bool:
        """Whether what is saved differs from what the running container was started with."""
        return self.state != ContainerState.STOPPED and bool(self.applied_digest) and self.applied_digest != self.digest

    @property
    def has_drift(self) -> bool:
        """Whether something differs on the host that nobody has chosen to ignore."""
        return bool(self.drift_digest) and self.drift_digest != self.drift_ignored

    @property
    def definition(self) -> Definition:
        """The definition as one value; costs a query per relation unless `with_definition()` loaded them.

        Raises InvalidRequest where the rows do not make a valid definition.
        """
        return Definition.parse(
            {
                "build": self.build,
                "depends": [row.needs.name for row in self.dependencies.all()],
                "layers": [row.layer.name for row in self.layer_uses.all()],
                "mounts": {row.volume: row.target for row in self.mounts.all()},
                "env": {row.key: row.value for row in self.environment.all()},
                "uid": self.uid,
                "gid": self.gid,
                "cmd": self.cmd,
                "cwd": self.cwd,
                "ready": self.ready,
                "halt": self.halt,
            }
        )

    @property
    def limits(self) -> Limits:
        return Limits(memory_bytes=self.memory_bytes, cpus=self.cpus, pids=self.pids)

    @property
    def timeouts(self) -> Timeouts:
        return Timeouts(start=self.start_timeout, ready=self.ready_timeout, stop=self.stop_timeout)


class Dependency(models.Model):
    """An edge of the graph: `container` starts after `needs` is running and ready."""

    container = models.ForeignKey(Container, on_delete=models.CASCADE, related_name="dependencies")
    needs = models.ForeignKey(Container, on_delete=models.PROTECT, related_name="dependents")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("container", "needs"), name="dependency_once"),
            models.CheckConstraint(condition=~models.Q(container=models.F("needs")), name="dependency_not_itself"),
        )

    def __str__(self) -> str:
        return f"{self.container_id} needs {self.needs_id}"


class LayerUse(models.Model):
    """A layer in a container's root filesystem; position 0 is the lowest."""

    container = models.ForeignKey(Container, on_delete=models.CASCADE, related_name="layer_uses")
    layer = models.ForeignKey(Layer, on_delete=models.PROTECT, related_name="uses")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("container", "layer"), name="layer_use_once"),
            models.UniqueConstraint(fields=("container", "position"), name="layer_use_one_at_a_position"),
        )

    def __str__(self) -> str:
        return f"{self.container_id}: {self.position} {self.layer_id}"


class Mount(models.Model):
    """A volume in a container; `mountpoint` is relative to the root filesystem."""

    container = models.ForeignKey(Container, on_delete=models.CASCADE, related_name="mounts")
    volume = models.CharField(max_length=64)
    mountpoint = models.TextField()
    kind = models.CharField(max_length=9, choices=MountKind, default=MountKind.DIRECTORY)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("container", "volume"), name="mount_volume_once"),
            models.UniqueConstraint(fields=("container", "mountpoint"), name="mount_mountpoint_once"),
        )

    def __str__(self) -> str:
        return f"{self.volume} at /{self.mountpoint}"

    @property
    def target(self) -> str:
        """The value of the definition's `mounts` object: the mountpoint, with `:file` for a file."""
        return f"{self.mountpoint}:file" if self.kind == MountKind.FILE else self.mountpoint


class EnvironmentVariable(models.Model):
    container = models.ForeignKey(Container, on_delete=models.CASCADE, related_name="environment")
    key = models.CharField(max_length=128)
    value = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("container", "key"), name="environment_key_once"),)

    def __str__(self) -> str:
        return self.key


class Revision(models.Model):
    """What one save made of a container: kept when the container or the user goes."""

    container = models.ForeignKey(Container, null=True, on_delete=models.SET_NULL, related_name="revisions")
    container_name = models.CharField(max_length=63)
    number = models.PositiveIntegerField()
    # {definition, description, autostart, protected, limits, timeouts}, defaults left out.
    data = models.JSONField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    user_name = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=6, choices=Via)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("container", "number"), name="revision_unique_number"),)

    def __str__(self) -> str:
        return f"{self.container_name} {self.number}"

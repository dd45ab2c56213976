"""Installed apps: what belongs to each, what was answered, and how to get back to the version before."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.db import models

from containers.choices import InstallationState, Via
from containers.models.container import Container
from containers.models.fields import SizeField
from containers.models.host import Host
from containers.models.sealed import SealedTextField

__all__ = [
    "Backup",
    "BackupSchedule",
    "Installation",
    "InstallationContainer",
    "InstallationPort",
    "InstallationVersion",
    "InstallationVolume",
]


class Installation(models.Model):
    """One app, installed under a name. Root's copy of its folder says what it is; nothing of that is believed from here."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="installations")
    name = models.CharField(max_length=40)
    app = models.CharField(max_length=40)
    version = models.CharField(max_length=63)
    title = models.CharField(max_length=1000)
    # What root's copy of the app's folder is called; empty until it is installed.
    kept = models.CharField(max_length=64, blank=True)
    # What a job was doing to it, until it has ended well: the way on, or back, when it was killed.
    state = models.CharField(max_length=12, choices=InstallationState, default=InstallationState.INSTALLING)
    # The job that works on it, or did last.
    job = models.ForeignKey("Job", null=True, on_delete=models.SET_NULL, related_name="+")
    # {question: answer}; of what is secret, the whole as one sealed text.
    answers = models.JSONField(default=dict)
    secrets = SealedTextField(blank=True)
    # What an update that was asked for is to answer.
    next_answers = models.JSONField(default=dict)
    next_secrets = SealedTextField(blank=True)
    # What the app tells after its installation; it holds no secret.
    notes = models.TextField(blank=True)
    # The containers that were up before a job stopped them.
    was_up = models.JSONField(default=list)
    # The volumes that a removal takes with it.
    removes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("host", "name"), name="installation_unique_name"),)

    def __str__(self) -> str:
        return self.name


class InstallationContainer(models.Model):
    """A container of an installation; `key` is what the app calls it, `offers` what others can use it for."""

    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="containers")
    key = models.CharField(max_length=20)
    container = models.OneToOneField(Container, on_delete=models.CASCADE, related_name="installed")
    offers = models.JSONField(default=list)

    class Meta:
        ordering = ("key",)
        constraints = (models.UniqueConstraint(fields=("installation", "key"), name="installation_container_once"),)

    def __str__(self) -> str:
        return self.key


class InstallationVolume(models.Model):
    """A volume of an installation. `is_adopted`: it was there before, so it stays when the installation fails."""

    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="volumes")
    key = models.CharField(max_length=20)
    name = models.CharField(max_length=64)
    is_adopted = models.BooleanField(default=False)

    class Meta:
        ordering = ("key",)
        constraints = (models.UniqueConstraint(fields=("installation", "key"), name="installation_volume_once"),)

    def __str__(self) -> str:
        return self.name


class InstallationPort(models.Model):
    """A port of the host that leads to a container: one at a time, so a unique one."""

    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="ports")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="ports")
    port = models.PositiveIntegerField()
    # By name: the port is kept for the installation before its containers are there.
    container = models.CharField(max_length=63)
    container_port = models.PositiveIntegerField()
    title = models.CharField(max_length=1000, blank=True)
    scheme = models.CharField(max_length=5, blank=True)
    path = models.CharField(max_length=201, default="/")

    class Meta:
        ordering = ("port",)
        constraints = (models.UniqueConstraint(fields=("host", "port"), name="installation_port_unique"),)

    def __str__(self) -> str:
        return f"{self.port} to {self.container}:{self.container_port}"


class InstallationVersion(models.Model):
    """What an installation was before its last update: all that a way back needs, beside the layers, which stay."""

    installation = models.OneToOneField(Installation, on_delete=models.CASCADE, related_name="previous")
    version = models.CharField(max_length=63)
    title = models.CharField(max_length=1000, blank=True)
    kept = models.CharField(max_length=64, blank=True)
    # Its copies are being removed: no way leads back any more.
    is_given_up = models.BooleanField(default=False)
    answers = models.JSONField(default=dict)
    secrets = SealedTextField(blank=True)
    notes = models.TextField(blank=True)
    # {what the app calls it: `domain.spec.ContainerSpec` in its JSON form}, and what each offers.
    specs = models.JSONField(default=dict)
    offers = models.JSONField(default=dict)
    # [{port, container, container_port, title, scheme, path}]
    ports = models.JSONField(default=list)
    # {what the app calls it: name}
    volumes = models.JSONField(default=dict)
    # {volume: its copy}, made when all containers stood still.
    copies = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.version


class BackupSchedule(models.Model):
    """When an installation is backed up by itself, and in whose name; see `domain.schedule.Schedule`."""

    installation = models.OneToOneField(Installation, on_delete=models.CASCADE, related_name="schedule")
    every = models.CharField(max_length=6)
    hour = models.PositiveSmallIntegerField()
    weekday = models.PositiveSmallIntegerField()
    kept = models.PositiveIntegerField()
    freeze = models.BooleanField()
    due_at = models.DateTimeField(null=True)
    # Who wanted it: asked for the right every time. Without an account, root on the host.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=10, choices=Via)

    class Meta:
        # What the monitor asks for every minute.
        indexes = (models.Index(fields=("due_at",), name="backup_schedule_due"),)

    def __str__(self) -> str:
        return f"{self.installation}: {self.every}"


class Backup(models.Model):
    """A file with an installation's volumes and answers, below the backups directory. It outlives the installation."""

    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="backups")
    # Of the installation that it is of.
    installation = models.CharField(max_length=40)
    app = models.CharField(max_length=40)
    version = models.CharField(max_length=63)
    file_name = models.CharField(max_length=100)
    size_bytes = SizeField()
    is_scheduled = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (models.UniqueConstraint(fields=("host", "file_name"), name="backup_unique_file"),)

    def __str__(self) -> str:
        return self.file_name

    @property
    def download_url(self) -> str:
        """Return where the API sends it from."""
        return f"/api/v1/backups/{quote(self.file_name, safe='')}/"

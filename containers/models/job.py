"""One piece of host work and its journal: job → steps → commands → lines."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from containers.choices import ACTIVE_JOB_STATES, ENDED_JOB_STATES, Cancel, JobState, StepState, Via, operations
from containers.models.fields import NamesField
from containers.models.host import Host
from containers.querysets import JobQuerySet

__all__ = ["Command", "Job", "JobContainer", "Line", "Step"]


class Job(models.Model):
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="jobs")
    operation = models.CharField(max_length=20, choices=operations)
    # Names: of containers, or of the layer that a layer job is about.
    targets = NamesField(default=list)
    inputs = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    # Why it waits, or in short why it did not succeed.
    reason = models.TextField(blank=True)
    # In the failing tool's own words; a traceback where the job `errored`.
    error = models.TextField(blank=True)
    cancel = models.CharField(max_length=4, choices=Cancel, default=Cancel.NO, blank=True)
    # {container: number}: the revisions that the job worked with.
    revisions = models.JSONField(default=dict)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # Kept as text when the account goes.
    user_name = models.CharField(max_length=150, blank=True)
    remote_address = models.GenericIPAddressField(null=True)
    via = models.CharField(max_length=6, choices=Via)
    retry_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="retries")

    # Lines of its output that are not kept any more, and when the last of them were removed.
    swept_lines = models.PositiveIntegerField(default=0)
    swept_at = models.DateTimeField(null=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # When who asked for it has seen that it ended.
    read_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # The worker's and the reaper's look for unfinished work, the job list's state filter.
            models.Index(fields=("host", "state", "id"), name="job_by_state"),
            models.Index(fields=("operation", "id"), name="job_by_operation"),
            models.Index(fields=("user_name", "id"), name="job_by_user"),
            # The bell on every page.
            models.Index(fields=("user", "state"), condition=models.Q(read_at=None), name="job_unread"),
        )

    def __str__(self) -> str:
        return f"job {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("job-detail", args=[self.pk])

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_JOB_STATES

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED_JOB_STATES


class JobContainer(models.Model):
    """A container that a job is about or touches on its way; by name, so it outlives the container."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="containers")
    name = models.CharField(max_length=63)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("job", "name"), name="job_container_once"),)
        # "The jobs of this container", newest first.
        indexes = (models.Index(fields=("name", "-job"), name="job_container_by_name"),)

    def __str__(self) -> str:
        return self.name


class Step(models.Model):
    """One action of a job on one container (or, with an empty name, on the host)."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField()
    container = models.CharField(max_length=63, blank=True)
    action = models.CharField(max_length=30)
    # Why it is in the plan.
    reason = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.PENDING)
    # What it waits for or is doing right now; why it did not succeed.
    note = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("job", "number"), name="step_unique_number"),)

    def __str__(self) -> str:
        return f"{self.action} {self.container}".strip()


class Command(models.Model):
    """One program run on the host. `tries` counts the runs of one that is repeated until it succeeds."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="commands")
    number = models.PositiveIntegerField()
    argv = models.JSONField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True)
    # None while it runs; negative: the signal that ended it.
    exit_code = models.IntegerField(null=True)
    tries = models.PositiveIntegerField(default=1)
    # SHA-256 of all its output, which lines that are not kept any more are part of; empty while it runs.
    output_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("step", "number"), name="command_unique_number"),)

    def __str__(self) -> str:
        return " ".join(self.argv)

    @property
    def output(self) -> str:
        """All that is kept of its output; costs a query unless the lines were prefetched."""
        return "".join(f"{line.text}\n" for line in self.lines.all())


class Line(models.Model):
    """One line of output, numbered through the whole job: a follower asks for those after the last it has."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    command = models.ForeignKey(Command, null=True, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("job", "number"), name="line_unique_number"),)
        # The last lines of one command, of a hundred thousand.
        indexes = (models.Index(fields=("command", "number"), name="line_by_command"),)

    def __str__(self) -> str:
        return self.text

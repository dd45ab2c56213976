"""Reads beyond one line, as named methods. They own what is joined, prefetched and deferred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, cast

from django.db import models

from containers.choices import ACTIVE_JOB_STATES, PENDING_JOB_STATES, JobState

if TYPE_CHECKING:
    from containers.models import Container, Event, Image, Job, Layer, TerminalSession  # noqa: F401  named as text, as the type of the rows


class ContainerQuerySet(models.QuerySet["Container"]):
    def with_definition(self) -> Self:
        """Load what `Container.definition` reads: four queries more, whatever the number of containers."""
        return self.prefetch_related(*self._definition())

    def load_definition(self, row: Container) -> None:
        """Load the same of a row that is there already."""
        models.prefetch_related_objects([row], *self._definition())

    def _definition(self) -> tuple[models.Prefetch[str] | str, ...]:
        return (
            _with_name(self.model, "dependencies", "needs"),
            _with_name(self.model, "layer_uses", "layer"),
            "mounts",
            "environment",
        )

    def lasting(self) -> Self:
        """Leave out those that are there for one job alone."""
        return self.filter(build_job=None)

    def with_dependencies(self) -> Self:
        return self.prefetch_related("dependencies__needs")

    def search(self, text: str) -> Self:
        match = models.Q(name__icontains=text) | models.Q(address__contains=text) | models.Q(description__icontains=text)
        return self.filter(match)

    def edges(self) -> dict[str, tuple[str, ...]]:
        """Return the graph, {name: names it depends on}, in one query."""
        graph: dict[str, list[str]] = {}
        rows = self.values_list("name", "dependencies__needs__name").order_by("name", "dependencies__position")
        for name, needs in rows:
            graph.setdefault(name, [])
            if needs is not None:
                graph[name].append(needs)
        return {name: tuple(needs) for name, needs in graph.items()}


class LayerQuerySet(models.QuerySet["Layer"]):
    def available(self) -> Self:
        return self.filter(is_available=True)

    def with_use_count(self) -> Self:
        return self.annotate(use_count=models.Count("uses"))

    def with_users(self) -> Self:
        """Load the containers and images that use each: two queries more, whatever the number of layers."""
        return self.prefetch_related(
            _with_fields(self.model, "uses", "container"), _with_fields(self.model, "image_uses", "image")
        )


class ImageQuerySet(models.QuerySet["Image"]):
    def with_layers(self) -> Self:
        """Load the layers, the lowest first: one query more, whatever the number of images."""
        return self.prefetch_related(_with_fields(self.model, "image_layers", "layer"))


class JobQuerySet(models.QuerySet["Job"]):
    def active(self) -> Self:
        return self.filter(state__in=ACTIVE_JOB_STATES)

    def pending(self) -> Self:
        return self.filter(state__in=PENDING_JOB_STATES)

    def running(self) -> Self:
        return self.filter(state=JobState.RUNNING)

    def to_ring(self) -> Self:
        """Load no more than a queue entry needs: whatever else stands in a row, its job is taken up or refused."""
        return self.select_related("host").only("pk", "host__name")

    def with_journal(self) -> Self:
        """Load steps, commands and lines: three queries more."""
        return self.prefetch_related("steps__commands__lines")


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, name: str) -> Self:
        """Leave what is about the thing of that name: events of its own, and of the jobs that read or changed it."""
        jobs = self.model._meta.get_field("job").remote_field.model
        own = jobs._default_manager.filter(containers__name=name).values("pk")
        return self.filter(models.Q(subject=name) | models.Q(job__in=own))


class TerminalQuerySet(models.QuerySet["TerminalSession"]):
    def opened(self) -> Self:
        """Leave out requests that nobody came with a ticket for."""
        return self.filter(started_at__isnull=False)

    def open(self) -> Self:
        return self.opened().filter(ended_at=None)

    def ended(self) -> Self:
        return self.opened().filter(ended_at__isnull=False)


def _with_fields(model: type[models.Model], relation: str, of: str) -> models.Prefetch[str]:
    """Return how to load `relation` joined with what it points to: one query in place of two."""
    related = cast("type[models.Model]", model._meta.get_field(relation).related_model)
    return models.Prefetch(relation, related._default_manager.select_related(of))


def _with_name(model: type[models.Model], relation: str, of: str) -> models.Prefetch[str]:
    """Return how to load `relation` joined with the name of what it points to: one query in place of two."""
    related = model._meta.get_field(relation).related_model
    rows = cast("type[models.Model]", related)._default_manager
    return models.Prefetch(relation, rows.select_related(of).only("container", "position", f"{of}__name"))

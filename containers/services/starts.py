"""What is known of a container's earlier starts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.fields.json import KeyTextTransform

from containers.choices import StepState
from containers.domain.steps import Action
from containers.models import Job, Revision, Step
from containers.services import hosts


@dataclass(frozen=True)
class GoodStart:
    """A job that started the container, ready included, and the revision that it did it with."""

    job: int
    revision: int


def last_good(name: str, before: Job | None = None) -> GoodStart | None:
    """Return the newest start of `name` that ended well, before the job `before` if given; one query.

    A run of another command says nothing of the definition, so it is none.
    """
    jobs = hosts.jobs().filter(containers__name=name).exclude(inputs__has_key="command")
    steps = Step.objects.filter(job__in=jobs, container=name, action=Action.START, state=StepState.SUCCEEDED)
    if before is not None:
        steps = steps.filter(job__lt=before)
    found = steps.order_by("-job").values_list("job", "job__revisions").first()
    number = found[1].get(name) if found and isinstance(found[1], dict) else None
    return GoodStart(found[0], number) if found and isinstance(number, int) else None


def using(revision: Revision, most: int) -> list[Job]:
    """Return the newest jobs that worked with a revision, at most `most`; one query."""
    jobs = hosts.jobs().filter(containers__name=revision.container_name)
    used = jobs.annotate(used=KeyTextTransform(revision.container_name, "revisions")).filter(used=str(revision.number))
    return list(used.defer("error")[:most])

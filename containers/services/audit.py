"""The audit trail: one event for every change, written in the transaction that makes the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containers.models import Event, Job
from containers.services.actor import Actor

# The model's max_length: PostgreSQL would refuse more.
MAX_SUBJECT = 100


def record(actor: Actor, kind: str, subject: str, data: Mapping[str, Any], job: Job | None = None) -> Event:
    """Write that `actor` did `kind` to `subject`. Costs one query; repeating it writes it again."""
    return Event.objects.create(
        kind=kind,
        subject=subject[:MAX_SUBJECT],
        user=actor.user,
        user_name=actor.user_name,
        remote_address=actor.remote_address,
        via=actor.via,
        data=dict(data),
        job=job,
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {"before": …, "after": …} with the keys that differ; a key that one side lacks is at its default there."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {
        "before": {key: before[key] for key in keys if key in before},
        "after": {key: after[key] for key in keys if key in after},
    }

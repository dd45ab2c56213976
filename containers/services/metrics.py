"""What the monitor samples: written in one transaction each time, kept for an hour in full and for a day by the minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from containers.domain import usage
from containers.domain.usage import MachineUsage, Usage
from containers.models import Container, Host, Sample
from containers.services import events

MINUTE_S: Final = 60
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# How long what was sampled is kept as it is, and how long its means by the minute.
KEPT: Final = ((Q(span_s__lt=MINUTE_S), HOUR + timedelta(minutes=5)), (Q(span_s=MINUTE_S), DAY + timedelta(minutes=5)))
# A clock that was set back leaves samples of a time to come.
_AHEAD: Final = timedelta(minutes=5)
# Two that did not come in time: what was last seen is no longer said to be so.
_FRESH: Final = 3
_MACHINE: Final = tuple(MachineUsage.__dataclass_fields__)


@dataclass(frozen=True)
class Now:
    """What was in use when it was last sampled; `containers` by key. Empty when nobody has sampled for a while."""

    at: datetime | None
    machine: MachineUsage | None
    containers: Mapping[int, Usage]


@dataclass(frozen=True)
class Series:
    """What was in use over a time: `values[i]` at `at[i]`, a mean over the `span_s` seconds before."""

    kind: type[Usage | MachineUsage]
    span_s: int
    at: list[datetime]
    values: list[Any]

    def columns(self) -> dict[str, list[float | None]]:
        """Return {name of the number: its values}, as charts take them; None where it is not known."""
        names = self.kind.__dataclass_fields__
        return {name: [getattr(value, name, None) for value in self.values] for name in names}


def record(host: Host, at: datetime, machine: MachineUsage, containers: Mapping[int, Usage]) -> None:
    """Write what was sampled at `at`, the mean of a minute that is over, and remove what is too old. Safe to repeat.

    At most seven queries, whatever the number of containers. `containers` is by key.
    """
    with transaction.atomic():
        last = Sample.objects.filter(host=host, span_s__lt=MINUTE_S).order_by("-at").values_list("at", flat=True).first()
        _write(host, at, settings.SAMPLE_EVERY_S, machine, containers)
        if last is not None and _minute(last) < _minute(at):
            _write_mean(host, _minute(last))
        for which, kept in KEPT:
            Sample.objects.filter(which, Q(at__lt=at - kept) | Q(at__gt=at + _AHEAD), host=host).delete()


def tell(at: datetime, machine: MachineUsage, containers: Mapping[str, Usage]) -> None:
    """Publish what was sampled, so that open pages need not ask; `containers` is by name."""
    shown = {name: {"cpu": _short(used.cpu), "memory_bytes": _whole(used.memory_bytes)} for name, used in containers.items()}
    host = {key: _short(value) for key, value in asdict(machine).items()}
    events.publish("sample", {"at": at.timestamp(), "host": host, "containers": shown})


def now() -> Now:
    """Return what was last sampled of this host. One query."""
    since = timezone.now() - timedelta(seconds=_FRESH * settings.SAMPLE_EVERY_S)
    sample = _samples().filter(span_s__lt=MINUTE_S, at__gte=since).order_by("-at").first()
    if sample is None:
        return Now(None, None, {})
    return Now(sample.at, _machine(sample), usage.unpack(bytes(sample.containers)))


def of_host(since: datetime, *, by_minute: bool | None = None) -> Series:
    """Return what this host used since then; by the minute where that is longer than samples are kept. One query."""
    rows, span_s = _since(since, by_minute)
    found = list(rows.values_list("at", *_MACHINE))
    return Series(MachineUsage, span_s, [row[0] for row in found], [MachineUsage(*row[1:]) for row in found])


def of_container(container: Container, since: datetime, *, by_minute: bool | None = None) -> Series:
    """Return what a container used since then, None where it did not run. One query."""
    rows, span_s = _since(since, by_minute)
    found = list(rows.values_list("at", "containers"))
    return Series(Usage, span_s, [at for at, _ in found], [usage.find(bytes(packed), container.pk) for _, packed in found])


def _since(since: datetime, by_minute: bool | None) -> tuple[Any, int]:
    is_long = timezone.now() - since > KEPT[0][1]
    wanted = Q(span_s=MINUTE_S) if (is_long if by_minute is None else by_minute) else Q(span_s__lt=MINUTE_S)
    span_s = MINUTE_S if wanted == Q(span_s=MINUTE_S) else settings.SAMPLE_EVERY_S
    return _samples().filter(wanted, at__gt=since).order_by("at"), span_s


def _samples() -> Any:
    return Sample.objects.filter(host__name=settings.HOST)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _write(host: Host, at: datetime, span_s: int, machine: MachineUsage, containers: Mapping[int, Usage]) -> None:
    whole = {key: value if key == "cpu" else round(value) for key, value in asdict(machine).items()}
    row = Sample(host=host, span_s=span_s, at=at, containers=usage.pack(containers), **whole)
    changed = ("containers", *_MACHINE)
    Sample.objects.bulk_create([row], update_conflicts=True, unique_fields=("host", "span_s", "at"), update_fields=changed)


def _write_mean(host: Host, begin: datetime) -> None:
    """Write the means of the minute that began then."""
    end = begin + timedelta(seconds=MINUTE_S)
    samples = list(Sample.objects.filter(host=host, span_s__lt=MINUTE_S, at__gte=begin, at__lt=end))
    by_container: dict[int, list[Usage]] = {}
    for sample in samples:
        for key, used in usage.unpack(bytes(sample.containers)).items():
            by_container.setdefault(key, []).append(used)
    containers = {key: usage.mean(found) for key, found in by_container.items()}
    _write(host, end, MINUTE_S, usage.mean(map(_machine, samples)), containers)


def _machine(sample: Sample) -> MachineUsage:
    return MachineUsage(*(getattr(sample, name) for name in _MACHINE))


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)

"""/metrics/: what the host and its containers use, and used."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from django.utils import timezone
from ninja import Query, Schema
from pydantic import Field

from containers.api.auth import SEE, VIEW, ApiRequest
from containers.api.moments import Moment
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.services import metrics, sight
from containers.services.metrics import Series

router = Router(tags=["metrics"])

Column = list[float | None]


class MetricsQuery(Schema):
    since: Annotated[
        Moment | None,
        Field(description="If not given, an hour ago. What is from before then is kept, and so comes, by the minute"),
    ] = None


class SeriesOut(Schema):
    interval_s: Annotated[int, Field(description="What each value is a mean over")]
    at: Annotated[list[float], Field(description="When each was taken, in seconds since 1970; all lists are as long")]
    cpu: Annotated[Column, Field(description="Processors in use: 1.5 is one, and another one half of the time")]
    memory_bytes: Column


class ContainerSeriesOut(SeriesOut):
    memory_limit_bytes: Column
    processes: Column
    received_bytes_s: Column
    sent_bytes_s: Column


class HostSeriesOut(SeriesOut):
    processors: Column
    memory_total_bytes: Column
    disk_bytes: Column
    disk_total_bytes: Column


@router.get("/metrics/", auth=VIEW, response={200: HostSeriesOut, **ERRORS})
def show_host_metrics(request: ApiRequest, query: Query[MetricsQuery]) -> dict[str, Any]:
    """Return what the host used, as one list for each number; null where it is not known."""
    return _export(metrics.of_host(_since(query)))


@router.get("/containers/{name}/metrics/", auth=SEE, response={200: ContainerSeriesOut, **ERRORS})
def show_container_metrics(request: ApiRequest, name: str, query: Query[MetricsQuery]) -> dict[str, Any]:
    """Return what a container used, as one list for each number; null while it did not run, and where it is not known.

    `memory_bytes` is without the files in the page cache that the kernel would give up first.
    """
    return _export(metrics.of_container(sight.container(name), _since(query)))


def _since(query: MetricsQuery) -> Any:
    return query.since or timezone.now() - timedelta(hours=1)


def _export(series: Series) -> dict[str, Any]:
    at = [round(moment.timestamp(), 1) for moment in series.at]
    columns = {name: [_round(name, value) for value in values] for name, values in series.columns().items()}
    return {"interval_s": series.span_s, "at": at, **columns}


def _round(name: str, value: float | None) -> float | None:
    return None if value is None else round(value, 4) if name == "cpu" else round(value)

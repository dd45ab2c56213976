"""Host work on containers, and what it would do."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import BeforeValidator, Field, WithJsonSchema

from containers.api import schemas
from containers.api.auth import ACT, EXECUTE, OPERATE, SEE, ApiRequest, actor_of, require_recent
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.choices import CONTAINER_OPERATIONS
from containers.domain.definition import ContainerName
from containers.domain.states import Operation
from containers.services import operations, plans
from containers.services.inputs import CommandWords, Identity

router = Router(tags=["operations"])

MAX_TARGETS: Final = 1_000

# Those that take nothing but the container's name, and what they do.
PLAIN: Final = {
    Operation.STOP: "Stop the container, and first all that depends on it.",
    Operation.RESTART: "Stop the container and what depends on it, then start again what was running.",
    Operation.RESET: "Empty the ephemeral layer: restart the container, or unmount and mount it again.",
    Operation.KILL: "End the container at once; what depends on it is left alone.",
    Operation.FREEZE: "Suspend all processes of the container.",
    Operation.UNFREEZE: "Let a frozen container go on.",
    Operation.REPAIR: "Bring configuration, limits and mounts on the host to what the definition says.",
    Operation.MOUNT: "Mount the root filesystem of the stopped container.",
    Operation.UNMOUNT: "Unmount the root filesystem of the stopped container.",
}


ALONE: Final = tuple(Operation(operation) for operation in CONTAINER_OPERATIONS)
PLANNED: Final = (*ALONE, *plans.WHOLE_HOST)


def _among(operations: tuple[Operation, ...], value: object) -> Operation:
    if not isinstance(value, str) or value not in operations:
        raise ValueError(f"must be one of {', '.join(operations)}")
    return Operation(value)


def _enum(operations: tuple[Operation, ...]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [operation.value for operation in operations]})


ContainerOperation = Annotated[Operation, BeforeValidator(partial(_among, ALONE)), _enum(ALONE)]
PlannedOperation = Annotated[Operation, BeforeValidator(partial(_among, PLANNED)), _enum(PLANNED)]


class StartBody(schemas.StrictBody):
    command: Annotated[CommandWords, Field(description="Run this in place of the definition's command, this once")] | None = None


class ExecuteBody(schemas.StrictBody):
    command: CommandWords
    uid: Annotated[Identity, Field(description="A number, or a name that the container knows")] | None = None
    gid: Annotated[Identity, Field(description="A number, or a name that the container knows")] | None = None


class BulkBody(schemas.StrictBody):
    operation: ContainerOperation
    containers: Annotated[list[ContainerName], Field(min_length=1, max_length=MAX_TARGETS)]


class OnePlan(Schema):
    operation: ContainerOperation


class ManyPlan(Schema):
    operation: PlannedOperation
    container: Annotated[list[ContainerName], Field(max_length=MAX_TARGETS)] = []


@router.post("/containers/{name}/start/", auth=ACT, response={202: schemas.JobRef, **ERRORS})
def start(request: ApiRequest, name: str, payload: StartBody | None = None) -> HttpResponse:
    """Start the container, and first all that it depends on."""
    return _request(request, Operation.START, [name], _given(payload))


@router.post("/containers/{name}/execute/", auth=EXECUTE, response={202: schemas.JobRef, **ERRORS})
def execute(request: ApiRequest, name: str, payload: ExecuteBody) -> HttpResponse:
    """Run a command in the container; one that is stopped is started for it alone."""
    return _request(request, Operation.EXECUTE, [name], _given(payload))


def _register(operation: Operation, description: str) -> None:
    def view(request: ApiRequest, name: str, payload: schemas.Nothing | None = None) -> HttpResponse:
        return _request(request, operation, [name], {})

    view.__name__ = operation.value
    route = router.post(
        f"/containers/{{name}}/{operation}/", auth=OPERATE, response={202: schemas.JobRef, **ERRORS}, description=description
    )
    route(view)


for _operation, _description in PLAIN.items():
    _register(_operation, _description)


@router.post("/bulk/", auth=ACT, response={202: schemas.JobRef, **ERRORS})
def bulk(request: ApiRequest, payload: BulkBody) -> HttpResponse:
    """Do one operation on several containers, as one job with one plan."""
    if payload.operation == Operation.DESTROY:
        require_recent(request)
    return _request(request, payload.operation, payload.containers, {})


@router.get("/containers/{name}/plan/", auth=SEE, response={200: schemas.PlanOut, **ERRORS})
def plan_one(request: ApiRequest, name: str, query: Query[OnePlan]) -> dict[str, Any]:
    """Return what an operation on the container would do, in order and with reasons; touches nothing."""
    return plans.preview(query.operation, [name]).export()


@router.get("/plan/", auth=SEE, response={200: schemas.PlanOut, **ERRORS})
def plan_many(request: ApiRequest, query: Query[ManyPlan]) -> dict[str, Any]:
    """Return what an operation on several containers would do; `autostart` and `shutdown` find theirs themselves."""
    return plans.preview(query.operation, query.container).export()


def _request(request: ApiRequest, operation: Operation, names: list[str], given: dict[str, Any]) -> HttpResponse:
    return accepted(operations.request(actor_of(request), operation, names, given))


def _given(payload: schemas.StrictBody | None) -> dict[str, Any]:
    return payload.model_dump(mode="json", exclude_none=True) if payload else {}

"""What the API takes and gives (DESIGN: field names), as types: they make the OpenAPI document."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Final

from ninja import Schema
from pydantic import ConfigDict, Field

from containers.api.documented import Documented
from containers.choices import ContainerState, JobState, LayerSource, Operation, StepState, Via
from containers.domain.definition import Definition
from containers.domain.image import Defaults
from containers.domain.limits import Limits, Timeouts
from containers.domain.questions import Answer
from containers.domain.spec import ContainerSpec
from containers.domain.values import Value
from containers.services.app_sources import AppOffer
from containers.services.repositories import Offer


class StrictBody(Schema):
    """The base of all bodies that are judged here: unknown keys are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(StrictBody):
    """No key at all."""


class ContainerChanges(Value):
    """Any of these keys. `definition` replaces the definition as a whole; `limits` and `timeouts` are merged key by key."""

    definition: Definition | None = None
    description: str = ""
    autostart: bool = False
    protected: bool = False
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    revision: Annotated[int, Field(description="Refuse with 409 if the container has another revision by now")] | None = None


class ContainerToMake(ContainerSpec):
    """A container to make. With an `image`, the definition has no `layers`."""

    image: Annotated[
        str | None,
        Field(
            description="NAME (its newest version) or NAME:VERSION. Gives the definition its layers, and defaults for the keys"
            " that it does not have itself; `env` is merged key by key"
        ),
    ] = None


NewContainer = Annotated[Any, Documented(ContainerToMake)]
Changes = Annotated[Any, Documented(ContainerChanges)]


class LimitsOut(Schema):
    memory_bytes: int | None
    cpus: float | None
    pids: int | None


class TimeoutsOut(Schema):
    start: int
    ready: int
    stop: int


class ContainerOut(Schema):
    name: str
    definition: Annotated[dict[str, Any], Documented(Definition)]
    description: str
    autostart: bool
    protected: bool
    limits: LimitsOut
    timeouts: TimeoutsOut
    state: ContainerState
    pid: int | None
    address: str
    pending: bool
    revision: int
    job: int | None


class RevisionOut(Schema):
    number: int
    user: str | None
    via: Via
    created_at: datetime.datetime
    data: dict[str, Any]


class CommandOut(Schema):
    argv: list[str]
    exit_code: int | None
    duration_ms: int | None
    output: str


class StepOut(Schema):
    container: str
    action: str
    state: StepState
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    commands: list[CommandOut]


class JobSummary(Schema):
    id: int
    # A row may hold what no form made.
    operation: Operation | str
    targets: list[str]
    inputs: dict[str, Any]
    state: JobState
    reason: str
    error: str
    user: str | None
    via: Via
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    retry_of: int | None


class JobOut(JobSummary):
    steps: list[StepOut]


class LineOut(Schema):
    number: int
    at: datetime.datetime
    text: str


class LogOut(Schema):
    lines: list[LineOut]
    state: Annotated[JobState, Field(description="When the job has ended and there are no lines, there will be none")]


class LayerOut(Schema):
    name: str
    available: bool
    size: int | None
    digest: Annotated[str | None, Field(description="SHA-256 of its uncompressed tar stream, an OCI DiffID")]
    source: LayerSource
    origin: str
    used_by: list[str]
    images: list[str]
    ways_back: Annotated[list[str], Field(description="Whose way back to an earlier version of an app needs it")]
    created_at: datetime.datetime


class ImageOut(Schema):
    name: str
    version: str
    layers: Annotated[list[str], Field(description="The lowest first")]
    defaults: Annotated[dict[str, Any], Documented(Defaults)]
    size: int
    used_by: list[str]
    ways_back: Annotated[list[str], Field(description="Whose way back to an earlier version of an app stands on it")]


class RecipeFileOut(Schema):
    path: str
    digest: Annotated[str, Field(description="SHA-256 of its content")]
    executable: bool


class RecipeOut(Schema):
    name: str
    text: str
    files: list[RecipeFileOut]
    image: Annotated[str | None, Field(description="NAME:VERSION of the newest image of that name")]
    current: Annotated[bool, Field(description="Whether that image is what the recipe comes to now")]
    problem: Annotated[str | None, Field(description="Why it cannot be built now")]
    job: Annotated[int | None, Field(description="Its last build")]
    updated_at: datetime.datetime


class RepositoryOut(Schema):
    name: str
    location: str
    public_key: str
    serial: Annotated[int | None, Field(description="The number of the newest index that was seen")]
    checked_at: datetime.datetime | None


class NewRepositoryOut(RepositoryOut):
    job: int


class OfferedLayer(Schema):
    digest: str
    size: int


class OfferedOut(Schema):
    name: str
    version: str
    file: str
    size: int
    sha256: str
    layers: Annotated[list[OfferedLayer], Field(description="The lowest first: SHA-256 and length of the uncompressed stream")]
    defaults: Annotated[dict[str, Any], Documented(Defaults)]
    created: datetime.datetime
    here: Annotated[Offer, Field(description="Whether this host has it, or another version of it")]


class QuestionOut(Schema):
    name: str
    type: str
    label: str
    help: str
    default: Answer | None
    required: bool
    secret: bool
    choices: list[str]


class OfferedAppOut(Schema):
    name: str
    version: str
    title: str
    description: str
    file: str
    size: int
    sha256: str
    created: datetime.datetime
    here: Annotated[AppOffer, Field(description="What it is to this host's catalogue; the name of another app is taken")]


class RepositoryDetail(RepositoryOut):
    images: list[OfferedOut]
    apps: list[OfferedAppOut]


class RepositoryPage(Schema):
    count: int
    next: str | None
    results: list[RepositoryOut]


class PlanStepOut(Schema):
    container: str
    action: str
    reason: str


class PlanOut(Schema):
    operation: Operation
    targets: list[str]
    steps: list[PlanStepOut]


class JobRef(Schema):
    job: int


class ImportOut(JobRef):
    containers: list[str]


class ContainerPage(Schema):
    count: int
    next: str | None
    results: list[ContainerOut]


class RevisionPage(Schema):
    count: int
    next: str | None
    results: list[RevisionOut]


class EventOut(Schema):
    id: int
    at: datetime.datetime
    kind: str
    subject: str
    user: Annotated[int | None, Field(description="The account's number; it may be gone")]
    user_name: str
    remote_address: str | None
    via: Via
    request_id: str
    data: Any
    job: int | None
    previous: Annotated[str, Field(description="The digest of the event before")]
    digest: str


class EventPage(Schema):
    count: int
    next: str | None
    results: list[EventOut]


class JobPage(Schema):
    count: int
    next: str | None
    results: list[JobSummary]


class LayerPage(Schema):
    count: int
    next: str | None
    results: list[LayerOut]


class ImagePage(Schema):
    count: int
    next: str | None
    results: list[ImageOut]


class RecipePage(Schema):
    count: int
    next: str | None
    results: list[RecipeOut]


class ErrorItem(Schema):
    field: str
    message: str


class Error(Schema):
    code: str
    message: str
    field: str | None = None
    errors: list[ErrorItem] | None = None


# What every operation may answer beside what it promises.
ERRORS: Final = {frozenset({400, 401, 403, 404, 409, 422}): Error}


# What an exported image is answered with, for the OpenAPI document.
TAR_FILE: Final = {
    "responses": {
        code: {"description": description, "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}
        for code, description in ((200, "OK"), (206, "The part that was asked for"))
    }
}

"""The only way from Redis to code: a queue entry is one number, and exactly one function takes it.

Whoever can write to Redis can push anything (DESIGN: the privilege line). rq would import any dotted path,
call callbacks and web hooks named in the entry, and unpickle where no serializer is named; here an entry is
read by a fixed form or refused. Pinned to rq 3.0, whose internals are overridden.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import rq
import rq.job
import rq.worker
from rq.exceptions import NoSuchJobError
from rq.serializers import DefaultSerializer, JSONSerializer
from rq.utils import now

if TYPE_CHECKING:
    from redis import Redis
    from rq.executions import Execution

logger = logging.getLogger(__name__)

FUNCTION: Final = "containers.jobs.runner.run_job"
# A genuine entry takes some 60 bytes; zlib may not blow a small one up.
MAX_DATA_BYTES: Final = 1_000


class RefusedEntry(Exception):
    """A queue entry that spocweb did not write."""


def disable_pickle() -> None:
    """Make rq's fallback serializer fail in this process; safe to repeat."""
    DefaultSerializer.dumps = _refuse_pickle
    DefaultSerializer.loads = _refuse_pickle


def _refuse_pickle(*args: object, **kwargs: object) -> NoReturn:
    raise RefusedEntry("pickle is disabled: queue entries are JSON")


def read_entry(data: bytes) -> int:
    """Return the job id that `data`, the payload of a queue entry, carries.

    The payload is JSON, `[function, instance, args, kwargs]`, plain or deflated.
    Raises RefusedEntry for anything but our one function with one positive integer.
    """
    try:
        entry = json.loads(_inflate(data))
    except (ValueError, RecursionError) as error:
        raise RefusedEntry(f"the payload is not JSON: {error}") from error
    match entry:
        case [function, None, [int() as job_id], dict() as kwargs] if function == FUNCTION and not kwargs:
            if 0 < job_id < 2**63 and not isinstance(job_id, bool):
                return job_id
    raise RefusedEntry(f"the payload is not a job id: {str(entry)[:200]!r}")


def _inflate(data: bytes) -> bytes:
    if len(data) > MAX_DATA_BYTES:
        raise RefusedEntry(f"the payload has {len(data)} bytes")
    try:
        return zlib.decompressobj().decompress(data, MAX_DATA_BYTES)
    except zlib.error:
        return data


class Job(rq.job.Job):
    """An entry that runs `run_job(id)` or nothing, whatever else its Redis hash says."""

    # What was in Redis, unread.
    payload: bytes = b""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: object = None) -> None:  # noqa: A002
        super().__init__(id=id, connection=connection, serializer=JSONSerializer)

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the payload alone: callbacks, web hooks, time-outs, retries, meta and results are never looked at."""
        try:
            payload = raw_data[b"data"]
        except KeyError:
            raise NoSuchJobError("an entry without a payload") from None
        super().restore({b"data": b"", b"origin": raw_data.get(b"origin", b"")[:200]})
        self.payload = payload
        self.timeout = -1

    @property
    def func(self) -> NoReturn:
        """Resolve nothing: rq would import whatever the entry names."""
        raise RefusedEntry("entries name no function of their own")

    @property  # type: ignore[misc]
    def func_name(self) -> str:
        """Return the one name there is."""
        return FUNCTION

    def _deserialize_data(self) -> None:
        # For rq's own messages; what runs is read by `_execute`.
        self._func_name, self._instance, self._args, self._kwargs = FUNCTION, None, [], {}

    def _execute(self) -> None:
        # Imported here: the web process holds this class too and must not load what touches the host.
        from containers.jobs.runner import record_refusal, run_job

        try:
            job_id = read_entry(self.payload)
        except RefusedEntry as error:
            record_refusal(str(error))
        else:
            run_job(job_id)


class Worker(rq.worker.SimpleWorker):
    """rq's worker without its remote control: no commands by pub/sub, no suspension, no registries to clean.

    It works in its own process, which ends after one job (see `worker`).

    The rows are the truth about jobs; what rq keeps in Redis is not looked at again.
    """

    job_class = Job
    log_result_lifespan = False

    def __init__(self, queues: Any, *, connection: Redis, name: str | None = None, **_: object) -> None:
        super().__init__(
            queues,
            name=name,
            connection=connection,
            job_class=Job,
            serializer=JSONSerializer,
            default_result_ttl=0,
            log_job_description=False,
            disable_default_exception_handler=True,
        )
        self._parent_pid = os.getppid()

    def subscribe(self) -> None:
        """Listen to no commands: whoever can publish could stop jobs and the worker, and a thread would live across fork()."""

    def check_for_suspension(self, burst: bool) -> None:
        """Ignore `rq suspend`."""

    def run_maintenance_tasks(self) -> None:
        """Clean nothing: the reaper works from the rows."""
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def procline(self, message: str) -> None:
        """Leave the process title alone: it would show text from Redis."""

    def perform_job(self, job: rq.job.Job, queue: rq.Queue, execution: Execution) -> bool:
        """Run the job, then take back all that Redis holds of it.

        Of what rq would write before and after, nothing is ever read: it would cost a connection on the path of a start.
        """
        try:
            job.perform()
        finally:
            with self.connection.pipeline() as pipeline:
                pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
                self.cleanup_execution(job, pipeline, execution)
                pipeline.delete(job.key)
                pipeline.execute()
        return True

    def handle_warm_shutdown_request(self) -> None:
        """Ask the running job to end, which it does within a second and says so in its record.

        Not so when this worker ends because its parent was killed: then nobody meant the job, and it goes on.
        """
        if os.getppid() == self._parent_pid:
            from containers.jobs.cancel import terminate_current

            terminate_current()

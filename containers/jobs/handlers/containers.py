"""Operations on containers: rows and LXC's word make facts, facts make a plan, the plan is carried out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import singledispatchmethod

from django.conf import settings
from django.utils import timezone

from containers.choices import StepState
from containers.domain import addresses, names, plan
from containers.domain.graph import Graph
from containers.domain.limits import Timeouts
from containers.domain.plan import Action, Fact, Plan, PlanStep
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation, State
from containers.domain.text import shown
from containers.errors import InvalidRequest, NotFound
from containers.host import facts, hosts, network
from containers.host.command import NullRecorder, Runner
from containers.host.lxc import Lxc
from containers.jobs import messages
from containers.jobs.executor import POLL_S
from containers.jobs.handlers import actions
from containers.jobs.handlers.base import Handler
from containers.jobs.masking import MaskingRecorder
from containers.jobs.messages import StepRecorder
from containers.models import Container, Mount
from containers.querysets import ContainerQuerySet
from containers.services import access, containers, drift, known_secrets, operations, specs, states, volumes
from containers.services.hosts import is_name
from containers.services.plans import WHOLE_HOST

# What needs a definition that is valid now; everything else must work on a broken one, too.
NEEDS_SPEC = frozenset({Action.CREATE, Action.START, Action.EXECUTE, Action.MOUNT, Action.REPAIR, Action.WAIT, Action.UNFREEZE})
# Operations for which it matters whether what already runs is ready.
NEEDS_READY = frozenset({Operation.START, Operation.AUTOSTART, Operation.RESTART, Operation.RESET})
STARTS = frozenset({Action.START, Action.EXECUTE})
# Steps after which a container is up, or down on purpose: what failed before is settled, or failed again.
CHANGES_FAILURE = frozenset({Action.START, Action.WAIT, Action.UNFREEZE, Action.STOP, Action.KILL})


class ContainerHandler(Handler):
    """Any operation on containers; the planner tells them apart."""

    graph: Graph
    _targets: tuple[str, ...]
    _scope: frozenset[str]
    _looks: dict[str, tuple[State, int | None]]
    _looked_at: datetime
    plan: Plan
    subjects: dict[str, actions.Subject]
    # By container: what no record may tell.
    secrets: Mapping[str, Collection[str]]

    @property
    def operation(self) -> Operation:
        """What the planner is asked for."""
        return Operation(self.job.operation)

    def _rows(self) -> ContainerQuerySet:
        return Container.objects.filter(host=self.job.host_id)

    def targets(self) -> tuple[str, ...]:
        """Return the names the job is about; what stands in its row is not trusted."""
        if self.operation in WHOLE_HOST:
            rows = self._rows().filter(autostart=True) if self.operation == Operation.AUTOSTART else self._rows()
            return tuple(name for name in rows.values_list("name", flat=True) if name in self.graph.names)
        targets = self.job.targets
        if not isinstance(targets, list) or not all(isinstance(name, str) for name in targets):
            raise InvalidRequest.of("targets", "expected a list of names")
        return tuple(targets)

    def scope(self) -> frozenset[str]:
        """Return the containers that the planner says are read or changed. Raises NotFound, InvalidRequest."""
        self.graph = self._graph()
        self._targets = self.targets()
        missing = sorted(set(self._targets) - self.graph.names)
        if self.operation == Operation.DESTROY and all(is_name(names.container_name, name) for name in missing):
            # Done already, by this job's first run or by whoever clicked faster.
            self._targets = tuple(name for name in self._targets if name not in missing)
        elif missing:
            raise NotFound(f"there is no container {', '.join(shown(name) for name in missing)}")
        self._scope = plan.scope(self.operation, self._targets, self.graph) & self.graph.names
        return self._scope

    def _graph(self) -> Graph:
        """Return who depends on whom. A row whose name can be none's, changed behind the forms' back, is no container.

        What needs such a row does not come up; it can be taken down all the same.
        """
        edges = {name: needs for name, needs in self._rows().edges().items() if is_name(names.container_name, name)}
        if self.operation not in NEEDS_READY:
            edges = {name: tuple(need for need in needs if need in edges) for name, needs in edges.items()}
        return Graph(edges)

    def containers(self) -> frozenset[str]:
        """List the job under all that it has locked."""
        return self._scope

    def revisions(self) -> dict[str, int]:
        """Return the revisions of what a definition is used for: a stop asks for none."""
        return {name: subject.revision for name, subject in self.subjects.items() if subject.spec is not None}

    def steps(self) -> Sequence[PlanStep]:
        """Look at rows and host and let the planner decide. The graph is the one that the locks were taken for."""
        self._looks, self.subjects, self.secrets = {}, {}, {}
        if self.operation == Operation.DESTROY and not self._targets:
            return []
        rows = list(self._rows().filter(name__in=self._scope).with_definition())
        self.secrets = known_secrets.of_containers(rows)
        self.plan = plan.plan(self.operation, self._targets, self.graph, self._facts(rows))
        if self.operation == Operation.DESTROY:
            operations.check_protection(self.plan.targets)
        self.subjects = {row.name: self._subject(row) for row in rows}
        if self.operation in (Operation.RESTART, Operation.RESET):
            self._check_startable()
        return self._with_network(self.plan.steps)

    def authorise(self, steps: Sequence[PlanStep]) -> None:
        """Ask for each container that was named, and for all else that is changed on the way."""
        changed = {step.container for step in steps if step.action not in (Action.SKIP, Action.NETWORK)}
        is_whole = self.operation in WHOLE_HOST or self.operation == Operation.TIDY
        targets = () if is_whole else self._targets
        # What was destroyed already leaves nothing to ask about.
        if is_whole or targets or changed:
            access.require_job(self.actor, self.operation, self.inputs, targets, changed)

    def _check_startable(self) -> None:
        """Raise InvalidRequest for a broken definition before anything is stopped; else only its own step fails."""
        for subject in self.subjects.values():
            if isinstance(subject.spec, InvalidRequest):
                raise subject.spec

    def _facts(self, rows: Sequence[Container]) -> dict[str, Fact]:
        looked_at = timezone.now()
        looks = facts.looks(self.layout, Runner(NullRecorder(), self.cancel.now), [row.name for row in rows])
        self._looks = {name: (look.state, look.pid) for name, look in looks.items()}
        self._looked_at = looked_at
        ready = self._readiness([row for row in rows if looks[row.name].state == State.RUNNING])
        return {
            row.name: Fact(
                state=looks[row.name].state,
                is_ready=ready.get(row.name),
                has_ready_check=bool(row.ready),
                is_mounted=row.is_mounted,
                autostart=row.autostart,
                has_ephemeral=not row.build,
            )
            for row in rows
        }

    def keep_facts(self) -> None:
        """Write what LXC said of the containers, once."""
        if self._looks:
            states.record_looks(self.job.host, self._looks, self._looked_at)
            self._looks = {}

    def _readiness(self, running: Sequence[Container]) -> dict[str, bool]:
        """Run the readiness checks of what runs already side by side, heeding a cancel: one that hangs takes its time.

        Whatever the rows remember: a start relies on what is ready now.
        """
        checks = {row.name: command for row in running if self.operation in NEEDS_READY and (command := _ready_command(row))}
        if not checks:
            return {}
        lxcs = {name: Lxc(self.layout, self.runner(self.masking(self.early_recorder(name), name))) for name in checks}
        with ThreadPoolExecutor(min(self.concurrency, len(checks)), thread_name_prefix="step") as pool:
            answers = {name: pool.submit(actions.is_ready, lxcs[name], name, command) for name, command in checks.items()}
            while futures.wait(answers.values(), timeout=POLL_S).not_done:
                self.cancel.poll()
        return {name: answer.result() for name, answer in answers.items()}

    def _subject(self, row: Container) -> actions.Subject:
        """Return what a step needs to know of a container; a definition that is used is validated once more."""
        needs_spec = any(step.container == row.name and step.action in NEEDS_SPEC for step in self.plan.steps)
        return actions.Subject(
            name=row.name,
            spec=_spec(row) if needs_spec else None,
            address=row.address,
            is_created=row.is_created,
            revision=row.revision,
            digest=row.digest,
            stop_timeout_s=_stop_timeout_s(row),
            config_digest=row.config_digest,
            is_mounted=row.is_mounted,
            is_in_effect=row.applied_digest == row.digest,
            volumes=self._volumes_to_remove(row),
        )

    def _volumes_to_remove(self, row: Container) -> tuple[str, ...]:
        """Return the container's volumes that go with it: only if asked for, and none that another one mounts."""
        wanted = self.inputs.get("volumes", ())
        if self.operation != Operation.DESTROY or not wanted:
            return ()
        own = [mount.volume for mount in row.mounts.all() if mount.volume in wanted]
        others = Mount.objects.filter(container__host=self.job.host_id, volume__in=own)
        shared = set(others.exclude(container__name__in=self.plan.targets).values_list("volume", flat=True))
        return tuple(volume for volume in own if volume not in shared)

    def _with_network(self, steps: Sequence[PlanStep]) -> Sequence[PlanStep]:
        """Set the bridge up first where it is missing and something is to be started."""
        starts = [step.number for step in steps if step.action in STARTS]
        if not starts or network.has_bridge(settings.BRIDGE):
            return steps
        first = PlanStep(0, "", Action.NETWORK, f"there is no bridge {settings.BRIDGE}", ())
        return [first, *(replace(step, after=(0, *step.after)) if step.number in starts else step for step in steps)]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Do one step of the plan."""
        if step.action == Action.NETWORK:
            network.ensure(settings.BRIDGE, settings.SUBNET, self.runner(recorder))
            return
        masking = self.masking(recorder, step.container)
        runner = self.runner(masking)
        inputs = self.inputs if step.container in self.plan.targets else {}
        task = actions.Task(self.subjects[step.container], inputs, self.layout, runner, masking, Lxc(self.layout, runner))
        with masking.telling_none():
            actions.ACTIONS[step.action](task)

    def masking(self, recorder: StepRecorder, container: str) -> MaskingRecorder:
        """Return a recorder of what is done to a container, which tells none of its secrets."""
        return MaskingRecorder(recorder, self.secrets.get(container, ()))

    @singledispatchmethod
    def keep(self, message: messages.Message) -> None:
        """Write what a step found or made to the container's row."""

    def _row(self, message: messages.Message) -> ContainerQuerySet:
        return self._rows().filter(name=self._subject_of(message).name)

    def _subject_of(self, message: messages.Message) -> actions.Subject:
        return self.subjects[self.journal.step(message.step).container]

    @keep.register
    def _(self, message: messages.Looked) -> None:
        name = self._subject_of(message).name
        states.record_look(self.job.host, name, message.look.state, message.look.pid, message.at)

    @keep.register
    def _(self, message: messages.Started) -> None:
        subject = self._subject_of(message)
        states.mark_started(self.job.host, subject.name, subject.revision, subject.digest)

    @keep.register
    def _(self, message: messages.Ready) -> None:
        states.mark_ready(self.job.host, self._subject_of(message).name, ready=message.ready)

    @keep.register
    def _(self, message: messages.Mounted) -> None:
        self._row(message).update(is_mounted=message.mounted)

    @keep.register
    def _(self, message: messages.Created) -> None:
        self._row(message).update(is_created=True)
        self._write_hosts()

    @keep.register
    def _(self, message: messages.ConfigWritten) -> None:
        self._row(message).update(config_digest=message.digest)

    @keep.register
    def _(self, message: messages.Repaired) -> None:
        drift.clear(self.job.host, self._subject_of(message).name)

    @keep.register
    def _(self, message: messages.VolumeMade) -> None:
        volumes.record_made(self.job.host, {message.volume: message.is_file})

    @keep.register
    def _(self, message: messages.Destroyed) -> None:
        volumes.record_removed(self.job.host, self._subject_of(message).volumes)
        for row in self._row(message):
            containers.forget(row, self.job)
        self._write_hosts()

    def _write_hosts(self) -> None:
        rows = self._rows().values_list("name", "address")
        hosts.write(self.layout, {name: address for name, address in rows if _is_listed(name, address)})

    @keep.register
    def _(self, message: messages.StepEnded) -> None:
        step = self.journal.step(message.step)
        if step.action not in CHANGES_FAILURE or message.state not in (StepState.SUCCEEDED, StepState.FAILED):
            return
        failure = message.note if message.state == StepState.FAILED else ""
        states.mark_failure(self.job.host, step.container, failure)


def _spec(row: Container) -> ContainerSpec | InvalidRequest:
    """Return the container as one valid value, or what is wrong with its row."""
    try:
        spec = specs.spec_of(row)
        if not addresses.is_container_address(settings.SUBNET, row.address):
            raise InvalidRequest.of("address", f"{shown(row.address)} is not an address for containers in {settings.SUBNET}")
        # SQLite keeps any text in any column.
        if not isinstance(row.revision, int) or row.revision < 0:  # type: ignore[redundant-expr]
            raise InvalidRequest.of("revision", "must be a whole number")
    except InvalidRequest as error:
        return InvalidRequest(f"{row.name}: {error.brief}", error.errors)
    return spec


def _ready_command(row: Container) -> str | None:
    """Return the readiness check, none where the row is broken: the step that needs it says why."""
    spec = _spec(row) if row.ready else None
    return spec.definition.ready if isinstance(spec, ContainerSpec) else None


def _stop_timeout_s(row: Container) -> int:
    """Return how long init has to end; what is broken can be stopped, too."""
    try:
        return Timeouts.parse({"stop": row.stop_timeout}).stop
    except InvalidRequest:
        return Timeouts().stop


def _is_listed(name: str, address: str) -> bool:
    return is_name(names.container_name, name) and addresses.is_container_address(settings.SUBNET, address)

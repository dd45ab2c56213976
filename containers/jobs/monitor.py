"""Brings what LXC says of containers into their rows. Changes no container: what is to be mended becomes a job.

Events come from lxc-monitor; a full look at the start and every minute corrects what they missed.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from containers.choices import ACTIVE_JOB_STATES, Via
from containers.domain.layout import Layout
from containers.domain.states import Operation, State
from containers.host import events, facts, monitors, network, remains, rootfs, system, volumes
from containers.host.command import NullRecorder, Runner
from containers.jobs import reaper
from containers.jobs.auditing import Keeper
from containers.jobs.drifting import Drifting
from containers.jobs.handlers import publishing
from containers.jobs.sampling import Sampler
from containers.models import Container, Host, Job, JobContainer
from containers.services import backup_schedules, jobs, operations, retention, signed_in, states, terminals, tickets
from containers.services import network as network_service
from containers.services import volumes as volume_service
from containers.services.actor import Actor

logger = logging.getLogger(__name__)

REAP_EVERY_S = 2
LOOK_EVERY_S = 60
SWEEP_EVERY_S = 3600


class Monitor:
    """The monitor process of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
        self._runner = Runner(NullRecorder(), threading.Event())
        self._sampler = Sampler(host, self._layout.data_dir)
        self._changes: queue.SimpleQueue[tuple[str, State]] = queue.SimpleQueue()
        self._sweeping: Iterator[int] = iter(())
        self._sweep_at = 0.0
        self._audit = Keeper(self._layout)

    def serve(self, stop: threading.Event) -> None:
        """Run until `stop` is set."""
        listener = threading.Thread(target=self._listen, args=(stop,), name="lxc-monitor", daemon=True)
        listener.start()
        self._attempt(self._autostart)
        tasks = ((self._look, LOOK_EVERY_S), (self._reap, REAP_EVERY_S), (self._sampler.sample, settings.SAMPLE_EVERY_S))
        due = dict.fromkeys((task for task, _ in tasks), 0.0)
        while not stop.is_set():
            # Never longer than the shortest of them, so that a signal is heeded.
            self._receive(min(max(0.0, min(due.values()) - time.monotonic()), REAP_EVERY_S))
            for task, every_s in tasks:
                if (now := time.monotonic()) >= due[task]:
                    due[task] = now + every_s
                    self._attempt(task)
        listener.join()

    def _listen(self, stop: threading.Event) -> None:
        for change in events.iter_changes(self._layout.containers, stop):
            self._changes.put(change)

    def _receive(self, timeout_s: float) -> None:
        try:
            name, state = self._changes.get(timeout=timeout_s)
        except queue.Empty:
            return
        self._attempt(lambda: self._keep(name, state))

    def _attempt(self, task: Callable[[], object]) -> None:
        """Run a task; whatever keeps it from its work, it is tried again at its next turn.

        Any error is survived, a database that is away as well as a row in which somebody else has left what cannot be
        read: nobody else finds lost jobs and brings in states.
        """
        try:
            task()
        except Exception:
            logger.exception("the monitor goes on after an error")
            close_old_connections()

    def _keep(self, name: str, state: State) -> None:
        """Write what the container is now: what lxc-monitor said may be over, and a job may have seen more since."""
        looked_at = timezone.now()
        look = facts.looks(self._layout, self._runner, [name])[name]
        # Between two states LXC sometimes answers nobody.
        seen = state if look.state == State.UNKNOWN else look.state
        states.record_look(self._host, name, seen, look.pid, looked_at)

    def _look(self) -> None:
        """Ask LXC for every container, and the kernel for the network."""
        self._find_ended()
        names = list(Container.objects.filter(host=self._host).values_list("name", flat=True))
        looked_at = timezone.now()
        looks = facts.looks(self._layout, self._runner, names)
        states.record_looks(self._host, {name: (look.state, look.pid) for name, look in looks.items()}, looked_at)
        Host.objects.filter(pk=self._host.pk).update(monitor_seen_at=looked_at)
        self._attempt(lambda: Drifting(self._host, self._layout).look(looks))
        self._attempt(self._audit.look)
        tickets.sweep()
        signed_in.sweep()
        self._list_volumes()
        self._attempt(lambda: backup_schedules.run_due(self._host))
        terminals.sweep()
        self._check_network()
        # What jobs left that were killed. No row and no container knows of it, so it is nobody's to be mended.
        remains.remove_dead(self._layout)

    def _list_volumes(self) -> None:
        # Known before the look: what a job makes during it is not taken for gone.
        known = volume_service.known(self._host)
        looked_at = timezone.now()
        volume_service.record_listing(self._host, volumes.listing(self._layout), known, looked_at)

    def _check_network(self) -> None:
        looked_at = timezone.now()
        missing = [*network.look(settings.BRIDGE, settings.SUBNET), *publishing.look(self._host, self._runner)]
        network_service.record_look(self._host, missing, looked_at)
        if not missing:
            return
        if not Job.objects.filter(host=self._host, operation=Operation.NETWORK, state__in=ACTIVE_JOB_STATES).exists():
            jobs.queue(reaper.SYSTEM, Operation.NETWORK, [], {}, [])

    def _reap(self) -> None:
        reaper.reap(self._host)
        reaper.clear_builds(self._host)
        reaper.thaw_left(self._host, self._layout)
        reaper.mend_installations(self._host)
        reaper.ring_pending(self._host)
        reaper.lose_terminals()
        self._find_ended()
        self._sweep()

    def _sweep(self) -> None:
        """Remove one batch of output, or of events, that is too old: news of containers never wait for all of it."""
        if time.monotonic() >= self._sweep_at:
            self._sweeping = chain(retention.sweep(self._host, retention.Limits.configured()), self._audit.sweep())
            self._sweep_at = time.monotonic() + SWEEP_EVERY_S
        next(self._sweeping, None)

    def _find_ended(self) -> None:
        """Notice the end that no event tells of, when a container's own monitor process is killed; the kernel is asked."""
        up = set(Container.objects.filter(host=self._host).exclude(state=State.STOPPED).values_list("name", flat=True))
        looked_at = timezone.now()
        if ended := up - facts.running_names(self._layout):
            states.record_looks(self._host, dict.fromkeys(ended, (State.STOPPED, None)), looked_at)
            self._queue_tidy(ended)

    def _queue_tidy(self, ended: Iterable[str]) -> None:
        """Have what is left of these containers removed, unless LXC or a job is still at it."""
        left = [name for name in ended if rootfs.is_mounted(self._layout, name) and monitors.find(self._layout, name) is None]
        active = JobContainer.objects.filter(job__host=self._host, job__state__in=ACTIVE_JOB_STATES, name__in=left)
        if names := sorted(set(left) - set(active.values_list("name", flat=True))):
            jobs.queue(reaper.SYSTEM, Operation.TIDY, names, {}, names)

    def _autostart(self) -> None:
        """Queue the start of what is to start at boot, once a boot."""
        boot_id = system.boot_id()
        if Host.objects.filter(pk=self._host.pk).exclude(boot_id=boot_id).update(boot_id=boot_id) == 0:
            return
        if Container.objects.filter(host=self._host, autostart=True).exists():
            operations.request(Actor(None, Via.BOOT, None), Operation.AUTOSTART, [])

"""Commands that have host work done: they wait for it, tell its steps as they end, and fail where it failed."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser

from django.core.management.base import CommandError

from containers.choices import JobState, Via
from containers.domain.steps import Action
from containers.management.unchecked import UncheckedCommand
from containers.models import Job, Step
from containers.services import watch
from containers.services.actor import Actor

INTERRUPTED = 130
# Steps that are about a container as such.
_WHOLE = (Action.START, Action.STOP, Action.DESTROY)


def root_actor() -> Actor:
    """Return who runs the command: no account of the panel, but somebody who is root on the host."""
    return Actor(None, Via.CLI, None, getpass.getuser())


class FollowingCommand(UncheckedCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-wait", action="store_true", help="queue the job and do not wait for it")

    def follow(self, job: Job, *, no_wait: bool, output: bool = False) -> None:
        """Wait for `job` unless told otherwise, and show what its commands print where `output` is wanted.

        Raises CommandError where it did not succeed.
        """
        self.stdout.write(f"job {job.pk}: {' '.join([job.operation, *job.targets])}")
        if no_wait:
            return
        try:
            self._follow(job, output)
        except KeyboardInterrupt:
            raise CommandError(f"job {job.pk} goes on", returncode=INTERRUPTED) from None
        if job.state != JobState.SUCCEEDED:
            raise CommandError(f"job {job.pk} {job.state}: {job.reason or 'see its page'}")
        self.stdout.write(f"job {job.pk} succeeded")

    def _follow(self, job: Job, output: bool) -> None:
        heading = None
        for progress in watch.follow(job, output=output):
            if progress.job.state == JobState.WAITING:
                self.stdout.write(f"  waiting: {progress.job.reason}")
            for line in progress.lines:
                if line.command and line.command.step != heading:
                    heading = line.command.step
                    self.stdout.write(f"  {_what(heading)}")
                self.stdout.write(f"    {line.text}")
            for step in progress.ended:
                self.stdout.write(_line(step, _what(step) if output else f"{step.action} {step.container}".strip()))
            self.stdout.flush()


def _what(step: Step) -> str:
    """Return "line 2: RUN make", "destroy: it was there to build": what a reason alone would not say."""
    return f"{step.action}: {step.reason}" if step.action in _WHOLE else step.reason


def _line(step: Step, what: str) -> str:
    text = f"  {step.state:<10} {what}".rstrip()
    # What a step that is left out says of itself is why it is there.
    return f"{text}: {step.note}" if step.note and step.note != what else text

"""What becomes of an installation whose job vanished: forward or back, never half."""

from __future__ import annotations

from containers.choices import ACTIVE_JOB_STATES, InstallationState
from containers.domain.states import Operation
from containers.jobs.handlers import app_backups, app_updates, apps
from containers.jobs.handlers.apps import AppHandler
from containers.models import Installation


class AppMendHandler(AppHandler):
    """Ends what another job began; where nothing was begun, or a job is at it, there is nothing to do."""

    def carry_out(self) -> None:
        """Look at what the row says."""
        rows = Installation.objects.select_related("host", "job", "previous")
        row = rows.filter(host=self.job.host_id, name=self.name()).first()
        if row is None or row.state == InstallationState.INSTALLED or (row.job and row.job.state in ACTIVE_JOB_STATES):
            return
        work = self.work.uninterrupted()
        work.do(Operation.TIDY, work.names(row))
        if row.state == InstallationState.INSTALLING:
            apps.undo(work, row)
        elif row.state == InstallationState.PREPARING:
            app_updates.let_be(work, row)
        elif row.state == InstallationState.REMOVING:
            apps.remove(work, row)
        elif row.state == InstallationState.BACKING_UP:
            app_backups.let_go_on(work, row)
        else:
            app_updates.go_back(work, row)

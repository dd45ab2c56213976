"""What the root worker can do, and how often it did: the closed list, in the open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from containers.choices import JobState, Operation
from containers.services import sight
from containers.services.entry import VIEW
from containers.views.access import Request, opens_to

DAYS: Final = 30

MEANINGS: Final[dict[Operation, str | Promise]] = {
    Operation.CREATE: _("Makes a container's directories and writes its LXC configuration. Starts nothing."),
    Operation.START: _("Starts a container, and first all that it depends on. Waits until each is ready."),
    Operation.STOP: _("Stops a container, and first all that depends on it: halt signal, time-out, then kill."),
    Operation.RESTART: _("Stops a container and its dependents, then starts again what was running."),
    Operation.RESET: _("Empties the ephemeral layer of a container, which takes a restart, or unmounting and mounting it."),
    Operation.KILL: _("Ends a container at once, without its halt signal."),
    Operation.FREEZE: _("Suspends all processes of a container."),
    Operation.UNFREEZE: _("Lets a frozen container go on."),
    Operation.EXECUTE: _("Runs one command inside a container, as a user of the container."),
    Operation.REPAIR: _(
        "Writes a container's LXC configuration anew, sets the limits of what runs, unmounts what was left mounted."
    ),
    Operation.MOUNT: _("Mounts the root filesystem of a stopped container, to look into it."),
    Operation.UNMOUNT: _("Unmounts it again."),
    Operation.DESTROY: _("Stops and removes a container, and of its volumes those that were asked for by name."),
    Operation.AUTOSTART: _("After a boot of the host: starts all containers that start at boot."),
    Operation.SHUTDOWN: _("Stops all containers, dependents first."),
    Operation.TIDY: _("Looks at the host again and corrects what the panel believes; removes what vanished jobs left."),
    Operation.NETWORK: _("Makes the bridge, forwarding and masquerading, where they are missing."),
    Operation.LAYER_IMPORT: _("Unpacks an archive, or copies a directory, into a new layer. Reads it as hostile."),
    Operation.IMAGE_BUILD: _("Builds a layer in a container of its own, as its recipe says, and makes an image of it."),
    Operation.LAYER_BOOTSTRAP: _(
        "Makes a layer of a Debian base system, from a Debian mirror, as a root that is not the host's."
    ),
    Operation.IMAGE_IMPORT: _("Makes layers and an image of an OCI image or an archive of docker save. Reads it as hostile."),
    Operation.IMAGE_PULL: _("Fetches an image from a registry and makes layers and an image of it. Reads it as hostile."),
    Operation.LAYER_REMOVE: _("Removes a layer that no container uses."),
    Operation.LAYER_COMMIT: _("Copies what a container has written into a new layer. Suspends the container meanwhile."),
    Operation.CLEAN_UP: _("Removes layers that nothing uses, uploads that no job needs, and what jobs left unfinished."),
    Operation.IMAGE_REMOVE: _("Removes an image that no container stands on, and those of its layers that nothing else uses."),
    Operation.VOLUME_SCAN: _("Reads the sizes of all volumes. Opens nothing in them."),
    Operation.VOLUME_REMOVE: _("Removes a volume that no definition mounts and no container runs with, with all that is in it."),
    Operation.IMAGE_EXPORT: _("Writes an image as one signed file into the host's own repository."),
    Operation.EXPORT_REMOVE: _("Removes a file from the host's own repository, and signs the index anew."),
    Operation.REPOSITORY_REFRESH: _("Fetches a repository's index, by a process without rights, and checks its signature."),
    Operation.IMAGE_FETCH: _("Fetches an image from a repository, checks it, and only then unpacks its layers."),
    Operation.CATALOGUE_FETCH: _(
        "Fetches an app from a repository, checks it, and only then puts its folder into the catalogue."
    ),
    Operation.CATALOGUE_REMOVE: _("Removes the folder of an app that was fetched and that is not installed."),
    Operation.CATALOGUE_PUBLISH: _(
        "Writes an app of the catalogue as one file into the host's own repository, and signs the index."
    ),
    Operation.CATALOGUE_WITHDRAW: _("Removes an app from the host's own repository, and signs the index anew."),
    Operation.APP_INSTALL: _(
        "Builds an app's images, makes its containers and volumes, starts them, runs its steps inside them."
    ),
    Operation.APP_UPDATE: _("Copies an app's volumes, starts its new version, and returns to the old one where that fails."),
    Operation.APP_BACK: _("Returns an app to the version before its last update, volumes included."),
    Operation.APP_UNINSTALL: _("Removes an app's containers, and of its volumes those that were asked for by name."),
    Operation.APP_BACKUP: _("Writes an app's volumes and answers into one file, while its containers stand still."),
    Operation.APP_RESTORE: _("Installs an app with the volumes and answers of a backup. Reads it as hostile."),
    Operation.BACKUP_REMOVE: _("Removes one backup of an app, which no job is restoring."),
    Operation.APP_FORGET: _("Removes the copies of an app's volumes that a way back to the version before needs."),
    Operation.APP_MEND: _("Ends what a vanished job began with an app: forward or back, never half."),
    Operation.DEMO: _("Makes a small layer of the host's own busybox, and three containers on it."),
}


@dataclass(frozen=True)
class Ability:
    operation: Operation
    meaning: str | Promise
    count: int
    failed: int
    last_job: int | None


@require_GET
@opens_to(VIEW)
def operations(request: Request) -> HttpResponse:
    counts = _counts()
    abilities = [Ability(operation, MEANINGS[operation], *counts.get(operation, _NEVER)) for operation in Operation]
    return render(request, "operations.html", {"section": "operations", "abilities": abilities, "days": DAYS})


_NEVER: Final[list[Any]] = [0, 0, None]


def _counts() -> dict[str, list[Any]]:
    jobs = sight.jobs().filter(created_at__gte=timezone.now() - timedelta(days=DAYS)).order_by()
    bad = Q(state__in=(JobState.FAILED, JobState.ERRORED, JobState.LOST))
    rows = jobs.values_list("operation").annotate(count=Count("pk"), failed=Count("pk", filter=bad), last=Max("pk"))
    return {operation: counts for operation, *counts in rows}

"""/backups/: the files that backups of installed apps are, on this host."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from containers.api import schemas
from containers.api.auth import INSTALL, ApiRequest, actor_of, require_recent
from containers.api.files import BYTES, LOOK_ERRORS, send
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.services import access, app_requests, files

router = Router(tags=["apps"])


@router.get("/backups/{file}/", auth=INSTALL, response=LOOK_ERRORS, openapi_extra=BYTES)
def download_backup(request: ApiRequest, file: str) -> HttpResponseBase:
    """Download a backup: all that the volumes hold, and answers, secrets too. It is recorded."""
    backup = app_requests.get_backup(file)
    access.require_install(request.auth, backup.app, backup.installation)
    return send(request, files.download_backup(actor_of(request), backup))


@router.delete("/backups/{file}/", auth=INSTALL, response={202: schemas.JobRef, **ERRORS})
def remove_backup(request: ApiRequest, file: str) -> HttpResponse:
    """Remove a backup, for good; one that is being restored stays."""
    backup = app_requests.get_backup(file)
    app_requests.require_backup(actor_of(request), backup.file_name)
    require_recent(request)
    return accepted(app_requests.request_backup_removal(actor_of(request), backup))

"""Sessions that say what is in a backup before it is restored: read as hostile, and nothing of its volumes."""

from __future__ import annotations

from typing import cast

from django.conf import settings

from containers.domain.backup import BackupHeader
from containers.domain.layout import Layout
from containers.host import app_backups
from containers.services import restoring
from containers.services.inputs import BackupPlace
from containers.services.tickets import Order
from containers.sessions.connection import Connection


def look(order: Order, connection: Connection) -> None:
    """Send what is told of a backup as JSON. Raises InvalidRequest, Untrusted for what is none, or not what was written."""
    layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
    place = cast("BackupPlace", order.arguments).export()
    with app_backups.open_place(layout, place, settings.IMPORT_DIRS) as source:
        contents = app_backups.read(source.file)
    header = BackupHeader.validate_as(dict(contents.header), field="backup")
    sizes = {key: member.size for key, member in contents.volumes.items()}
    connection.send(restoring.facts(header, sizes, contents.key).model_dump_json().encode())

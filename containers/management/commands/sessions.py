"""The session server: opens terminals and the like for those who bring a ticket, until it is told to stop."""

from __future__ import annotations

from django.conf import settings

from containers.management.unchecked import UncheckedCommand


class Command(UncheckedCommand):
    help = "Serves the sessions of this host: what somebody looks at or types into while it goes on."

    def handle(self, *args: object, **options: object) -> None:
        # Imported here: only this command and the other root processes may load what touches the host.
        from containers.host import stack
        from containers.services.sessions import socket_path
        from containers.sessions import session
        from containers.sessions.server import Server

        uid, gid = stack.ids(settings.WEB_USER)
        Server(socket_path(), gid=gid, uids={0, uid}, serve=session.serve).run()

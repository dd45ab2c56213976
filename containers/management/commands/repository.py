"""Works with repositories: known ones listed, added, looked into, fetched from."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError

from containers.domain.image import ImageRef
from containers.domain.repository import OWN, RepositorySpec
from containers.management.following import FollowingCommand, root_actor
from containers.services import app_sources, exported, hosts, repositories


class Command(FollowingCommand):
    help = 'Lists, adds, refreshes and removes repositories, and fetches images from them. "own" is this host\'s.'

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("list", help="list the repositories")
        actions.add_parser("key", help="print this host's public key, made with the first export")
        add = actions.add_parser("add", help="add a repository, and look into it")
        add.add_argument("name")
        add.add_argument("location", help="an http or https address, or an absolute path")
        add.add_argument("public_key", help="64 hexadecimal digits")
        for action, text in (("show", "list its images and apps"), ("refresh", "look into it")):
            actions.add_parser(action, help=text).add_argument("name")
        remove = actions.add_parser("remove", help="forget it; an index that is older than the newest seen is still refused")
        remove.add_argument("name")
        remove.add_argument("--with-number", action="store_true", help="forget that, too: of one that was really set back")
        fetch = actions.add_parser("fetch", help="fetch an image from it")
        fetch.add_argument("name")
        fetch.add_argument("image", metavar="NAME:VERSION")
        remove_export = actions.add_parser("remove-export", help="remove an image from the own repository")
        remove_export.add_argument("image", metavar="NAME[:VERSION]")

    def handle(self, *args: object, action: str, no_wait: bool, **options: str) -> None:
        match action:
            case "list":
                self.list_repositories()
            case "key":
                self.print_key()
            case "show":
                self.show(options["name"])
            case "remove":
                self.remove(options["name"], with_number=bool(options["with_number"]))
            case _:
                self.queue(action, options, no_wait=no_wait)

    def remove(self, name: str, *, with_number: bool) -> None:
        """Forget a repository."""
        repositories.remove(root_actor(), hosts.get_repository(name), serial_too=with_number)
        self.stdout.write(f"{name} is forgotten; what was fetched from it stays")

    def queue(self, action: str, options: dict[str, str], *, no_wait: bool) -> None:
        """Ask for host work, and follow it."""
        actor = root_actor()
        if action == "add":
            keys = ("name", "location", "public_key")
            spec = RepositorySpec.validate_as({key: options[key] for key in keys}, field="")
            job = repositories.add(actor, spec)[1]
        elif action == "refresh":
            job = repositories.request_refresh(actor, hosts.get_repository(options["name"]))
        elif action == "fetch":
            job = repositories.request_fetch(actor, options["name"], ImageRef.parse(options["image"]))
        else:
            job = exported.request_removal(actor, exported.resolve(options["image"]))
        self.follow(job, no_wait=no_wait)

    def list_repositories(self) -> None:
        """Print one line for each, the own first."""
        self.stdout.write(f"{OWN}\t{exported.directory()}\t{exported.public_key() or 'no key yet'}")
        for row in hosts.repositories():
            self.stdout.write(f"{row.name}\t{row.location}\t{row.public_key}")

    def print_key(self) -> None:
        """Print the host's public key."""
        key = exported.public_key()
        if not key:
            raise CommandError("there is no key yet: it is made with the first export")
        self.stdout.write(key)

    def show(self, name: str) -> None:
        """Print one line for each image and app: reference, what of it is here, size of the file."""
        images = exported.index().images if name == OWN else repositories.entries(hosts.get_repository(name))
        for item in repositories.compared(images, own=name == OWN):
            self.stdout.write(f"{item.entry.ref}\t{item.offer}\t{item.entry.size}")
        for app in app_sources.published() if name == OWN else self.apps(name):
            self.stdout.write(f"app {app.entry.name} {app.entry.version}\t{app.offer}\t{app.entry.size}")

    def apps(self, name: str) -> list[app_sources.OfferedApp]:
        """Return the apps of a repository."""
        row = hosts.get_repository(name)
        return app_sources.compared(row, repositories.app_entries(row))

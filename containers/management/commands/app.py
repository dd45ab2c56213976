"""Apps by command: what the catalogue has, what is installed, and every job on it, waited for."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.management.base import CommandError

from containers.catalog import apps
from containers.domain.answers import as_text
from containers.domain.backup import BackupHeader
from containers.domain.layout import Layout
from containers.domain.schedule import Every
from containers.errors import InvalidRequest, SpocError
from containers.host import app_backups
from containers.management.following import FollowingCommand, root_actor
from containers.models import Job
from containers.services import app_publishers, app_requests, app_sources, backup_schedules, installations
from containers.services.app_requests import Update

MAX_ANSWERS = 1 << 20


class Command(FollowingCommand):
    help = (
        "Lists the apps that can be installed and what is installed, checks an author's folder, publishes, fetches, installs,"
        " updates, backs up, restores and uninstalls. Waits for the job unless told otherwise, and fails where it failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
        _add_catalogue(commands)
        _add_installations(commands)
        _add_backups(commands)

    def handle(self, *args: object, action: str, no_wait: bool, **options: Any) -> None:
        try:
            job = getattr(self, f"_{action.replace('-', '_')}")(**options)
        except InvalidRequest as error:
            lines = [f"{item.field}: {item.message}" if item.field else item.message for item in error.errors] or [error.brief]
            raise CommandError("\n".join(lines)) from error
        except SpocError as error:
            raise CommandError(str(error)) from error
        if job is not None:
            # A backup is copied to where it was wanted: without waiting there would be nothing to copy.
            self.follow(job, no_wait=no_wait and action != "backup")
        if action == "backup":
            self._copy(job, options["file"])

    def _list(self, **options: Any) -> None:
        found, broken = apps.listing()
        newer = app_sources.newer(found)
        for app in found:
            about = app.manifest
            source = f", from {app.origin.repository}" if app.origin else ""
            source += f", which has {newer[app.name].version}" if app.name in newer else ""
            self.stdout.write(f"{app.name:<20} {about.version:<10} {about.title}: {about.description}{source}")
        for entry in broken:
            self.stderr.write(f"{entry.folder}: {entry.error.brief}")
        for row in installations.rows():
            publisher = app_publishers.of(row)
            source = f", from {publisher.repository}" if publisher and publisher.key else ""
            self.stdout.write(f"  {row.name:<18} {row.version:<10} {row.app}, {row.state}{source}")

    def _check(self, folder: Path, **options: Any) -> None:
        app = apps.check(folder)
        self.stdout.write(f"{app.name} {app.manifest.version} is in order")

    def _publish(self, app: str, **options: Any) -> Job:
        return app_sources.request_publication(root_actor(), app)

    def _withdraw(self, app: str, **options: Any) -> Job:
        return app_sources.request_withdrawal(root_actor(), app)

    def _remove(self, app: str, **options: Any) -> Job:
        return app_sources.request_removal(root_actor(), app)

    def _fetch(self, repository: str, app: str, **options: Any) -> Job:
        return app_sources.request_fetch(root_actor(), repository, app)

    def _install(self, app: str, instance: str, answers: Path | None, answer: list[str], adopt: list[str], **options: Any) -> Job:
        given = _answers(answers, answer)
        job = app_requests.request_install(root_actor(), apps.find(app), instance, given, _pairs(adopt))
        row = installations.get(instance)
        # Those that were made up can be read nowhere else.
        for name, value in installations.opened({}, row.secrets).items():
            if name not in given and value != "":
                self.stdout.write(f"{name}: {as_text(value)}")
        return job

    def _update(
        self, instance: str, answers: Path | None, answer: list[str], dry_run: bool, source: str, **options: Any
    ) -> Job | None:
        row, given = installations.get(instance), _answers(answers, answer)
        if dry_run:
            self._say(app_requests.update_of(row, given))
            return None
        return app_requests.request_update(root_actor(), row, given, source=source)

    def _say(self, update: Update) -> None:
        self.stdout.write(f"from {update.before} to {update.after}")
        if update.source:
            key = ", signed with another key" if update.source.is_new_key else ""
            self.stdout.write(f"from {update.source.after}{key}, and what is installed is from {update.source.before}")
        for change in update.changes:
            what = "is new" if change.before is None else "goes" if change.after is None else "changes"
            self.stdout.write(f"container {change.key} {what}")
        for question in update.questions:
            self.stdout.write(f"question {question.name} is new: {question.label}")
        for question in update.gone:
            self.stdout.write(f"question {question.name} is asked no more: {question.label}")

    def _forget(self, instance: str, **options: Any) -> Job:
        return app_requests.request_forget(root_actor(), installations.get(instance))

    def _back(self, instance: str, **options: Any) -> Job:
        return app_requests.request_back(root_actor(), installations.get(instance))

    def _uninstall(self, instance: str, volumes: bool, force: bool, **options: Any) -> Job:
        row = installations.get(instance)
        names = list(row.volumes.values_list("name", flat=True)) if volumes else []
        return app_requests.request_uninstall(root_actor(), row, names, force=force)

    def _backup(self, instance: str, file: Path, freeze: bool, **options: Any) -> Job:
        row = installations.get(instance)
        if file.exists():
            raise CommandError(f"{file} exists already")
        # Before anything is stopped for it.
        if not os.access(file.parent, os.W_OK):
            raise CommandError(f"{file.parent}: no file can be made there")
        return app_requests.request_backup(root_actor(), row, freeze=freeze)

    def _remove_backup(self, file: str, **options: Any) -> Job:
        return app_requests.request_backup_removal(root_actor(), app_requests.get_backup(file))

    def _schedule(self, instance: str, every: str, hour: int, weekday: int, keep: int, freeze: bool, **options: Any) -> None:
        row = installations.get(instance)
        given = {"every": every, "hour": hour, "weekday": weekday, "kept": keep, "freeze": freeze}
        backup_schedules.set_schedule(root_actor(), row, given)
        found = backup_schedules.find(row)
        self.stdout.write(f"next at {found.due_at:%Y-%m-%d %H:%M} UTC" if found and found.due_at else "no more by itself")

    def _copy(self, job: Job, file: Path) -> None:
        backup = app_requests.backup_of(job)
        source = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR).backups / backup.file_name
        try:
            with source.open("rb") as stream, open(file, "xb", opener=_private) as copy:
                shutil.copyfileobj(stream, copy)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}; the backup is at {source}") from error
        self.stdout.write(f"{file}: {backup.size_bytes} bytes")

    def _restore(
        self,
        file: Path,
        instance: str | None,
        answers: Path | None,
        answer: list[str],
        adopt: list[str],
        source: str,
        **options: Any,
    ) -> Job:
        try:
            with file.open("rb") as stream:
                name = instance or _name_in(stream.fileno())
                given, adopted = _answers(answers, answer), _pairs(adopt)
                return app_requests.request_restore_of(root_actor(), name, File(stream), given, adopted, source=source)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error


def _name_in(backup: int) -> str:
    header = dict(app_backups.read(backup).header)
    return BackupHeader.validate_as(header, field="backup").installation


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _add_catalogue(commands: _SubParsersAction[ArgumentParser]) -> None:
    commands.add_parser("list", help="list the catalogue and what is installed")
    check = commands.add_parser("check", help="say everything that is wrong with an app's folder")
    check.add_argument("folder", metavar="FOLDER", type=Path)
    for action, text in (
        ("publish", "write an app of the catalogue into this host's own repository, for others to fetch"),
        ("withdraw", "remove it from there"),
        ("remove", "remove an app from the catalogue that was fetched and is not installed"),
    ):
        commands.add_parser(action, help=text).add_argument("app", metavar="NAME")
    fetch = commands.add_parser("fetch", help="fetch an app from a repository into the catalogue")
    fetch.add_argument("repository", metavar="REPOSITORY")
    fetch.add_argument("app", metavar="NAME")


def _add_installations(commands: _SubParsersAction[ArgumentParser]) -> None:
    install = commands.add_parser("install", help="install an app")
    install.add_argument("app", metavar="NAME")
    install.add_argument("--as", dest="instance", metavar="INSTANCE", required=True, help="what the installation is called")
    _add_answers(install)
    _add_adopt(install, "use a volume that is there")
    update = commands.add_parser("update", help="bring an installation to the catalogue's version, or to other answers")
    update.add_argument("instance", metavar="INSTANCE")
    _add_answers(update)
    update.add_argument("--dry-run", action="store_true", help="only say what it would change")
    _add_source(update, "take it from there, though what is installed is from elsewhere; own is this host")
    commands.add_parser("forget", help="give up the way back, and remove what it takes on the disk").add_argument(
        "instance", metavar="INSTANCE"
    )
    commands.add_parser("back", help="go back to the version before the last update").add_argument("instance", metavar="INSTANCE")
    uninstall = commands.add_parser("uninstall", help="remove an installation; its volumes stay")
    uninstall.add_argument("instance", metavar="INSTANCE")
    uninstall.add_argument("--volumes", action="store_true", help="remove its volumes, too, with all that is in them")
    uninstall.add_argument("--force", action="store_true", help="leave out the app's own last steps")


def _add_backups(commands: _SubParsersAction[ArgumentParser]) -> None:
    backup = commands.add_parser("backup", help="write volumes and answers into one file")
    backup.add_argument("instance", metavar="INSTANCE")
    backup.add_argument("file", metavar="FILE", type=Path)
    backup.add_argument("--freeze", action="store_true", help="freeze the containers meanwhile instead of stopping them")
    schedule = commands.add_parser("schedule", help="have an installation backed up by itself, or not any more")
    schedule.add_argument("instance", metavar="INSTANCE")
    schedule.add_argument("every", choices=list(Every), metavar="never|daily|weekly")
    schedule.add_argument("--hour", type=int, default=3, help="at which hour, 0 to 23")
    schedule.add_argument("--weekday", type=int, default=0, help="where weekly: 0 is Monday, 6 is Sunday")
    schedule.add_argument("--keep", type=int, default=7, help="how many are kept; older ones are removed")
    schedule.add_argument("--freeze", action="store_true", help="freeze the containers meanwhile instead of stopping them")
    remove_backup = commands.add_parser("remove-backup", help="remove a backup from the data directory's backups folder")
    remove_backup.add_argument("file", metavar="NAME", help="of the file there")
    restore = commands.add_parser("restore", help="install what a backup holds")
    restore.add_argument("file", metavar="FILE", type=Path)
    restore.add_argument("--as", dest="instance", metavar="INSTANCE", help="what it is called; without, what it was called")
    _add_answers(restore)
    _add_adopt(restore, "take a volume that is there as it is, in place of the backup's")
    _add_source(restore, "take the app from there, though the backup's was from elsewhere; own is this host")


def _add_answers(parser: ArgumentParser) -> None:
    parser.add_argument("--answers", metavar="FILE", type=Path, help="a TOML or JSON file with answers: question = answer")
    parser.add_argument(
        "--answer", metavar="QUESTION=ANSWER", action="append", default=[], help="one answer; none that is secret"
    )


def _add_adopt(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--adopt", metavar="KEY=VOLUME", action="append", default=[], help=text)


def _add_source(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--source", metavar="REPOSITORY", default="", help=text)


def _answers(file: Path | None, single: list[str]) -> dict[str, Any]:
    return {**(_read(file) if file else {}), **_pairs(single)}


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text()[:MAX_ANSWERS]
        value = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file}: {error}") from error
    if not isinstance(value, dict):
        raise CommandError(f"{file}: must hold answers by question")
    return value


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, separator, _ in pairs if not separator]:
        raise CommandError(f"write NAME=VALUE, not {wrong[0]}")
    return {name: value for name, _, value in pairs}

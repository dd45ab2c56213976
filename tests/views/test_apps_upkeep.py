"""What is done to an installation from its page: update, way back, backup, schedule, uninstall."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from containers.choices import EventKind, InstallationState, MountKind
from containers.domain.origin import Source
from containers.errors import HostError
from containers.models import Backup, Event, Installation, InstallationVersion, Job, Layer, Volume
from containers.services import backup_schedules, hosts, installations
from tests.support import exports, rows
from tests.support.apps import MANIFEST, fetched, installed, keep, write
from tests.support.html import Element, parse
from tests.views.conftest import HTMX, signed_in

pytestmark = pytest.mark.django_db

NEWER = (
    MANIFEST.replace('version = "1.0"', 'version = "2.0"\nchanges = "Quicker."', 1)
    .replace("[images.web]", '[[questions]]\nname = "colour"\ntype = "text"\nlabel = "Colour"\n\n[images.web]', 1)
    .replace('env = { TEXT = "{{ text }}" }', 'env = { TEXT = "{{ text }}", COLOUR = "{{ colour }}" }')
)


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path)
    rows.layer()
    return tmp_path


@pytest.fixture
def row() -> Installation:
    return installed()


def main(response: Any) -> Element:
    return parse(response).one("main")


def job(operation: str) -> Job:
    return Job.objects.get(operation=operation)


def backup(name: str = "blog") -> Backup:
    values = {"installation": name, "app": "note", "version": "1.0", "file_name": f"{name}-1.tar", "size_bytes": 2048}
    return Backup.objects.create(host=hosts.current(), **values)


def test_the_page_offers_what_can_be_done_and_nothing_while_something_is(client: Client, row: Installation) -> None:
    def addresses() -> set[str]:
        found = {link["href"] for link in main(client.get("/installations/blog/")).all("a", href=True)}
        return {address.removeprefix("/installations/blog/") for address in found if re.match("/installations/blog/.", address)}

    assert addresses() == {"update/", "backup/", "uninstall/", "secrets/"}
    InstallationVersion.objects.create(installation=row, version="0.9")
    assert addresses() == {"update/", "back/", "backup/", "forget/", "uninstall/", "secrets/"}
    Installation.objects.update(state=InstallationState.UPDATING)
    assert addresses() == {"secrets/"}


def test_volumes_lead_to_their_files_for_who_may_see_them(client: Client, row: Installation) -> None:
    rows.volume("blog-data")
    assert "/volumes/blog-data/" in {link["href"] for link in main(client.get("/installations/blog/")).all("a", href=True)}
    page = main(signed_in(rows.limited("limited", "blog-*")).get("/installations/blog/"))
    assert "blog-data" in page.text
    assert "/volumes/blog-data/" not in {link["href"] for link in page.all("a", href=True)}


def test_volumes_are_measured_from_there_where_their_size_is_not_known(client: Client, row: Installation) -> None:
    def ways(page: str) -> set[str]:
        shown = main(client.get(f"/installations/blog/{page}"))
        return {element["action"] for element in shown.all("form", action=True)} | {
            element["href"] for element in shown.all("a", href=True)
        }

    name = row.volumes.get().name
    rows.volume(name)
    assert "/measure-volumes/" in ways("")
    assert "/volumes/" in ways("uninstall/")
    Volume.objects.filter(name=name).update(size_bytes=5)
    assert "/measure-volumes/" not in ways("")
    assert "/volumes/" not in ways("uninstall/")


def test_an_update_from_somebody_else_is_seen_and_asked_for(
    client: Client, catalog: Path, row: Installation, tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR = tmp_path / "data"
    (tmp_path / "data").mkdir()
    assert main(client.get("/installations/blog/")).one("div", id="installation").text.count("not recorded") == 1
    keep(row, Source(origin=None))
    page = main(client.get("/installations/blog/"))
    assert "this host" in page.text
    assert "from another source" not in page.text
    assert not main(client.get("/installations/blog/update/")).all("div", id="source")
    shutil.rmtree(catalog / "note")
    with fetched(NEWER):
        assert "from another source" in main(client.get("/installations/blog/")).text
        shown = main(client.get("/installations/blog/update/")).one("div", id="source")
        assert "team" in shown.text
        assert exports.PUBLIC in shown.text
        given = {"act": "update", "answers.text": "hello", "answers.port": "30000", "answers.colour": "red"}
        refused = client.post("/installations/blog/update/", given)
        assert refused.status_code == 422
        assert "say team if it may be" in main(refused).one("div", id="problems").text
        assert not Job.objects.filter(operation="app-update").exists()
        assert client.post("/installations/blog/update/", {**given, "source": "team"}).status_code == 302
    assert job("app-update").inputs == {"source": "team"}


def test_secrets_are_shown_to_who_asks_and_each_time_is_on_record(client: Client, row: Installation) -> None:
    page = client.get("/installations/blog/")
    assert "hush-hush" not in page.content.decode()
    asked = main(client.get("/installations/blog/secrets/"))
    assert "hush-hush" not in asked.text
    assert not Event.objects.filter(kind=EventKind.SECRET_SHOW).exists()
    shown = client.post("/installations/blog/secrets/")
    assert shown["Cache-Control"] == "no-store"
    facts = main(shown).one("dl")
    assert (facts.one("dt").text, facts.one("dd").text) == ("Password", "hush-hush")
    event = Event.objects.get(kind=EventKind.SECRET_SHOW)
    assert (event.subject, event.data) == ("blog", {"questions": ["password"]})


def test_secrets_that_no_key_opens_are_said_to_be_so(client: Client, row: Installation) -> None:
    Installation.objects.update(secrets="nothing that was sealed")
    refused = client.post("/installations/blog/secrets/")
    assert refused.status_code == HostError.status
    assert main(refused).one("div", role="alert")


def test_who_may_only_look_is_shown_no_secrets(viewer_client: Client, row: Installation) -> None:
    assert not [link for link in main(viewer_client.get("/installations/blog/")).all("a", href=True) if "secrets" in link["href"]]
    assert viewer_client.post("/installations/blog/secrets/").status_code == 403
    assert not Event.objects.filter(kind=EventKind.SECRET_SHOW).exists()


def test_an_update_shows_versions_changes_and_new_questions(client: Client, catalog: Path, row: Installation) -> None:
    write(catalog, NEWER)
    page = main(client.get("/installations/blog/update/"))
    assert page.one("h1").text == "Update blog from 1.0 to 2.0"
    assert "Quicker." in page.text
    new = [one["data-question"] for one in page.all("div", data_question=True) if "New question" in one.text]
    assert new == ["colour"]
    assert "Left empty, it stays what it was." in page.one("div", data_question="password").text
    refused = client.post("/installations/blog/update/", {"act": "update", "answers.text": "hi", "answers.port": "30000"})
    assert refused.status_code == 422
    assert "is required" in parse(refused).one("div", data_question="colour").text
    looked = client.post(
        "/installations/blog/update/", {"act": "check", "answers.text": "hi", "answers.port": "30000", "answers.colour": "red"}
    )
    assert "env.COLOUR" in main(looked).text
    assert not Job.objects.filter(operation="app-update").exists()
    sent = client.post(
        "/installations/blog/update/", {"act": "update", "answers.text": "hi", "answers.port": "30000", "answers.colour": "red"}
    )
    assert sent["Location"] == f"/jobs/{job('app-update').pk}/"
    fresh = Installation.objects.get()
    assert fresh.next_answers["colour"] == "red"
    assert installations.opened({}, fresh.next_secrets) == {"password": "hush-hush"}
    again = client.post("/installations/blog/update/", {"act": "update", "answers.text": "hi", "answers.colour": "red"})
    assert (again.status_code, Job.objects.filter(operation="app-update").count()) == (422, 1)


def test_answers_are_changed_without_another_version(client: Client, row: Installation) -> None:
    page = main(client.get("/installations/blog/update/"))
    assert page.one("h1").text == "Change the answers of blog"
    assert page.one("input", id="answer-port")["value"] == "30000"
    assert b"hush-hush" not in client.get("/installations/blog/update/").content


def test_a_way_back_says_what_is_lost_and_asks(client: Client, row: Installation) -> None:
    assert "no version to go back to" in main(client.get("/installations/blog/back/")).text
    assert client.post("/installations/blog/back/").status_code == 409
    InstallationVersion.objects.create(installation=row, version="0.9", copies={"blog-data": "blog-data.copy"})
    page = main(client.get("/installations/blog/back/"))
    assert "what was written since then is lost" in page.text
    assert client.post("/installations/blog/back/").status_code == 302
    assert job("app-back").targets == ["blog"]


def test_a_backup_by_hand_and_by_itself(client: Client, row: Installation) -> None:
    dialog = client.get("/installations/blog/backup/", headers=HTMX)
    assert parse(dialog).one("h1")["id"] == "dialog-title"
    sent = client.post("/installations/blog/backup/", {"how": "freeze"}, headers=HTMX)
    assert sent["HX-Redirect"] == f"/jobs/{job('app-backup').pk}/"
    assert job("app-backup").inputs["freeze"] is True
    assert client.post("/installations/blog/backup/", {"how": "stop"}).status_code == 409
    assert client.post("/installations/blog/backup/", {"how": "odd"}).status_code == 422
    chosen = {"every": "weekly", "weekday": "6", "hour": "23", "how": "freeze", "kept": "3"}
    client.post("/installations/blog/schedule/", chosen)
    client.post("/installations/blog/schedule/", {**chosen, "hour": "24"})
    found = backup_schedules.find(Installation.objects.get())
    assert found is not None
    assert (found.every, found.weekday, found.hour, found.freeze, found.kept) == ("weekly", 6, 23, True, 3)
    assert found.user_name in main(client.get("/installations/blog/")).text


def test_uninstalling_keeps_every_volume_that_is_not_ticked(client: Client, row: Installation) -> None:
    rows.volume("blog-data", size_bytes=5 << 20, kind=MountKind.DIRECTORY)
    page = main(client.get("/installations/blog/uninstall/"))
    assert "5 MiB" in page.text
    box = page.one("input", name="volumes")
    assert (box["value"], "checked" in box.attrs) == ("blog-data", False)
    for wrong in ({"confirm": "Blog"}, {"confirm": "blog", "volumes": "other"}, {}):
        assert client.post("/installations/blog/uninstall/", wrong).status_code == 422
    assert not Job.objects.filter(operation="app-uninstall").exists()
    client.post("/installations/blog/uninstall/", {"confirm": "blog"})
    assert job("app-uninstall").inputs.get("volumes", []) == []
    again = client.post("/installations/blog/uninstall/", {"confirm": "blog", "volumes": "blog-data"})
    assert again.status_code == 409


def test_a_backup_is_deleted_in_a_dialog_that_says_which(client: Client, row: Installation) -> None:
    backup()
    backup("gone")
    for page, name in (("/installations/blog/", "blog-1.tar"), ("/installations/", "gone-1.tar")):
        assert main(client.get(page)).one("a", href=f"/backups/{name}/remove/")["data-dialog"] == ""
    Backup.objects.update(created_at=timezone.now() - timedelta(days=3))
    dialog = client.get("/backups/gone-1.tar/remove/", headers=HTMX)
    assert parse(dialog).one("h1").text == "Delete a backup of gone"
    for text in ("gone-1.tar", "note 1.0", "2 KiB", "3 d ago"):
        assert text in dialog.content.decode(), text
    assert not Job.objects.filter(operation="backup-remove").exists()
    sent = client.post("/backups/gone-1.tar/remove/", headers=HTMX)
    assert sent["HX-Redirect"] == f"/jobs/{job('backup-remove').pk}/"
    assert job("backup-remove").targets == ["gone-1.tar"]
    again = client.post("/backups/gone-1.tar/remove/")
    assert again.status_code == 409
    assert "is at the backup gone-1.tar already" in main(again).one("div", role="alert").text
    assert not main(again).all("button", "btn-danger")


def test_a_backup_of_somebody_else_is_not_deleted(client: Client, viewer_client: Client) -> None:
    backup()
    backup("shop-1")
    for name in ("blog-2.tar", "..%2fblog-1.tar", "~", "x"):
        assert client.post(f"/backups/{name}/remove/").status_code == 404, name
    assert not viewer_client.get("/installations/").content.decode().count("/remove/")
    assert viewer_client.post("/backups/blog-1.tar/remove/").status_code == 403
    client.force_login(rows.limited("anna", "shop-*", "install"))
    assert client.post("/backups/blog-1.tar/remove/").status_code == 403
    assert not Job.objects.filter(operation="backup-remove").exists()
    assert client.post("/backups/shop-1-1.tar/remove/").status_code == 302


def test_an_app_that_left_the_catalogue_can_still_be_removed(client: Client, catalog: Path, row: Installation) -> None:
    for file in (catalog / "note").iterdir():
        file.unlink()
    (catalog / "note").rmdir()
    assert client.get("/installations/blog/update/").status_code == 404
    assert client.post("/installations/blog/uninstall/", {"confirm": "blog"}).status_code == 302


def test_the_way_back_is_given_up_in_a_dialog_that_says_what_goes(client: Client, row: Installation) -> None:
    assert "no version to go back to" in main(client.get("/installations/blog/forget/")).text
    copies = {"blog-data": "blog-data.before-0.9"}
    InstallationVersion.objects.create(installation=row, version="0.9", copies=copies)
    rows.volume("blog-data.before-0.9", size_bytes=3 << 20, kind=MountKind.DIRECTORY)
    page = main(client.get("/installations/blog/forget/"))
    assert "blog-data.before-0.9" in page.text
    assert "3 MiB" in page.text
    answer = client.post("/installations/blog/forget/", headers=HTMX)
    assert answer.headers["HX-Redirect"] == job("app-forget").get_absolute_url()


def test_the_way_back_says_which_images_stay(client: Client, row: Installation) -> None:
    rows.image("app-note-web:1.0", layers=("base", "new"))
    Layer.objects.filter(name="new").update(size_bytes=3 << 20)
    for member in row.containers.all():
        member.container.layer_uses.all().delete()
        for position, layer in enumerate(Layer.objects.filter(name__in=["base", "new"]).order_by("name")):
            member.container.layer_uses.create(layer=layer, position=position)
    specs = {"web": {"name": "blog-web", "definition": {"layers": ["base", "old"]}}}
    InstallationVersion.objects.create(installation=row, version="0.9", specs=specs)
    page = main(client.get("/installations/blog/back/")).text
    assert "app-note-web:1.0 3 MiB" in page
    assert "a clean-up removes it where nothing else uses it" in page


def test_what_a_way_back_stands_on_says_whose_it_is(client: Client, row: Installation) -> None:
    rows.image("app-note-web:0.9", layers=("base", "old"))
    specs = {"web": {"name": "blog-web", "definition": {"layers": ["base", "old"]}}, "odd": [1], "more": {"definition": 3}}
    InstallationVersion.objects.create(installation=row, version="0.9", specs=specs)
    for address in ("/images/app-note-web/0.9/", "/images/", "/layers/old/", "/layers/"):
        assert "blog, to go back to 0.9" in main(client.get(address)).text, address
    refused = client.post("/images/app-note-web/0.9/remove/", follow=True)
    assert "used by the way back of blog to 0.9" in refused.content.decode()


def test_who_may_install_only_some_is_shown_only_what_is_theirs(client: Client, row: Installation) -> None:
    installed("shop-1")
    client.force_login(rows.limited("anna", "shop-*", "install"))
    assert client.get("/installations/blog/").status_code == 404
    assert client.get("/installations/blog/backup/").status_code == 404
    backup()
    assert "blog-1.tar" not in client.get("/installations/restore/").content.decode()
    found = main(client.get("/installations/shop-1/"))
    assert found.all("a", href="/installations/shop-1/backup/")
    assert client.get("/apps/note/install/").status_code == 200

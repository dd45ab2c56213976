"""A backup is chosen or sent, shown, and restored; root says what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from containers.domain import signature
from containers.domain.layout import Layout
from containers.host import keys
from containers.models import Backup, Job, Repository
from containers.services import hosts
from tests.support import exports, rows
from tests.support.apps import MANIFEST, fetched, installed, write
from tests.support.backups import made
from tests.support.html import Element, parse
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = pytest.mark.django_db

CLAIM = {
    "origin": {
        "repository": "team",
        "location": "https://images.example.org/a",
        "public_key": exports.PUBLIC,
        "serial": 7,
        "sha256": "a" * 64,
        "created": "2026-01-01T00:00:00Z",
        "fetched": "2026-01-01T00:00:00Z",
    }
}


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path / "catalog"])
    write(tmp_path / "catalog")
    rows.layer()
    return tmp_path / "catalog"


@pytest.fixture(autouse=True)
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Directories of the test's own, for the web process as for root."""
    found = Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path)
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    monkeypatch.setattr(settings, "FILE_UPLOAD_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr(settings, "MEDIA_ROOT", str(tmp_path / "uploads"))
    for directory in (found.backups, found.uploads):
        directory.mkdir(exist_ok=True)
    return found


@pytest.fixture
def stranger_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def main(response: Any) -> Element:
    return parse(response).one("main")


def backup(name: str = "blog") -> Backup:
    values = {"installation": name, "app": "note", "version": "1.0", "file_name": f"{name}-1.tar", "size_bytes": 2048}
    return Backup.objects.create(host=hosts.current(), **values)


def job() -> Job:
    return Job.objects.get(operation="app-restore")


def sent(client: Client, content: bytes) -> Any:
    return client.post("/restore/", {"file": SimpleUploadedFile("x.tar", content)})


def uploads() -> list[Path]:
    return list(Path(settings.MEDIA_ROOT).iterdir())


def test_one_backup_is_chosen_and_leads_to_what_is_in_it(client: Client) -> None:
    backup()
    assert "blog-1.tar" in main(client.get("/restore/")).one("select", name="backup").text
    assert client.post("/restore/", {"backup": "blog-1.tar"})["Location"] == "/restore/?backup=blog-1.tar"
    assert client.post("/restore/", {"path": "/srv/a b.tar"})["Location"] == "/restore/?path=%2Fsrv%2Fa+b.tar"
    for wrong in ({}, {"backup": "other.tar"}, {"backup": "blog-1.tar", "path": "/tmp/x.tar"}, {"path": "x\n"}):
        assert client.post("/restore/", wrong, follow=True).status_code == 422, wrong
    assert not Job.objects.exists()


@pytest.mark.usefixtures("session_server")
def test_a_backup_that_is_sent_is_shown_before_it_is_restored(client: Client, stranger_key: Ed25519PrivateKey) -> None:
    rows.volume("kept")
    rows.volume("no-directory", kind="file")
    answer = sent(client, made(stranger_key, b"x" * 3000, answers={"port": 18_099, "text": "private"}))
    page = main(client.get(answer["Location"]))
    facts = page.one("dl", "p-3").text
    for text in ("Note 1.0", "a key that this host does not know", signature.public_key_of(stranger_key), "data 2.9 KiB"):
        assert text in facts, text
    assert "private" not in page.text
    assert page.one("input", name="name")["value"] == "blog"
    assert page.one("input", name="answers.port")["placeholder"] == "18099"
    assert "Left empty: 18099, as it was." in page.text
    assert [option.text for option in page.one("select", name="adopt.data").all("option")] == ["from the backup", "kept"]
    refused = client.post(answer["Location"], {"name": "blog", "adopt.data": "gone", "answers.port": "18100"})
    assert (refused.status_code, main(refused).one("input", name="answers.port")["value"]) == (422, "18100")
    assert "there is no volume gone on the host" in main(refused).one("div", id="adopt-data-hint").text
    rows.volume("blog-data")
    taken = client.post(answer["Location"], {"name": "blog"})
    assert "there is a volume blog-data already: adopt it" in main(taken).one("div", id="adopt-data-hint").text
    done = client.post(answer["Location"], {"name": "new", "adopt.data": "kept", "answers.port": "18100"})
    assert done["Location"] == job().get_absolute_url()
    (stored,) = uploads()
    assert (job().targets, job().inputs["adopt"], job().inputs["upload"]) == (["new"], {"data": "kept"}, stored.name)


@pytest.mark.usefixtures("session_server")
def test_what_is_sent_and_is_no_backup_is_not_kept(client: Client, stranger_key: Ed25519PrivateKey) -> None:
    changed = made(stranger_key).replace(b'"version": "1.0"', b'"version": "1.1"')
    for content, reason in ((b"tar", "this is no backup"), (changed, "is not what was written")):
        refused = sent(client, content)
        assert refused.status_code == 422
        assert reason in main(refused).one("div", id="file-hint").text
        assert uploads() == []


@pytest.mark.usefixtures("session_server")
def test_what_was_sent_is_found_by_who_has_sent_it_alone(client: Client, operator: User, stranger_key: Ed25519PrivateKey) -> None:
    address = sent(client, made(stranger_key))["Location"]
    (stored,) = uploads()
    client.force_login(rows.limited("anna", "*", "install"))
    for wrong in (address, f"/restore/?upload={stored.name}", "/restore/?upload=x", f"{address}&backup=blog-1.tar"):
        assert client.get(wrong).status_code == 422, wrong
        assert client.post(wrong, {"name": "new"}).status_code == 422, wrong
    assert not Job.objects.exists()


@pytest.mark.usefixtures("session_server")
def test_a_backup_of_somebody_else_is_not_shown(client: Client, layout: Layout, stranger_key: Ed25519PrivateKey) -> None:
    row = backup()
    (layout.backups / row.file_name).write_bytes(made(stranger_key))
    assert client.get("/restore/?backup=blog-1.tar").status_code == 200
    client.force_login(rows.limited("anna", "shop-*", "install"))
    for address in ("/restore/?backup=blog-1.tar", "/restore/?path=/srv/x.tar"):
        assert client.get(address).status_code == 403, address
    assert client.get("/restore/?backup=gone-1.tar").status_code == 422
    assert "blog-1.tar" not in main(client.get("/restore/")).text


@pytest.mark.usefixtures("session_server")
def test_a_port_that_was_given_away_meanwhile_has_another_suggested(
    client: Client, layout: Layout, stranger_key: Ed25519PrivateKey
) -> None:
    port = installed().ports.get().port
    row = backup("shop")
    (layout.backups / row.file_name).write_bytes(made(stranger_key, installation="shop", answers={"port": port}))
    page = main(client.get("/restore/?backup=shop-1.tar"))
    assert page.one("input", name="answers.port")["value"] not in {"", str(port)}
    assert f"It was {port}, which leads to blog by now." in page.text


@pytest.fixture
def from_team(layout: Layout, stranger_key: Ed25519PrivateKey) -> str:
    """The address of a backup whose app was of the repository team, and the catalogue's is this host's own."""
    (layout.backups / backup().file_name).write_bytes(made(stranger_key, source=CLAIM))
    return "/restore/?backup=blog-1.tar"


@pytest.mark.usefixtures("session_server")
def test_an_app_from_elsewhere_gets_a_backup_when_that_was_said(client: Client, from_team: str) -> None:
    page = main(client.get(from_team))
    assert "Source, it says team, https://images.example.org/a" in page.one("dl", "p-3").text
    assert page.one("div", id="source").one("input", name="source")["value"] == "own"
    refused = client.post(from_team, {"name": "blog"})
    assert (refused.status_code, Job.objects.exists()) == (422, False)
    assert "Tick this if it may be from there." in main(refused).one("div", id="source-errors").text
    client.post(from_team, {"name": "blog", "source": "own"})
    assert job().inputs == {"backup": "blog-1.tar", "source": "own"}


@pytest.mark.usefixtures("session_server")
def test_an_app_from_the_same_publisher_asks_nothing(
    client: Client, from_team: str, catalog: Path, stranger_key: Ed25519PrivateKey
) -> None:
    (catalog / "note").rename(catalog / "other")
    gone = main(client.get(from_team))
    assert "There is no app note in the catalogue" in gone.text
    assert not gone.all("input", name="name")
    public = signature.public_key_of(stranger_key)
    Repository.objects.create(host=hosts.current(), name="peer", location="https://peer.example.org", public_key=public)
    with fetched(MANIFEST, repository="other"):
        page = main(client.get(from_team))
    assert not page.all("div", id="source")
    assert "Signed by peer" in page.one("dl", "p-3").text


@pytest.mark.usefixtures("session_server")
def test_the_hosts_own_signature_is_known(client: Client, layout: Layout) -> None:
    for name in ("keys", "repository"):
        (layout.data_dir / name).mkdir()
    content = made(keys.ensure_signing_key(layout))
    (layout.backups / backup().file_name).write_bytes(content)
    assert "Signed by this host" in main(client.get("/restore/?backup=blog-1.tar")).one("dl", "p-3").text


@pytest.mark.usefixtures("session_server")
@pytest.mark.parametrize("moment", ["", "yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_is_left_out(client: Client, stranger_key: Ed25519PrivateKey, moment: str) -> None:
    page = main(client.get(sent(client, made(stranger_key, created_at=moment))["Location"]))
    assert "Made" not in page.one("dl", "p-3").text


def test_where_root_does_not_answer_a_backup_is_restored_without_a_look(client: Client) -> None:
    backup()
    rows.volume("blog-data")
    page = main(client.get("/restore/?backup=blog-1.tar"))
    assert "What is in it cannot be shown now" in page.text
    assert page.one("input", name="name")["value"] == "blog"
    taken = client.post("/restore/?backup=blog-1.tar", {"name": "blog", "adopt.data": ""})
    assert "there is a volume blog-data already: adopt it" in main(taken).one("div", id="adopt-data-hint").text
    for wrong in ({"name": "../x"}, {"name": ""}):
        assert client.post("/restore/?backup=blog-1.tar", wrong).status_code == 422
    client.post("/restore/?backup=blog-1.tar", {"name": "blog", "adopt.data": "blog-data", "answers.port": "30500"})
    assert job().inputs == {"backup": "blog-1.tar", "answers": {"port": "30500"}, "adopt": {"data": "blog-data"}}
    again = sent(client, b"tar")
    assert (again.status_code, len(uploads())) == (302, 1)
    assert main(client.get(again["Location"])).one("input", name="name")["value"] == ""


def test_a_name_that_is_taken_is_refused_at_its_field(client: Client) -> None:
    installed()
    backup()
    page = main(client.get("/restore/?backup=blog-1.tar"))
    assert page.one("input", name="name")["value"] == ""
    refused = main(client.post("/restore/?backup=blog-1.tar", {"name": "blog"}))
    assert "there is an installation blog already" in refused.one("div", id="id_name-hint").text

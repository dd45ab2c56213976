"""Repositories known and forgotten, what they offer beside what is here, and what may be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.choices import JobState
from containers.domain.image import ImageRef
from containers.domain.repository import RepositorySpec, Seen
from containers.errors import Conflict, Forbidden, InvalidRequest, NotFound
from containers.models import Event, Image, Job, Layer, Repository
from containers.services import exported, hosts, jobs, repositories
from containers.services.repositories import Offer
from tests.support import exports, rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db

SPEC = RepositorySpec(name="team", location="https://images.example.org/a", public_key=exports.PUBLIC)


@pytest.fixture
def own() -> Iterator[Path]:
    with exports.own("debian:12", "pg:15") as directory:
        yield directory


def test_a_repository_is_written_and_looked_into(operator: User) -> None:
    row, job = repositories.add(rows.actor(operator), SPEC)
    assert (row.name, row.location, row.public_key, row.serial) == ("team", SPEC.location, exports.PUBLIC, None)
    assert (job.operation, job.targets, job.inputs) == ("repository-refresh", ["team"], {})
    assert set(Event.objects.values_list("kind", "subject")) == {("job.queue", "team"), ("repository.add", "team")}
    with pytest.raises(Conflict, match="There is a repository team already"):
        repositories.add(ROOT, SPEC)


@pytest.mark.parametrize("location", ["/etc", "/root/x", "/srvx", "/proc/self"])
def test_a_directory_lies_where_imports_may_come_from(settings: Any, location: str) -> None:
    settings.IMPORT_DIRS = (Path("/srv"),)
    repositories.add(ROOT, SPEC.model_copy(update={"name": "here", "location": "/srv/images"}))
    with pytest.raises(InvalidRequest) as caught:
        repositories.add(ROOT, SPEC.model_copy(update={"location": location}))
    assert caught.value.errors[0].field == "location"


def test_a_forgotten_one_stays_on_record() -> None:
    repositories.remove(ROOT, exports.row())
    assert not Repository.objects.exists()
    data = {"location": SPEC.location, "public_key": exports.PUBLIC, "serial": 7}
    assert Event.objects.get(kind="repository.remove").data == data


def test_what_was_seen_of_a_publisher_outlives_its_repository() -> None:
    row = exports.row()
    images = row.images
    repositories.remove(ROOT, row)
    again, _ = repositories.add(ROOT, SPEC.model_copy(update={"name": "other", "location": "https://elsewhere.example.org"}))
    assert repositories.seen(again) == Seen(7, images, [])
    assert repositories.entries(again) == ()
    stranger, _ = repositories.add(ROOT, SPEC.model_copy(update={"name": "new", "public_key": "0" * 64}))
    assert repositories.seen(stranger) == Seen(None, [], [])
    # One that was never looked into teaches nothing, an older one neither.
    repositories.remove(ROOT, again)
    Repository.objects.filter(pk=stranger.pk).update(public_key=exports.PUBLIC, serial=6)
    repositories.remove(ROOT, hosts.get_repository("new"))
    again, _ = repositories.add(ROOT, SPEC)
    assert repositories.seen(again).serial == 7
    repositories.remove(ROOT, again, serial_too=True)
    assert repositories.seen(repositories.add(ROOT, SPEC)[0]) == Seen(None, [], [])


def test_what_it_offers_is_compared_with_what_is_here(django_assert_max_num_queries: Any) -> None:
    for version, layer in (("1", "same"), ("2", "other")):
        rows.image(f"debian:{version}", layers=(layer,))
    Layer.objects.filter(name="same").update(digest="b" * 64)
    Image.objects.update(updated_at=exports.CREATED)
    late, early = "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"
    images = [
        exports.entry("debian:1"),
        exports.entry("debian:2"),
        exports.entry("debian:3", created=late),
        exports.entry("debian:0", created=early),
        exports.entry("pg:15", layers=[{"digest": "b" * 64, "size": 1}, {"digest": "c" * 64, "size": 2}]),
    ]
    with django_assert_max_num_queries(3):
        found = repositories.compared(images)
    assert [item.offer for item in found] == [Offer.HERE, Offer.DIFFERS, Offer.NEWER, Offer.OTHER_VERSION, Offer.NEW]
    assert [item.layers_here for item in found] == [1, 1, 1, 1, 1]
    assert found[-1].unpacked_bytes == 3
    assert [item.offer for item in repositories.compared(images[:2], own=True)] == [Offer.HERE, Offer.HERE]


def test_only_missing_layers_need_space() -> None:
    wanted = exports.entry("pg:15", layers=[{"digest": "b" * 64, "size": 1000}, {"digest": "c" * 64, "size": 20}])
    assert repositories.missing_bytes(rows.host(), wanted) == 1020
    rows.layer("there")
    Layer.objects.update(digest="b" * 64)
    assert repositories.missing_bytes(rows.host(), wanted) == 20
    Layer.objects.update(is_available=False)
    assert repositories.missing_bytes(rows.host(), wanted) == 1020


def test_an_image_of_the_last_look_can_be_asked_for(operator: User) -> None:
    exports.row("team", "debian:12")
    job = repositories.request_fetch(rows.actor(operator), "team", ImageRef("debian", "12"))
    assert (job.operation, job.targets, job.inputs) == ("image-fetch", ["debian:12"], {"repository": "team"})
    for name, image in (("team", "debian:13"), ("other", "debian:12"), ("own", "debian:12"), ("..", "debian:12")):
        with pytest.raises(NotFound):
            repositories.request_fetch(ROOT, name, ImageRef.parse(image))


def test_the_own_one_is_asked_as_well(own: Path) -> None:
    assert repositories.request_fetch(ROOT, "own", ImageRef("pg", "15")).inputs == {"repository": "own"}


def test_a_fetching_is_repeated() -> None:
    exports.row("team", "debian:12")
    job = repositories.request_fetch(ROOT, "team", ImageRef("debian", "12"))
    Job.objects.filter(pk=job.pk).update(state=JobState.LOST)
    job.refresh_from_db()
    again = jobs.retry(ROOT, job)
    assert (again.retry_of_id, again.targets, again.inputs) == (job.pk, job.targets, job.inputs)


@pytest.mark.parametrize("images", [{}, "x", [1], [{"name": "../x"}], [{"name": "a", "version": "1"}], None])
def test_a_row_that_holds_anything_else_offers_nothing(images: Any) -> None:
    row = exports.row("team", "debian:12")
    assert len(repositories.entries(row)) == 1
    row.images = images
    assert repositories.entries(row) == ()


def test_only_a_newer_index_of_the_same_place_and_key_is_kept() -> None:
    row = exports.row("team", "debian:12")
    assert repositories.keep_index(row, exports.index(exports.entry("pg:15"), serial=8))
    row.refresh_from_db()
    assert (row.serial, [image["name"] for image in row.images]) == (8, ["pg"])
    assert row.checked_at is not None
    assert not repositories.keep_index(row, exports.index(serial=7))
    Repository.objects.update(public_key="0" * 64)
    assert not repositories.keep_index(row, exports.index(serial=9))
    row.refresh_from_db()
    assert row.serial == 8


# The own one


def test_before_the_first_export_there_is_nothing() -> None:
    assert (exported.public_key(), exported.index().images) == ("", ())
    with pytest.raises(NotFound):
        exported.open_file(ImageRef("debian", "12"))


def test_what_was_exported_is_there(own: Path) -> None:
    assert exported.public_key() == exports.PUBLIC
    entry, stream = exported.open_file(ImageRef("debian", "12"))
    with stream:
        assert (entry.name, stream.read()) == ("debian", b"content")
    assert exported.find(ImageRef("pg", "15")) is not None
    assert exported.find(ImageRef("pg", "16")) is None
    assert exported.resolve("pg") == exported.resolve("pg:15") == ImageRef("pg", "15")
    for name in ("pg:16", "other", "pg:", "..", ""):
        with pytest.raises(NotFound):
            exported.resolve(name)


@pytest.mark.parametrize("stands", ["link", "directory", "nothing"])
def test_what_stands_in_the_place_of_a_file_is_not_read(own: Path, stands: str) -> None:
    path = own / exports.entry("debian:12").file
    path.unlink()
    if stands == "link":
        path.symlink_to("/etc/passwd")
    elif stands == "directory":
        path.mkdir()
    with pytest.raises(NotFound, match="The file of debian:12 is not there"):
        exported.open_file(ImageRef("debian", "12"))


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b"[" * 100_000])
def test_a_broken_index_is_as_good_as_none(own: Path, text: bytes) -> None:
    (own / "index.json").write_bytes(text)
    (own / "key.pub").write_bytes(text)
    assert (exported.public_key(), exported.index().images) == ("", ())


def test_exports_are_asked_for_and_removed(operator: User, own: Path) -> None:
    actor = rows.actor(operator)
    job = exported.request_export(actor, rows.image("debian:12"))
    assert (job.operation, job.targets, job.inputs) == ("image-export", ["debian:12"], {})
    job = exported.request_removal(actor, ImageRef("pg", "15"))
    assert (job.operation, job.targets, job.inputs) == ("export-remove", ["pg:15"], {})
    with pytest.raises(NotFound):
        exported.request_removal(actor, ImageRef("pg", "16"))
    assert {"image.export", "export.remove"} <= set(Event.objects.values_list("kind", flat=True))


@pytest.mark.parametrize("rights", [(), ("view_container",)])
def test_the_stranger_may_not(own: Path, rights: tuple[str, ...]) -> None:
    somebody = rows.actor(rows.user("somebody", *rights))
    row, ref = exports.row("team", "debian:12"), ImageRef("debian", "12")
    image = rows.image("debian:12")
    for forbidden in (
        lambda: repositories.add(somebody, SPEC.model_copy(update={"name": "other"})),
        lambda: repositories.remove(somebody, row),
        lambda: repositories.request_refresh(somebody, row),
        lambda: repositories.request_fetch(somebody, "team", ref),
        lambda: exported.request_export(somebody, image),
        lambda: exported.request_removal(somebody, ref),
    ):
        with pytest.raises(Forbidden):
            forbidden()
    assert not Job.objects.exists()

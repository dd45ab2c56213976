"""Who an installed app is from stays with it: a version from somebody else is taken only when that was said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from containers.choices import JobState, Via
from containers.domain.origin import NewPublisher, Publisher
from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.models import Job
from containers.services import app_publishers, app_requests
from tests.jobs.shop import SMALL, SMALL_NEXT, SYSTEM, Shop, ok
from tests.support import exports
from tests.support.apps import fetched

pytestmark = pytest.mark.lxc

TEAM = Publisher("team", exports.PUBLIC)


@pytest.fixture
def moved(shop: Shop) -> Iterator[Shop]:
    """An installed app of the host's own, whose name is an app of a repository by now, in another version."""
    shop.write(SMALL)
    shop.installed()
    shutil.rmtree(shop.catalog / "note")
    with fetched(SMALL_NEXT):
        yield shop


def test_a_version_from_somebody_else_is_refused_until_it_is_said(moved: Shop) -> None:
    row = moved.row()
    assert app_publishers.of(row) == Publisher()
    assert app_requests.update_of(row).source == NewPublisher(Publisher(), TEAM)
    for wrong in ("", "own", "others"):
        with pytest.raises(InvalidRequest, match="blog is from this host, and Note 2.0 is from the repository team: say team"):
            app_requests.request_update(SYSTEM, row, source=wrong)
    ok(moved.panel.run(app_requests.request_update(SYSTEM, row, source="team")))
    assert (moved.row().version, app_publishers.of(moved.row())) == ("2.0", TEAM)
    # From there on that is where it is from.
    assert app_requests.update_of(moved.row()).source is None
    ok(moved.panel.run(app_requests.request_back(SYSTEM, moved.row())))
    assert (moved.row().version, app_publishers.of(moved.row())) == ("1.0", Publisher())


def test_root_asks_again(moved: Shop) -> None:
    before = moved.state()
    job = Job.objects.create(host=moved.host, operation=Operation.APP_UPDATE, targets=["blog"], via=Via.SYSTEM)
    ended = moved.panel.run(job)
    assert (ended.state, "say team if it may be" in ended.reason) == (JobState.FAILED, True)
    assert moved.state() == before


def test_another_key_of_a_repository_of_the_same_name_is_somebody_else(shop: Shop) -> None:
    shutil.rmtree(shop.catalog / "note")
    with fetched(SMALL):
        shop.installed()
    with fetched(SMALL_NEXT, public_key="b" * 64):
        found = app_requests.update_of(shop.row()).source
        assert found == NewPublisher(TEAM, Publisher("team", "b" * 64))
        assert found.is_new_key
        with pytest.raises(InvalidRequest, match="signed with another key"):
            app_requests.request_update(SYSTEM, shop.row())
    # What is installed is kept, with who it is from: also where the catalogue has lost it.
    ok(shop.update(text="x"))
    assert app_publishers.of(shop.row()) == TEAM


def test_of_what_was_installed_before_it_was_recorded_nothing_is_said(moved: Shop) -> None:
    (moved.layout.kept_app("blog", moved.row().kept) / ".source.json").unlink()
    assert app_publishers.of(moved.row()) is None
    ok(moved.update())
    assert app_publishers.of(moved.row()) == TEAM

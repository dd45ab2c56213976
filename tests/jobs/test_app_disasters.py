"""Jobs on installed apps that fail, or are killed, at any step: what is left is the old or the new, never a mixture."""

from __future__ import annotations

import pytest

from containers.catalog import apps
from containers.choices import InstallationState, JobState
from containers.domain.states import Operation
from containers.jobs import reaper
from containers.models import Installation, Job, Layer
from containers.services import app_requests
from tests.jobs.conftest import LAYER
from tests.jobs.shop import NEXT_RECIPE, SMALL, SMALL_NEXT, SYSTEM, Disaster, Shop, is_struck, run_with

pytestmark = pytest.mark.lxc


@pytest.mark.parametrize("how", ["fails", "after"])
def test_an_installation_is_undone_wherever_it_ends(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    nothing = shop.state()
    at, struck = 0, True
    while struck:
        at += 1
        job = app_requests.request_install(SYSTEM, apps.find("note"), "blog", {})
        struck = is_struck(run_with(shop, disaster, job, at, how))
        if struck:
            assert (at, shop.state()) == (at, nothing)
    assert at > 10
    assert shop.row().state == InstallationState.INSTALLED


@pytest.mark.parametrize("how", ["fails", "after"])
def test_an_update_leaves_old_or_new_wherever_it_ends(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    shop.installed()
    shop.post("mine")
    old = shop.state()
    shop.write(SMALL_NEXT, recipe=NEXT_RECIPE)
    at, struck = 0, True
    while struck:
        at += 1
        state = run_with(shop, disaster, app_requests.request_update(SYSTEM, shop.row()), at, how)
        struck = is_struck(state)
        if struck and shop.row().version == "1.0":
            assert (at, shop.state()) == (at, old)
        elif struck:
            # The last parts: what is new has proved itself, and is whole.
            assert (at, set(shop.state()["states"].values()), shop.read("updated")) == (at, {"RUNNING"}, "2.0")
            break
    assert at > 8


@pytest.mark.parametrize("how", ["fails", "after"])
def test_an_uninstallation_keeps_all_or_ends_wherever_it_ends(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    at, struck, gone = 0, True, 0
    while struck:
        at += 1
        if not Installation.objects.exists():
            shop.installed()
        before = shop.state()
        job = app_requests.request_uninstall(SYSTEM, shop.row(), ["blog-data"])
        struck = is_struck(run_with(shop, disaster, job, at, how))
        if shop.state() != before:
            if how == "fails" and struck and Installation.objects.exists():
                reaper.mend_installations(shop.host)
                shop.run_pending()
            after = shop.state()
            assert (at, after["installations"], after["directories"], after["volumes"]) == (at, [], [], {})
            gone += 1
    assert at > 2
    assert gone


def test_a_backup_that_is_killed_lets_all_go_on(shop: Shop, disaster: Disaster) -> None:
    shop.write(SMALL)
    shop.installed()
    before = shop.state()
    at, struck = 0, True
    while struck:
        at += 1
        state = run_with(shop, disaster, app_requests.request_backup(SYSTEM, shop.row()), at, "after")
        struck = is_struck(state)
        assert (at, shop.state()) == (at, before)
        assert not list(shop.layout.backups.glob(".unfinished*"))
    assert at > 3


@pytest.mark.usefixtures("shop")
def test_what_was_cancelled_before_it_began_leaves_no_name_behind(shop: Shop) -> None:
    job = app_requests.request_install(SYSTEM, apps.find("note"), "blog", {})
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
    reaper.mend_installations(shop.host)
    shop.run_pending()
    assert shop.state()["installations"] == []
    assert Operation.APP_MEND in Job.objects.values_list("operation", flat=True)
    assert Layer.objects.get().name == LAYER

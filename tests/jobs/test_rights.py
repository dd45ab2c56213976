"""The worker asks again whether who asked may: rights may be gone meanwhile, rows may be forged."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from containers.choices import JobState, Via
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.host import directories
from containers.jobs.handlers import HANDLERS
from containers.jobs.handlers.volumes import VolumeScanHandler
from containers.jobs.runner import run_job
from containers.models import Container, Event, Grant, Host, Job, Revision
from containers.services import accounts, hosts, operations, storing, volumes
from containers.services.actor import of_job
from containers.services.audit_jobs import JobCheck
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _directories(layout: Layout) -> None:
    directories.ensure_layout(layout, web_gid=0, idmap_base=settings.IDMAP_BASE)


def run(job: Job) -> tuple[str, str]:
    run_job(job.pk)
    job.refresh_from_db()
    return job.state, job.reason


def forged(host: Host, user: User | None, operation: str, *targets: str, **inputs: object) -> Job:
    return Job.objects.create(
        host=host, user=user, user_name="x", via=Via.WEB, operation=operation, targets=list(targets), inputs=inputs
    )


def test_a_right_that_was_lost_meanwhile_counts(host: Host) -> None:
    rows.container("shop-db")
    person = rows.limited("limited", "shop-*", "operate")
    job = operations.request(rows.actor(person), Operation.START, ["shop-db"])
    Grant.objects.filter(right="operate").delete()
    assert run(job) == (JobState.FAILED, "You may not start or stop containers: shop-db. Ask an administrator for the right.")
    assert not job.steps.exists()


@pytest.mark.parametrize(
    ("operation", "targets", "inputs"),
    [
        (Operation.START, ["other"], {}),
        (Operation.START, ["shop-db", "other"], {}),
        (Operation.START, ["shop-db"], {"command": ["sh"]}),
        (Operation.EXECUTE, ["shop-db"], {"command": ["sh"]}),
        (Operation.DESTROY, ["shop-db"], {}),
        (Operation.CREATE, ["shop-db"], {}),
        (Operation.SHUTDOWN, [], {}),
        (Operation.VOLUME_SCAN, [], {}),
        (Operation.NETWORK, [], {}),
        (Operation.CLEAN_UP, [], {"layers": ["base"]}),
        (Operation.LAYER_REMOVE, ["base"], {}),
        (Operation.LAYER_COMMIT, ["shop-db"], {"layer": "mine"}),
    ],
)
def test_a_forged_row_gets_no_more_than_its_user_may(
    host: Host, operation: Operation, targets: list[str], inputs: dict[str, object]
) -> None:
    for name in ("shop-db", "other"):
        rows.container(name)
    hosts.containers().update(is_mounted=True)
    person = rows.limited("limited", "shop-*", "operate")
    state, reason = run(forged(host, person, operation, *targets, **inputs))
    assert state == JobState.FAILED
    assert "You may not" in reason


@pytest.mark.parametrize("operation", list(Operation))
def test_who_may_look_has_nothing_done(host: Host, viewer: User, operation: Operation) -> None:
    rows.container("a")
    job = forged(host, viewer, operation, "a")
    run(job)
    assert job.state == JobState.FAILED
    assert not job.steps.exists()


@pytest.mark.parametrize("switch", ["deleted", "off", "nobody"])
def test_an_account_that_is_gone_has_nothing_done(host: Host, admin: User, switch: str) -> None:
    rows.container("a")
    job = operations.request(rows.actor(admin), Operation.START, ["a"])
    if switch == "deleted":
        admin.delete()
    elif switch == "off":
        User.objects.update(is_active=False)
    else:
        Job.objects.update(user=None)
    assert run(job)[0] == JobState.FAILED
    assert not job.steps.exists()


class Writing(VolumeScanHandler):
    """Whoever asked for the job is removed while it works, and then it writes in his name."""

    def run(self) -> None:
        assert self.job.user is not None
        accounts.remove(rows.ROOT, User.objects.get(pk=self.job.user.pk))
        storing.write_revision(of_job(self.job), Container.objects.get(), rows.spec("a"))


def test_an_account_that_goes_while_its_job_works_leaves_its_name(
    host: Host, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.container("a")
    Container.objects.update(revision=2)
    person = rows.user("anna", is_superuser=True)
    job = volumes.request_scan(rows.actor(person))
    monkeypatch.setitem(HANDLERS, Operation.VOLUME_SCAN, Writing)
    assert run(job) == (JobState.SUCCEEDED, "")
    assert (job.user, job.user_name) == (None, "anna")
    revision = Revision.objects.get(number=2)
    assert (revision.user, revision.user_name) == (None, "anna")
    assert Event.objects.get(kind="job.end", job=job).user_name == "anna"
    assert [finding.text for finding in JobCheck().findings() if finding.first == job.pk] == []


def test_what_it_asked_for_and_was_not_begun_says_that_it_is_gone(host: Host, admin: User) -> None:
    rows.container("a")
    person = rows.user("anna", is_superuser=True)
    job = operations.request(rows.actor(person), Operation.START, ["a"])
    accounts.remove(rows.actor(admin), person)
    assert run(job) == (JobState.FAILED, "the account anna is gone")
    assert job.user_name == "anna"

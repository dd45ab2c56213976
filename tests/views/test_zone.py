"""Times in the zone of the browser."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.models import Job
from containers.views.middleware import zone_of
from tests.support import rows
from tests.support.html import parse

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(operator: User) -> Job:
    row = Job.objects.create(host=rows.host(), operation="start", targets=["web"], via="web", state="failed")
    Job.objects.filter(pk=row.pk).update(created_at=datetime(2026, 1, 31, 23, 30, tzinfo=UTC))
    return row


def test_times_and_days_are_those_of_the_browser(client: Client, job: Job) -> None:
    assert "31 Jan 2026, 23:30:00" in parse(client.get(f"/jobs/{job.pk}/")).text
    client.cookies["spocweb_zone"] = "Asia/Kolkata"
    page = parse(client.get(f"/jobs/{job.pk}/"))
    assert "1 Feb 2026, 05:00:00" in page.text
    assert page.one(id="job")["data-zone"] == "Asia/Kolkata"
    assert "Times in Asia/Kolkata" in page.text
    assert len(parse(client.get("/jobs/?since=2026-02-01")).all("tr", id=True)) == 1
    # The next request is somebody else's.
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize("name", ["", "x", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/Nowhere", "a" * 500, "UTC\0"])
def test_what_is_no_zone_counts_as_none(client: Client, job: Job, name: str) -> None:
    assert zone_of(name) is None
    client.cookies["spocweb_zone"] = name.replace("\0", "")
    assert client.get(f"/jobs/{job.pk}/").status_code == 200


def test_the_api_speaks_utc(client: Client, job: Job) -> None:
    client.cookies["spocweb_zone"] = "Asia/Kolkata"
    assert client.get(f"/api/v1/jobs/{job.pk}/").json()["created_at"].startswith("2026-01-31T23:30:00")

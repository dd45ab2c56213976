"""What the root worker can do, on a page: the whole closed list and how often it was used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.choices import JobState, Operation
from containers.models import Job
from containers.services import operations
from containers.views.rights import MEANINGS
from tests.support import rows
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db


def table(client: Client) -> dict[str, list[str]]:
    lines = parse(client.get("/operations/")).one("tbody").all("tr")
    return {line.one("code").text: [cell.text for cell in line.all("td")] for line in lines}


def test_the_list_is_closed_and_every_operation_is_explained(client: Client) -> None:
    assert set(MEANINGS) == set(Operation)
    assert list(table(client)) == list(Operation.values)


def test_it_counts_the_last_thirty_days(client: Client, operator: User) -> None:
    rows.container("web")
    jobs = [operations.request(rows.actor(operator), Operation.START, ["web"]) for _ in range(3)]
    Job.objects.filter(pk=jobs[0].pk).update(created_at=timezone.now() - timedelta(days=31))
    Job.objects.filter(pk=jobs[1].pk).update(state=JobState.FAILED)
    assert table(client)["start"][1:] == ["2", "1", str(jobs[2].pk)]
    assert table(client)["stop"][1:] == ["0", "0", "–"]


def test_more_jobs_need_no_more_queries(client: Client, operator: User, django_assert_max_num_queries: Any) -> None:
    rows.container("web")
    with django_assert_max_num_queries(8) as few:
        table(client)
    for operation in (Operation.START, Operation.STOP, Operation.KILL):
        operations.request(rows.actor(operator), operation, ["web"])
    with django_assert_max_num_queries(len(few)):
        table(client)


def test_the_page_says_who_may_what_and_why(admin: User, stranger: User) -> None:
    rows.limited("limited", "shop-*", "operate")
    text = parse(signed_in(admin).get("/rights/")).one("table").text
    for words in ("superuser", "granted in person", "shop-*", "nothing: no role and no right was given"):
        assert words in text

"""The demo's rows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from containers.domain.states import Operation
from containers.errors import Forbidden
from containers.models import Container, Job, Layer
from containers.services import demo, hosts, plans, specs
from tests.support import rows

pytestmark = pytest.mark.django_db


def test_one_job_makes_the_layer_and_three_containers(operator: User) -> None:
    job = demo.request_demo(rows.actor(operator))
    assert (job.operation, job.targets, job.inputs) == ("demo", ["demo-db", "demo-app", "demo-web"], {"layer": "demo-base"})
    assert [link.name for link in job.containers.all()] == ["demo-app", "demo-db", "demo-web"]
    assert [(layer.name, layer.is_available) for layer in Layer.objects.all()] == [("demo-base", False)]
    assert set(Container.objects.values_list("last_job", flat=True)) == {job.pk}


def test_its_containers_start_one_after_the_other(operator: User) -> None:
    demo.request_demo(rows.actor(operator))
    steps = plans.preview(Operation.START, ["demo-web"]).steps
    assert [(step.container, step.reason) for step in steps] == [
        ("demo-db", "needed by demo-app"),
        ("demo-app", "needed by demo-web"),
        ("demo-web", "asked for"),
    ]


def test_asking_twice_keeps_what_is_there(operator: User) -> None:
    demo.request_demo(rows.actor(operator))
    row = Container.objects.get(name="demo-app")
    addresses = list(Container.objects.values_list("name", "address"))
    Container.objects.filter(name="demo-web").delete()
    Layer.objects.update(is_available=True)
    demo.request_demo(rows.actor(operator))
    assert list(Container.objects.values_list("name", "address")) == addresses
    assert Container.objects.get(name="demo-app") == row
    assert Layer.objects.get().is_available is True
    assert Job.objects.count() == 2


def test_its_definitions_read_back(operator: User) -> None:
    demo.request_demo(rows.actor(operator))
    stored = [specs.spec_of(row) for row in hosts.containers().with_definition()]
    assert stored == sorted(demo.SPECS, key=lambda spec: spec.name)


def test_the_stranger_may_not(stranger: User) -> None:
    with pytest.raises(Forbidden):
        demo.request_demo(rows.actor(stranger))
    assert not Layer.objects.exists()

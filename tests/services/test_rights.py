"""Who may, and why: roles, grants of one's own, and what permissions meant before."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from containers.choices import Via
from containers.domain.rights import RIGHTS, ROLES, Right
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.errors import Forbidden, NotFound
from containers.models import Grant, Job, Volume
from containers.services import access, containers, hosts, operations, plans, sight, terminals, transfer, volumes
from containers.services import jobs as job_service
from containers.services.actor import Actor
from tests.support import rows

pytestmark = pytest.mark.django_db


def in_role(name: str) -> User:
    person = User.objects.create_user(name.lower())
    person.groups.add(Group.objects.get(name=name))
    return person


@pytest.mark.parametrize("role", list(ROLES))
def test_roles_are_there_out_of_the_box(role: str) -> None:
    person = in_role(role)
    assert {right for right in RIGHTS if access.may(person, right)} == set(ROLES[role])
    assert access.verdict(person, "view").why == f"role {role}"


@pytest.mark.parametrize(
    ("permission", "gives", "not_given"),
    [("view_container", "view", "operate"), ("operate_container", "images", "terminal")],
)
def test_a_permission_means_what_it_meant(permission: str, gives: Right, not_given: Right) -> None:
    person = rows.user("somebody", permission)
    assert access.verdict(person, gives) == access.Verdict(may=True, why=f"permission {permission}")
    assert not access.may(person, not_given)


def test_a_terminal_is_for_who_may_look() -> None:
    assert not access.may(rows.user("blind", "open_terminal"), "terminal")
    assert access.may(rows.user("seeing", "open_terminal", "view_container"), "terminal")


def test_a_right_on_some_containers_is_none_on_all() -> None:
    person = rows.limited("limited", "shop-*", "operate")
    assert access.may(person, "operate", "shop-db")
    assert access.verdict(person, "operate", "shop-db", "other") == access.Verdict(may=False, why="not on other")
    assert access.verdict(person, "operate") == access.Verdict(may=False, why="only on some containers")
    assert access.may_somewhere(person, "operate")
    assert not access.may_somewhere(person, "edit")


def test_a_role_and_a_grant_add_up() -> None:
    person = in_role("Viewer")
    Grant.objects.create(user=person, right="operate", pattern="shop-*")
    assert access.verdict(person, "operate", "shop-db").why == "granted in person"
    assert not access.may(person, "operate", "db")


def test_an_app_is_its_containers() -> None:
    person = rows.limited("limited", "*", "operate", app="shop")
    assert [access.may(person, "operate", name) for name in ("shop", "shop-db", "shopping")] == [True, True, False]


def test_who_is_switched_off_has_no_right(admin: User) -> None:
    User.objects.update(is_active=False)
    admin.refresh_from_db()
    assert access.holdings(User.objects.get()) == ()


def test_asking_costs_two_queries_for_a_request(django_assert_num_queries: Any) -> None:
    rows.limited("limited", "shop-*", "operate", "edit")
    person = User.objects.get()
    with django_assert_num_queries(2):
        assert not any(access.may(person, "operate", f"db-{number}") for number in range(50))


@pytest.fixture
def shop() -> Actor:
    """Of shop-web, which needs shop-db, and of other, which needs shop-db, may do everything with the first two."""
    for name, needs in (("shop-db", []), ("shop-web", ["shop-db"]), ("other", ["shop-db"])):
        rows.container(name, depends=needs)
    return rows.actor(
        rows.limited("limited", "shop-*", *[right for right in RIGHTS if right not in ("images", "users", "audit")])
    )


def test_the_rest_is_not_seen(shop: Actor) -> None:
    with sight.looking_as(lambda: shop):
        assert set(sight.containers().values_list("name", flat=True)) == {"shop-db", "shop-web"}
        assert sight.edges() == {"shop-db": (), "shop-web": ("shop-db",)}
        assert set(transfer.export()["containers"]) == {"shop-db", "shop-web"}
        seen = set(sight.jobs().values_list("containers__name", flat=True))
        assert seen == {"shop-db", "shop-web"}
        with pytest.raises(NotFound, match="no container 'other'"):
            sight.container("other")
        with pytest.raises(NotFound):
            plans.preview(Operation.START, ["other"])
        with pytest.raises(Forbidden):
            plans.preview(Operation.SHUTDOWN)
    assert sight.containers().count() == 3


def test_what_is_not_seen_is_not_there_to_be_asked_for(shop: Actor) -> None:
    with pytest.raises(NotFound, match="There is no container other"):
        operations.request(shop, Operation.START, ["other"])


def test_what_is_changed_on_the_way_counts(shop: Actor) -> None:
    assert operations.request(shop, Operation.START, ["shop-web"]).targets == ["shop-web"]
    hosts.containers().update(state="RUNNING")
    # It would stop the other, too.
    with pytest.raises(Forbidden, match="You may not start or stop containers"):
        operations.request(shop, Operation.STOP, ["shop-db"])
    operations.request(shop, Operation.STOP, ["shop-web"])


def test_the_host_as_a_whole_is_not_his(shop: Actor) -> None:
    for operation in (Operation.SHUTDOWN, Operation.AUTOSTART):
        with pytest.raises(Forbidden):
            operations.request(shop, operation)


def test_he_makes_and_changes_his_own(shop: Actor) -> None:
    made, job = containers.create_container(shop, rows.spec("shop-new"))
    assert job.user == shop.user
    containers.update_container(shop, made, {"description": "new"})
    with pytest.raises(Forbidden):
        containers.create_container(shop, rows.spec("new"))
    with pytest.raises(Forbidden):
        containers.update_container(shop, hosts.get_container("other"), {"description": "mine"})
    with pytest.raises(Forbidden):
        transfer.import_containers(shop, {"containers": {"shop-x": {"layers": ["base"]}, "x": {"layers": ["base"]}}})


def test_to_start_something_else_takes_the_right_to_execute() -> None:
    rows.container("shop-db")
    actor = rows.actor(rows.limited("limited", "shop-*", "operate"))
    with pytest.raises(Forbidden, match="run commands"):
        operations.request(actor, Operation.START, ["shop-db"], {"command": ["sh"]})


def test_jobs_are_ended_and_repeated_by_who_might_have_asked(shop: Actor) -> None:
    job = operations.request(rows.ROOT, Operation.START, ["other"])
    with pytest.raises(Forbidden):
        job_service.cancel(shop, job, "now")
    Job.objects.update(state="failed")
    job.refresh_from_db()
    with pytest.raises(Forbidden):
        job_service.retry(shop, job)


def test_terminals_are_for_the_containers_that_the_right_is_on(shop: Actor) -> None:
    hosts.containers().update(state="RUNNING")
    assert terminals.request(shop, "shop-db", {}).ticket
    with pytest.raises(Forbidden):
        terminals.request(shop, "other", {})
    terminal = terminals.request(shop, "shop-web", {}).terminal
    assert terminals.why_end(terminal) is None
    Grant.objects.filter(right="terminal").update(pattern="shop-db")
    outcome = terminals.why_end(terminal)
    assert outcome is not None
    assert outcome.ending == "revoked"


def test_only_root_and_spocweb_itself_act_without_an_account() -> None:
    assert [access.may(Actor(None, via), "users") for via in Via] == [via in {"cli", "boot", "system"} for via in Via]


@pytest.fixture
def shopkeeper(db: None) -> Actor:
    """Who may edit shop-* alone, beside a database whose volume is its own, and a volume that nothing mounts any more."""
    rows.layer("base")
    for name, mounts in (
        ("db", {"data": "srv"}),
        ("shop-db", {"goods": "srv"}),
        ("shop-old", {"shared": "a"}),
        ("other", {"shared": "b"}),
    ):
        rows.container(name, mounts=mounts)
    Volume.objects.create(host=hosts.current(), name="kept", kind="directory")
    return Actor(rows.limited("keeper", "shop-*", "edit"), Via.WEB)


def mounting(volume: str) -> ContainerSpec:
    return ContainerSpec.parse({"name": "shop-web", "definition": {"layers": ["base"], "mounts": {volume: "srv"}}})


@pytest.mark.parametrize("volume", ["data", "shared", "kept"])
def test_a_right_to_edit_some_containers_is_none_to_the_data_of_others(shopkeeper: Actor, volume: str) -> None:
    refusal = f"You may not mount volume {volume}: others keep data in it"
    with pytest.raises(Forbidden, match=refusal):
        containers.create_container(shopkeeper, mounting(volume))
    with pytest.raises(Forbidden, match=refusal):
        transfer.import_containers(shopkeeper, {"containers": {"shop-web": mounting(volume).export()["definition"]}})
    row = hosts.get_container("shop-db")
    with pytest.raises(Forbidden, match=refusal):
        containers.update_container(shopkeeper, row, {"definition": {"layers": ["base"], "mounts": {volume: "srv"}}})
    assert not hosts.containers().filter(name="shop-web").exists()


@pytest.mark.parametrize("volume", ["goods", "new"])
def test_what_is_ones_own_or_new_can_be_mounted(shopkeeper: Actor, volume: str) -> None:
    containers.create_container(shopkeeper, mounting(volume))
    assert set(volumes.users(volume)) - {"shop-db"} == {"shop-web"}


def test_what_a_container_mounts_already_it_goes_on_mounting(shopkeeper: Actor) -> None:
    row = hosts.get_container("shop-old")
    changed = containers.update_container(shopkeeper, row, {"description": "older"})
    assert changed.description == "older"

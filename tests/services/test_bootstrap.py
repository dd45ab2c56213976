"""What a panel needs before anyone signs in."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from containers.models import Event, Host
from containers.services import bootstrap

pytestmark = pytest.mark.django_db


def test_the_first_administrator_can_sign_in_with_the_password_that_is_shown() -> None:
    password = bootstrap.create_first_administrator()
    assert password is not None
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.check_password(password)) == ("admin", True, True)
    assert password not in str(Event.objects.values().get())


def test_there_is_one_first_administrator_only() -> None:
    assert bootstrap.create_first_administrator() is not None
    assert bootstrap.create_first_administrator() is None
    assert User.objects.count() == 1


def test_no_administrator_is_made_beside_other_users() -> None:
    User.objects.create_user("somebody")
    assert bootstrap.create_first_administrator() is None


def test_two_panels_have_different_passwords() -> None:
    first = bootstrap.create_first_administrator()
    User.objects.all().delete()
    assert bootstrap.create_first_administrator() != first


def test_the_host_is_written_down_once_and_kept_up_to_date() -> None:
    bootstrap.register_host(system="Debian 12", lxc_version="5.0.2", cgroup2=False, apparmor=False)
    Host.objects.update(boot_id="kept")
    bootstrap.register_host(system="Debian 13", lxc_version="6.0.4", cgroup2=True, apparmor=True)
    host = Host.objects.get()
    assert (host.name, host.system, host.lxc_version, host.cgroup2, host.apparmor, host.boot_id) == (
        settings.HOST,
        "Debian 13",
        "6.0.4",
        True,
        True,
        "kept",
    )

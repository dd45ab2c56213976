"""What is a failure in LXC's log, and what is not."""

from __future__ import annotations

from containers.host import lxc_log

# As written by a start that succeeded right after the end of an earlier run of the same container.
RETRIED = """\
lxc-start db 20261124121034.497 ERROR    cgfsng - ../src/lxc/cgroups/cgfsng.c:cpuset1_cpus_initialize:650 - No such file or directory - Failed to write cpu list to "31/cpuset.cpus"
lxc-start db 20261124121034.497 ERROR    cgfsng - ../src/lxc/cgroups/cgfsng.c:cpuset1_initialize:671 - No such file or directory - Failed to initialize cpuset.cpus
lxc-start db 20261124121034.497 ERROR    cgfsng - ../src/lxc/cgroups/cgfsng.c:__cgroup_tree_create:736 - Invalid argument - Failed to initialize cpuset controller in the legacy hierarchy
"""  # noqa: E501
FAILED = "lxc-start db 20261124121034.498 ERROR    start - ../src/lxc/start.c:lxc_spawn:1693 - Failed creating cgroups\n"


def test_the_first_error_is_the_cause() -> None:
    assert lxc_log.cause(RETRIED + FAILED).startswith("No such file or directory - Failed to write cpu list")


def test_a_control_group_made_under_another_name_is_no_failure() -> None:
    assert lxc_log.cause(RETRIED) == ""


def test_a_log_without_errors_has_no_cause() -> None:
    assert lxc_log.cause("") == lxc_log.cause("lxc-start db 20261124121034.497 WARN conf - ../src/lxc/conf.c:x:1 - odd\n") == ""

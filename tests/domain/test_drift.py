"""What differs, and how that is told from something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import drift
from containers.domain.drift import Aspect, Entry
from containers.domain.limits import Limits

WANTED = "lxc.uts.name = web\nlxc.environment = A=1\nlxc.environment = B=2\nlxc.cgroup2.pids.max = 5\n"


def config(key: str, wanted: str, rendered: str) -> Entry:
    return Entry(Aspect.CONFIG, key, wanted, rendered, "")


@pytest.mark.parametrize(
    ("found", "entries"),
    [
        (WANTED, ()),
        # What LXC does not read does not differ.
        ("# by hand\n\n" + WANTED.replace(" = ", "="), ()),
        (WANTED.replace("web", "db"), (config("lxc.uts.name", "web", "db"),)),
        (WANTED.replace("lxc.environment = B=2\n", ""), (config("lxc.environment", "B=2", ""),)),
        (WANTED + "lxc.environment = C=3\n", (config("lxc.environment", "", "C=3"),)),
        (WANTED.replace("A=1", "A=7"), (config("lxc.environment", "A=1", "A=7"),)),
        (WANTED + "lxc.mount.auto = cgroup:rw\n", (config("lxc.mount.auto", "", "cgroup:rw"),)),
        (None, (config("", "", ""),)),
        ("lxc.broken\n", (config("", "", "no '=' in 'lxc.broken'"),)),
    ],
)
def test_what_lxc_reads_is_compared(found: str | None, entries: tuple[Entry, ...]) -> None:
    assert drift.of_config(WANTED, found) == entries


def test_a_foreign_file_fills_no_database() -> None:
    entries = drift.of_config(WANTED, "".join(f"lxc.environment = {'x' * 10_000}{number}\n" for number in range(1_000)))
    assert len(entries) == drift.MOST_ENTRIES
    assert all(len(entry.rendered) <= drift.MOST_TEXT + 1 for entry in entries)


@given(st.text())
def test_whatever_stands_in_a_file_can_be_kept_and_shown(text: str) -> None:
    entries = drift.of_config(WANTED, text)
    assert [Entry.read(entry.export()) for entry in entries] == list(entries)
    assert all(value.isprintable() for entry in entries for value in (entry.key, entry.wanted, entry.rendered))
    assert bool(drift.digest(entries)) == bool(entries)


def test_limits_differ_by_more_than_the_kernel_rounds() -> None:
    wanted = Limits(memory_bytes=2**30 + 5, cpus=0.333, pids=9)
    assert drift.of_limits(wanted, Limits(memory_bytes=2**30, cpus=0.33, pids=9)) == ()
    assert drift.of_limits(wanted, Limits(memory_bytes=2**29, pids=10)) == (
        Entry(Aspect.LIMITS, "limits.memory_bytes", "1073741829", "1073741829", "536870912"),
        Entry(Aspect.LIMITS, "limits.cpus", "0.333", "0.333", ""),
        Entry(Aspect.LIMITS, "limits.pids", "9", "9", "10"),
    )
    assert [entry.actual for entry in drift.of_limits(Limits(), Limits(pids=3))] == ["3"]


@pytest.mark.parametrize(
    ("running", "mounted", "asked", "actual"),
    [
        (True, True, False, None),
        (False, False, False, None),
        (False, True, True, None),
        (False, True, False, "mounted"),
        (False, False, True, "not mounted"),
        (True, False, False, "not mounted"),
    ],
)
def test_the_root_filesystem_is_mounted_while_it_runs_or_where_it_was_asked_for(
    running: bool, mounted: bool, asked: bool, actual: str | None
) -> None:
    entries = drift.of_rootfs(is_running=running, is_mounted=mounted, should_be_mounted=asked)
    assert [entry.actual for entry in entries] == ([] if actual is None else [actual])


@pytest.mark.parametrize("data", [None, "x", [], {}, {"aspect": "limits"}, {**config("a", "b", "c").export(), "aspect": "odd"}])
def test_what_a_row_holds_that_is_no_entry_is_none(data: object) -> None:
    assert Entry.read(data) is None


def test_a_digest_tells_one_difference_from_another() -> None:
    one, other = config("a", "1", "2"), config("a", "1", "3")
    assert drift.digest([one]) == drift.digest([one]) != drift.digest([other])
    assert drift.digest([]) == ""

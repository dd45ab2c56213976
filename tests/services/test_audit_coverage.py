"""Whatever writes a row in a service is recorded, or belongs to what is: a new one has to say which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "containers" / "services"
WRITES = {"save", "create", "bulk_create", "update", "delete", "update_or_create", "get_or_create"}
# A job that is queued is recorded with what it was asked for.
RECORDS = {"record", "record_for", "append", "taken", "queue"}

# Functions that write and record nothing themselves, and why.
FACTS = "what was seen of the host or of a publisher, by root"
JOB = "done by a job, whose beginning and end are recorded"
CALLER = "its callers record"
OWN = "what one person has read, or a use that is noted"
ITSELF = "it is the record"
PASSING = "a thing of seconds: what comes of it is recorded"

EXPECTED = {
    "app_images.withdraw": "done by a job, whose steps name each layer",
    "app_rows.announce": JOB,
    "app_rows.put_ports": JOB,
    "app_rows.remember": JOB,
    "app_rows.set_state": JOB,
    "app_rows.write_containers": JOB,
    "app_rows.write_volumes": JOB,
    "audit_retention._remove": CALLER,
    "bootstrap.register_host": FACTS,
    "containers._write": CALLER,
    "drift.clear": JOB,
    "drift.record": FACTS,
    "factors._use_up": CALLER,
    "hosts.current": FACTS,
    "images.forget": JOB,
    "images.write": JOB,
    "job_records.settle_outputs": JOB,
    "jobs._cancel_pending": CALLER,
    "jobs._cancel_running": CALLER,
    "layers.forget_unused": JOB,
    "metrics._write": FACTS,
    "metrics.record": FACTS,
    "network.record_look": FACTS,
    "new_layers.reserve": JOB,
    "notices.mark_read": OWN,
    "queue._write": CALLER,
    "signed_in.sweep": PASSING,
    "specs.write_rows": CALLER,
    "states._mark": FACTS,
    "states._record": FACTS,
    "states.record_looks": FACTS,
    "storing._insert": CALLER,
    "storing.write_revision": CALLER,
    "terminals.request": PASSING,
    "terminals.sweep": PASSING,
    "tickets._use_up": PASSING,
    "tickets.issue": PASSING,
    "tickets.sweep": PASSING,
    "tokens._note_use": OWN,
    "tokens._insert": CALLER,
    "vault._reseal": CALLER,
    "vault._reseal_factor": CALLER,
    "vault._reseal_job": CALLER,
    "volumes.record_listing": FACTS,
    "volumes.record_made": JOB,
    "volumes.record_removed": JOB,
    "volumes.record_size": FACTS,
}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(SERVICES.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            for member in members:
                if isinstance(member, ast.FunctionDef):
                    yield f"{path.stem}.{member.name}", member


def calls(function: ast.FunctionDef) -> set[str]:
    found = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {
        each.attr if isinstance(each, ast.Attribute) else each.id for each in found if isinstance(each, ast.Attribute | ast.Name)
    }


def writes(function: ast.FunctionDef) -> bool:
    """Whether it calls a method of that name of rows, and not of a set, a digest or a dictionary."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            text = ast.unparse(node.func.value)
            if "objects" in text or node.func.attr in {"save", "delete", "bulk_create"} or text in ROWS:
                return True
    return False


# Names of query sets in the services.
ROWS = {"rows", "pending", "running", "unopened", "asked", "query"}
WRITING = [(name, function) for name, function in functions() if writes(function)]


@pytest.mark.parametrize(("name", "function"), WRITING, ids=[name for name, _function in WRITING])
def test_who_writes_records(name: str, function: ast.FunctionDef) -> None:
    own = {other: each for other, each in functions() if other.partition(".")[0] == name.partition(".")[0]}
    called = calls(function)
    helpers = {call for each in called if (helper := own.get(f"{name.partition('.')[0]}.{each}")) for call in calls(helper)}
    assert (called | helpers) & RECORDS or name in EXPECTED


def test_no_exception_is_left_over() -> None:
    assert set(EXPECTED) <= {name for name, _function in WRITING}


def test_the_walk_finds_what_writes() -> None:
    assert {"storing.store", "containers._write", "recipes.save", "volumes.record_listing"} & {
        name for name, _function in WRITING
    }

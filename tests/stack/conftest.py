"""One stack for all tests of a module; a test that breaks it starts it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import lxc
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    stack = Stack()
    try:
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The module's stack without containers; those that a test leaves are destroyed, as a user would."""
    yield running_stack
    names = [container["name"] for container in running_stack.get("/containers/")["results"]]
    if names:
        job = running_stack.do("POST", "/bulk/", {"operation": "destroy", "containers": names})
        assert job["state"] == "succeeded", job
    assert lxc.leftovers(running_stack.layout) == []

"""Rows that all tests of a module find, made once: each test's own changes are undone, and theirs at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from pytest_django import DjangoDbBlocker


@contextmanager
def rows_kept(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Keep what is made in the database until the block ends; what tests do in between is undone after each of them."""
    with blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)

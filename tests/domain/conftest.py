"""These tests are pure: no database, no host, milliseconds each."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says nothing about the rule it tests, only about what else the machine does.
settings.register_profile("domain", deadline=None, max_examples=100)
settings.load_profile("domain")

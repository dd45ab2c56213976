"""Real containers, as the tests of jobs have them."""

from __future__ import annotations

from tests.jobs.conftest import host, host_directories, layout, panel
from tests.jobs.shop import shop
from tests.support.people import admin

__all__ = ["admin", "host", "host_directories", "layout", "panel", "shop"]

from __future__ import annotations

from tests.support.people import admin, operator, stranger, viewer

__all__ = ["admin", "operator", "stranger", "viewer"]

"""API v1 (DESIGN: API v1): requests become values, values go to services, rows become JSON. No rule lives here."""

from __future__ import annotations

from containers.api.root import api

__all__ = ["api"]

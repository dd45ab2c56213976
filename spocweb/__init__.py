"""The Django project: settings, URLs, ASGI. No business code."""

from __future__ import annotations

from typing import Final

# The same as in pyproject.toml.
VERSION: Final = "0.1.0"

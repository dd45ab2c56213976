"""What the API's bodies and the import command's files go through."""

from __future__ import annotations

from containers.domain.json_text import load_json

__all__ = ["load_json"]

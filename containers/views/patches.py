"""How a live page asks for parts of what it shows: with this parameter it names the rows or steps that changed."""

from __future__ import annotations

from typing import Final

ROW_PARAMETER: Final = "row"

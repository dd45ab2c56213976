"""Text in queries: bounded, and without what no database takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from containers.domain.text import MAX_DESCRIPTION, check_text


def _query_text(value: str) -> str:
    return check_text(value, max_length=MAX_DESCRIPTION)


QueryText = Annotated[str, AfterValidator(_query_text)]

"""Bodies: strict JSON."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from containers.services.documents import load_json


class StrictParser(Parser):
    """Refuses what Python's JSON reader takes beyond RFC 8259."""

    def parse_body(self, request: HttpRequest) -> Any:
        return load_json(request.body)

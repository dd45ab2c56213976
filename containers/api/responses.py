"""Answers that are more than a body."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse

from containers.models import Job

# For the OpenAPI document.
PLAIN_TEXT: Final = {"responses": {200: {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}}}


def accepted(job: Job, **more: Any) -> JsonResponse:
    """Host work: done later, by a job that is followed elsewhere."""
    return JsonResponse({"job": job.pk, **more}, status=202, headers={"Location": f"/api/v1/jobs/{job.pk}/"})


def plain_text(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")

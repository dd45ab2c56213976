"""Requests that come as JSON with a path on the server, or as a form with a file: two bodies for one operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from containers.api.auth import ApiRequest
from containers.domain.text import shown
from containers.domain.values import Value
from containers.errors import FieldError, InvalidRequest
from containers.services import uploads

ARCHIVE = "archive"


def bodies(by_path: type[Value], fields: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the document says of both bodies, which is more than a signature can say."""
    properties = {**{name: {"type": "string"} for name in (*fields, *optional)}, ARCHIVE: {"type": "string", "format": "binary"}}
    form = {"type": "object", "properties": properties, "required": [*fields, ARCHIVE]}
    content = {"application/json": {"schema": by_path.model_json_schema()}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def is_form(request: ApiRequest) -> bool:
    """Return whether the request brings a file."""
    return request.content_type == "multipart/form-data"


def read_form(
    request: ApiRequest, fields: Sequence[str], optional: Sequence[str] = ()
) -> tuple[Mapping[str, str], UploadedFile[Any]]:
    """Return the texts and the file of a form. Raises InvalidRequest for every key that is missing or not known, TooLarge."""
    uploads.require_room(request)
    known = (*fields, *optional, ARCHIVE, "csrfmiddlewaretoken")
    errors = [FieldError(shown(key), "is not a known key") for key in (*request.POST, *request.FILES) if key not in known]
    texts = {name: value for name in (*fields, *optional) if isinstance(value := request.POST.get(name), str)}
    archive = request.FILES.get(ARCHIVE)
    errors += [FieldError(name, "is required") for name in fields if name not in texts]
    errors += [FieldError(ARCHIVE, "is required")] if archive is None else []
    if errors or not isinstance(archive, UploadedFile):
        raise InvalidRequest.all(tuple(errors))
    return texts, archive

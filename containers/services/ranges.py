"""Files sent in parts (RFC 9110, section 14), so that a download that was broken off goes on where it ended."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import BinaryIO, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from containers.services.bodies import left_to_the_loop

CHUNK: Final = 1 << 18
_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.ASCII)


def file_response(request: HttpRequest, stream: BinaryIO, *, filename: str, etag: str) -> HttpResponseBase:
    """Return an answer with the file, or with the one part of it that was asked for; `etag` names its content.

    Several parts at once, which nobody asks for, get the whole. The stream is closed with the answer.
    """
    size = os.fstat(stream.fileno()).st_size
    first, last = _part(request, size, f'"{etag}"')
    if first > last and size:
        stream.close()
        response: HttpResponseBase = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        response.headers["Content-Range"] = f"bytes */{size}"
        return response
    length = last - first + 1
    with stream:
        file = os.dup(stream.fileno())
    body = left_to_the_loop(request, _Chunks(file, first, length))
    response = StreamingHttpResponse(body, content_type="application/x-tar")
    if length < size:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    response.headers["Content-Length"] = str(length)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{etag}"'
    return response


def _part(request: HttpRequest, size: int, etag: str) -> tuple[int, int]:
    """Return the first and last byte to send; the first is after the last where there is no such part."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if not found or request.headers.get("If-Range", etag) != etag:
        return 0, size - 1
    first, last, suffix = found.groups()
    if suffix:
        return max(0, size - int(suffix)) if int(suffix) else size, size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


class _Chunks:
    """Bytes of an open file, `length` from `offset` on; it is closed when the answer is, or when nobody wants it any more."""

    def __init__(self, file: int, offset: int, length: int) -> None:
        self._file = file
        self._offset = offset
        self._end = offset + length

    def __iter__(self) -> Iterator[bytes]:
        while data := self._read():
            yield data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # A disk may take its time; the loop has none.
        while data := await asyncio.to_thread(self._read):
            yield data

    def _read(self) -> bytes:
        if self._offset >= self._end or self._file < 0:
            return b""
        data = os.pread(self._file, min(self._end - self._offset, CHUNK), self._offset)
        self._offset += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        # An answer that was never sent is not closed by anybody.
        self.close()

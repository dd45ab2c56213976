"""What goes out compressed, and what must not wait for a compressor."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from containers.views.middleware import CompressionMiddleware

REQUEST = RequestFactory().get("/", headers={"Accept-Encoding": "gzip"})


def test_a_page_is_compressed() -> None:
    response = CompressionMiddleware(lambda request: HttpResponse("x" * 1_000))(REQUEST)
    assert gzip.decompress(response.content) == b"x" * 1_000


def test_a_stream_goes_out_as_it_comes() -> None:
    def events() -> Iterator[bytes]:
        yield b"event: first"
        raise AssertionError("the first is not sent before the second is there")

    response = CompressionMiddleware(lambda request: StreamingHttpResponse(events()))(REQUEST)
    assert isinstance(response, StreamingHttpResponse)
    assert "Content-Encoding" not in response.headers
    assert next(iter(response)) == b"event: first"

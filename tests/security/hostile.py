"""Requests as nobody's browser sends them: hostile methods, paths, headers, encodings, bodies. One number, one request."""

from __future__ import annotations

import json
import random
from io import BytesIO
from typing import Any, Final

PATHS: Final = (
    *(
        "/",
        "/containers/",
        "/containers/web/",
        "/containers/web/definition/",
        "/new/",
        "/bulk/",
        "/import/",
        "/jobs/",
        "/jobs/1/",
    ),
    *("/audit/", "/audit/1/", "/accounts/", "/accounts/1/give/", "/tokens/", "/search/", "/dependencies/", "/strip/", "/theme/"),
    *(
        "/language/",
        "/columns/",
        "/sign-in/",
        "/volumes/data/file/",
        "/layers/base/",
        "/recipes/dish/",
        "/apps/x/install/",
        "/restore/",
    ),
    *(
        "/api/v1/containers/",
        "/api/v1/containers/web/",
        "/api/v1/jobs/",
        "/api/v1/jobs/1/log/",
        "/api/v1/bulk/",
        "/api/v1/import/",
    ),
    *("/api/v1/tokens/", "/api/v1/accounts/", "/api/v1/accounts/x/", "/api/v1/audit/", "/api/v1/layers/", "/api/v1/plan/"),
    *("/api/v1/openapi.json", "/api/v1/graph/", "/api/v1/volumes/data/files/", "/nothing/", "/static/nothing.css"),
)
METHODS: Final = ("GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X" * 300, "PO\x7fST")
# Bytes as WSGI has them, one character each: no UTF-8, NUL, line ends, terminal sequences, other directions of writing.
TEXTS: Final = (
    *(
        "",
        "a",
        "x" * 10_000,
        "\x00",
        "\xff\xfe",
        "\xc0\xaf",
        "\xed\xa0\x80",
        "a\r\nSet-Cookie: b=c",
        "line\nINFO forged",
        "\x1b[2J\x07",
    ),
    *(
        "../../../../etc/passwd",
        "%00",
        "%2e%2e%2f",
        "%ff",
        "%",
        "\xe2\x80\xae",
        "' OR 1=1 --",
        "{{7*7}}",
        "<script>",
        "${jndi:ldap://x}",
    ),
    *(
        "-1",
        "0",
        "99999999999999999999",
        "1e999",
        "NaN",
        "\xd9\xa3",
        "true",
        "null",
        "[]",
        "*",
        "a=b&a=c;d",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ),
)
TYPES: Final = (
    *("", "text/html", "application/json", "application/json; charset=utf-16", "application/x-www-form-urlencoded"),
    *(
        "application/x-www-form-urlencoded; charset=idna",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "application/json;" * 200,
    ),
    *(
        "multipart/form-data; boundary=" + "b" * 300,
        "text/plain; charset=\x7f",
        "a/b; " + "c" * 20_000,
        "application/x-tar",
        "a/b; charset=utf-7",
    ),
)
HEADERS: Final = (
    *(
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_ACCEPT_ENCODING",
        "HTTP_COOKIE",
        "HTTP_REFERER",
        "HTTP_ORIGIN",
        "HTTP_HX_REQUEST",
    ),
    *(
        "HTTP_HX_CURRENT_URL",
        "HTTP_PAGE_LANGUAGE",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_CSRFTOKEN",
        "HTTP_RANGE",
    ),
    *("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_USER_AGENT", "HTTP_EXPECT", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE"),
)
NAMES: Final = (
    "name",
    "path",
    "page",
    "q",
    "state",
    "container",
    "operation",
    "confirm",
    "scope",
    "days",
    "next",
    "since",
    "text",
    "definition",
)


def body(dice: random.Random) -> bytes:
    """Return bytes that are no answer to any form."""
    kind = dice.randrange(8)
    if kind == 0:
        return dice.randbytes(dice.randrange(300))
    if kind == 1:
        return b"[" * 20_000
    if kind == 2:
        return b'{"a": 1, "a": 2, "b": NaN, "c": 1e999, "d": ' + b"9" * 5_000 + b"}"
    if kind == 3:
        return "&".join(f"{dice.choice(NAMES)}={dice.choice(TEXTS)}" for _ in range(dice.randrange(30))).encode("latin-1")
    if kind == 4:
        return b'--b\r\nContent-Disposition: form-data; name="archive"; filename="../../x\x00"\r\n\r\n' + dice.randbytes(50)
    if kind == 5:
        return b"&".join(b"a%d=" % number for number in range(2_000))
    if kind == 6:
        return json.dumps(
            {"name": dice.choice(TEXTS), "definition": {"env": {dice.choice(TEXTS): [None]}, "layers": dice.choice(TEXTS)}}
        ).encode("utf-16")
    return json.dumps({dice.choice(NAMES): dice.choice((*TEXTS, -1, 1e300, True, None, [[[]]], {})) for _ in range(5)}).encode()


def request(number: int, **known: str) -> dict[str, Any]:
    """Return the environ (PEP 3333) of request `number`; `known` are headers that let it in further than the door."""
    dice = random.Random(number)  # noqa: S311  to be the same each time
    path, content = dice.choice(PATHS), body(dice)
    if dice.random() < 0.4:
        path = path.rstrip("/") + "/" + dice.choice(TEXTS) + dice.choice(("", "/"))
    query = "&".join(f"{dice.choice(NAMES)}={dice.choice(TEXTS)}" for _ in range(dice.randrange(4)))
    environ: dict[str, Any] = {
        "REQUEST_METHOD": dice.choice(METHODS),
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": dice.choice(("127.0.0.1", "", "::1", "10.0.0.1")),
        "CONTENT_TYPE": dice.choice(TYPES),
        "CONTENT_LENGTH": dice.choice((str(len(content)), str(len(content)), "", str(2**62))),
        "wsgi.input": BytesIO(content),
        "wsgi.errors": BytesIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "HTTP_HOST": dice.choice(
            ("testserver", "testserver", "testserver", "evil.example", "a\x7fb", "[::1", "testserver:99999")
        ),
    }
    # No server passes on a header with NUL or the end of a line in it, or a length that is none (RFC 9110, 5.5 and 8.6).
    passed = [text for text in TEXTS if not {"\x00", "\r", "\n"} & set(text)]
    environ |= {dice.choice(HEADERS): dice.choice(passed) for _ in range(dice.randrange(4))}
    return {**environ, **known} if dice.random() < 0.8 else environ

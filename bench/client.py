"""An HTTP client that does as little as possible between a request and its answer."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

SESSION = "spocweb_session"


class Client:
    """A kept connection with headers that go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self._headers = dict(headers)

    def close(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer, whatever it is, on a connection that is new when the last one was closed."""
        self._connection.request(method, path, body, self._headers | headers)
        response = self._connection.getresponse()
        content = response.read()
        return response, content

    def get(self, path: str) -> bytes:
        """Return a page. Raises RuntimeError unless the answer is 200."""
        response, content = self.send("GET", path)
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"GET {path} was answered with {response.status}: {content[:500]!r}")
        return content

    def post(self, path: str, body: object = None) -> Any:
        """Return what the API says to a request for host work. Raises RuntimeError unless it accepts it."""
        # A connection of its own each time, as any client that does not start containers all day.
        self.close()
        response, content = self.send("POST", path, json.dumps(body or {}).encode(), **{"Content-Type": "application/json"})
        if response.status != http.HTTPStatus.ACCEPTED:
            raise RuntimeError(f"POST {path} was answered with {response.status}: {content[:500]!r}")
        return json.loads(content)


def sign_in(url: str, password: str) -> str:
    """Sign in as `admin` and return the session's cookie."""
    client = Client(url, {})
    response, page = client.send("GET", "/sign-in/")
    cookie = _cookies(response)
    hidden = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if hidden is None:
        raise RuntimeError(f"the sign-in page has no form: {page[:500]!r}")
    form = urlencode({"username": "admin", "password": password, "csrfmiddlewaretoken": hidden[1].decode()})
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    response, _ = client.send("POST", "/sign-in/", form.encode(), **headers)
    client.close()
    found = re.search(rf"{SESSION}=([^;]+)", _cookies(response))
    if found is None:
        raise RuntimeError(f"signing in was answered with {response.status}")
    return found[1]


def _cookies(response: http.client.HTTPResponse) -> str:
    return "; ".join(value.partition(";")[0] for value in response.headers.get_all("Set-Cookie", []))

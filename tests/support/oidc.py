"""A panel with an identity provider, in a process of its own: python -m tests.support.oidc DIRECTORY.

Settings decide whether there is one, and they are read once. Prints what was seen as JSON, one object; judged by
tests/spocweb/test_oidc.py.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT, SECRET = "panel", "a-secret-of-the-panel-and-the-provider"
# Who the provider says that it is, by the code that it gave away.
PEOPLE = {
    "anna": {"sub": "7", "preferred_username": "anna", "email": "anna@example.org"},
    "admin": {"sub": "8", "preferred_username": "admin", "email": "admin@example.org"},
    "root": {"sub": "9", "preferred_username": "root", "email": "root@example.org"},
}


class Provider(BaseHTTPRequestHandler):
    """As much of OpenID Connect as a code takes."""

    def do_GET(self) -> None:
        base = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        if self.path == "/.well-known/openid-configuration":
            ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            addresses = {f"{key}_endpoint": f"{base}/{end}" for key, end in ends.items()}
            self._say({"issuer": base, "jwks_uri": f"{base}/keys", **addresses})
        else:
            self._say(PEOPLE[self.headers["Authorization"].removeprefix("Bearer ")])

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        code = form["code"][0]
        if form["client_secret"] == [SECRET] and code in PEOPLE and "code_verifier" in form:
            self._say({"access_token": code, "token_type": "bearer"})
        else:
            self._say({"error": "invalid_grant"}, 400)

    def _say(self, content: dict[str, Any], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *arguments: Any) -> None:
        pass


def main(directory: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _set_up(directory, f"http://127.0.0.1:{server.server_port}")
        sys.stdout.write(json.dumps(_look()))
        server.shutdown()


def _set_up(directory: Path, issuer: str) -> None:
    secret = directory / "oidc.secret"
    secret.write_text(f"{SECRET}\n")
    for name in ("DATA", "LOG", "RUN"):
        (directory / name.lower()).mkdir()
        os.environ[f"SPOCWEB_{name}_DIR"] = str(directory / name.lower())
    (directory / "data" / "db").mkdir()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "spocweb.settings",
        "SPOCWEB_OIDC_ISSUER": issuer,
        "SPOCWEB_OIDC_CLIENT_ID": CLIENT,
        "SPOCWEB_OIDC_SECRET_FILE": str(secret),
        "SPOCWEB_OIDC_NAME": "Example",
        "SPOCWEB_ALLOWED_HOSTS": "testserver",
    }
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    call_command("migrate", verbosity=0)


def _look() -> dict[str, Any]:
    from django.contrib.auth.models import User
    from django.test import Client

    from containers.models import Event

    User.objects.create_superuser("admin", password="correct-horse-battery")
    seen: dict[str, Any] = {}
    page = Client().get("/sign-in/")
    seen["button"] = "Continue with Example" in page.content.decode()
    seen["policy"] = page["Content-Security-Policy"]
    seen["started by a link"] = Client().get("/sign-in/provider/").status_code
    seen["connecting"] = Client().post("/sign-in/provider/", {"process": "connect"}).status_code
    for name in (*PEOPLE, "anna", "nobody"):
        client = Client()
        asked = urlsplit(client.post("/sign-in/provider/", {"next": "/security/"})["Location"])
        query = {key: values[0] for key, values in parse_qs(asked.query).items()}
        back = client.get("/sign-in/provider/back/", {"code": name, "state": query["state"]})
        seen.setdefault("asked", {key: query.get(key) for key in ("client_id", "redirect_uri", "code_challenge_method")})
        answers = [client.get(path).status_code for path in ("/security/", "/containers/")]
        seen.setdefault("people", []).append([name, back["Location"], *answers])
        if name == "anna":
            key = "account_authentication_methods"
            session = client.session
            session[key] = [{**one, "at": 0} for one in session[key]]
            session.save()
            seen["asked again"] = client.get("/security/app/")["Location"]
            seen["way to confirm"] = client.get(seen["asked again"]).status_code
    seen["without state"] = Client().get("/sign-in/provider/back/", {"code": "anna", "state": "x"})["Location"]
    seen["accounts"] = {user.username: user.has_usable_password() for user in User.objects.order_by("pk")}
    seen["events"] = list(Event.objects.order_by("pk").values_list("kind", "user_name"))
    return seen


if __name__ == "__main__":
    main(Path(sys.argv[1]))

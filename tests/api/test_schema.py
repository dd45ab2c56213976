"""The OpenAPI document, believed and asked: what it describes is what is answered, to everybody, and no secret is in it.

schemathesis makes requests of it, good and bad ones, the same in each run. For a longer run than is good for every change:
SCHEMA_EXAMPLES=200 and another seed in SCHEMA_SEED.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from containers.domain.rights import ROLES
from containers.models import ApiToken, Grant, Installation, Line
from containers.services import tokens, vault
from tests.support import exports, rows
from tests.support.sessions import session_server
from tests.support.surface import NAMES, furnish

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "2"))
SEED = int(os.environ.get("SCHEMA_SEED", "1"))
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# It does not end.
STREAMS = ("/api/v1/events/",)
SECRETS = {
    "a variable of a container": "planted-in-a-variable",
    "an answer to an app": "planted-in-an-answer",
    "a line of output": "planted-in-a-line",
}
# Who may edit a container sees its variables. What was printed is for all who may look: what is secret in it is masked when it
# is written down.
LOOKS = ("a line of output",)
MAY_SEE = dict.fromkeys(("Viewer", "Auditor"), LOOKS) | dict.fromkeys(
    ("Operator", "Administrator"), (*LOOKS, "a variable of a container")
)


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[dict[str, int]]:
    numbers = furnish()
    rows.container("secretive", env={"DB_PASSWORD": SECRETS["a variable of a container"]})
    Installation.objects.update(secrets=vault.seal(json.dumps({"password": SECRETS["an answer to an app"]})))
    Line.objects.create(
        job_id=numbers["job_id"],
        command_id=numbers["command"],
        number=1,
        at=timezone.now(),
        text="password=" + SECRETS["a line of output"],
    )
    with override_settings(MEDIA_ROOT=tmp_path, FILE_UPLOAD_TEMP_DIR=str(tmp_path)), exports.own("spare:1"):
        tokens.create_token(rows.user("owner"))
        yield {**numbers, "token": ApiToken.objects.latest("pk").pk}


def person(role: str) -> User:
    user = User.objects.create(username=role.lower())
    Grant.objects.bulk_create(Grant(user=user, right=right) for right in ROLES.get(role, ()))
    return user


@pytest.fixture
def headers() -> dict[str, dict[str, str]]:
    """What each of them sends along, by role."""
    known = {role: {"Authorization": f"Bearer {tokens.create_token(person(role))}"} for role in (*ROLES, "Stranger")}
    return {**known, "Anonymous": {}}


def real(path: str, numbers: dict[str, int]) -> dict[str, Any]:
    """What the parts of a path are to be, for something that there is."""
    first = path.removeprefix("/api/v1/").partition("/")[0]
    number = numbers["token"] if first == "tokens" else 1
    return {"name": NAMES.get(first, "secretive"), "job_id": numbers["job_id"], "number": number, "file": "site-1.tar"}


def leaks(text: str, role: str) -> list[str]:
    return [what for what, secret in SECRETS.items() if secret in text and what not in MAY_SEE.get(role, ())]


def problems(case: Any, role: str, sent: dict[str, str]) -> list[str]:
    response = case.call(headers={**sent, "Accept-Encoding": "identity"})
    found = [f"{role}, {case.method} {case.path}: {what} is told" for what in leaks(response.text, role)]
    if role in ("Stranger", "Anonymous") and response.status_code not in (401, 403, 404, 405):
        found.append(f"{role}, {case.method} {case.path}: {response.status_code}")
    try:
        case.validate_response(response, checks=CHECKS)
    except (AssertionError, FailureGroup) as error:
        found += [f"{role}, {case.method} {case.path}: {one}" for one in getattr(error, "exceptions", [error])]
    return found


def test_what_the_document_says_is_what_is_answered(planted: dict[str, int], headers: dict[str, dict[str, str]]) -> None:
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    found: list[str] = []
    operations = [one.ok() for one in document.get_all_operations()]
    asked = [one for one in operations if one.path not in STREAMS]
    for operation in asked:

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(), is_real=st.booleans())
        def ask(case: Any, is_real: bool) -> None:
            if is_real:
                case.path_parameters = {key: real(case.path, planted)[key] for key in case.path_parameters or {}}
            for role, sent in headers.items():
                found.extend(problems(case, role, sent))

        ask()
    assert not found, "\n\n".join(dict.fromkeys(found))
    assert len(asked) > 90

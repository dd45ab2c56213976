"""What a viewer, an operator, a stranger get of each page; who may at all is asked of every address in tests/test_surface.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from containers.choices import Operation
from containers.models import Backup, Command, Container, Event, Installation, Job, Layer, Revision, Step
from containers.services import recipes
from containers.urls import urlpatterns
from tests.support import exports, rows
from tests.support.html import parse
from tests.support.kept import rows_kept
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

# For everybody, signed in or not.
OPEN = {"sign-out", "theme", "language", "columns"}
# What a viewer may ask for; the rest is for operators.
READING = {
    "app-list",
    "app-detail",
    "app-icon",
    "installation-list",
    "installation-detail",
    "token-list",
    "dashboard",
    "container-list",
    "container-detail",
    "container-menu",
    "container-definition",
    "container-config",
    "container-dependencies",
    "container-drift",
    "container-log",
    "container-jobs",
    "container-history",
    "container-export",
    "dependencies",
    "export",
    "job-list",
    "job-detail",
    "job-output",
    "job-record",
    "clean-up",
    "image-list",
    "image-detail",
    "recipe-list",
    "recipe-detail",
    "recipe-file",
    "job-support",
    "layer-list",
    "network",
    "repository-list",
    "repository-detail",
    "layer-detail",
    "container-layers",
    "notification",
    "notification-list",
    "operations",
    "search",
    "strip",
    "volume-list",
    "volume-detail",
}
POST_ONLY = {
    "account-switch",
    "account-roles",
    "account-give",
    "account-take",
    "account-password",
    "account-sessions-end",
    "installation-schedule",
    "audit-export",
    "audit-view-save",
    "audit-view-remove",
    "app-install-preview",
    "container-terminal-end",
    "demo",
    "notifications-read",
    "container-create-preview",
    "container-preview",
    "job-cancel",
    "job-retry",
    "image-remove",
    "layer-remove",
    "volume-measure",
    "repository-refresh",
    "repository-remove",
    "image-fetch",
    "image-export",
    "export-remove",
    "catalogue-fetch",
    "catalogue-publish",
    "catalogue-withdraw",
    "catalogue-remove",
    "recipe-build",
    "recipe-delete",
    "recipe-file-add",
    "recipe-file-remove",
    "container-drift-adopt",
    "container-drift-ignore",
}
FOR_ADMINISTRATORS = {
    "styleguide",
    "rights",
    "account-list",
    "account-detail",
    "account-remove",
    "token-everybody",
    "audit-list",
    "audit-detail",
}
# For those who may open terminals: see test_terminals.py.
APART = {"container-terminal"}
# What everybody who may look does for himself alone.
OWN = {"notifications-read"}
# The keys of whoever may look: a form that says nothing makes none, and there is none to take back. See test_tokens.py.
KEYS = {"token-list": 422}
# Pages that show something and take a form of what is to be added or changed.
WITH_FORM = {"layer-list", "recipe-detail", "repository-list", "container-definition", "clean-up", "token-list"}
# Everybody's own account: test_security.py, test_factors.py. A token that is out of reach is not found: test_tokens.py.
PERSONAL = {"session-end", "confirm-anew", "token-revoke"}
NAMES = [str(pattern.name) for pattern in urlpatterns if isinstance(pattern, URLPattern)]
GUARDED = [name for name in NAMES if name not in OPEN | PERSONAL and not name.startswith(("mfa_", "account_"))]


APP_NAMES = [name for name in NAMES if name.startswith("app-") and name != "app-list"]
INSTALLATION_NAMES = [name for name in NAMES if name.startswith("installation-") and name != "installation-list"]
ACCOUNT_NAMES = [name for name in NAMES if name.startswith("account-") and name != "account-list"]
RECIPE_NAMES = [name for name in NAMES if name.startswith("recipe-") and name not in {"recipe-list", "recipe-create"}]


def address(name: str, *, container: str = "web", job: int | None = None, layer: str = "spare") -> str:
    job = job or Job.objects.latest("id").pk
    command = Command.objects.latest("id").pk
    arguments: dict[str, list[Any]] = {
        "container-operate": [container, Operation.START],
        "container-restore": [container, 1],
        "container-terminal-end": [container, 1],
        "audit-detail": [1],
        "audit-view-remove": [1],
        **dict.fromkeys(ACCOUNT_NAMES, [1]),
        "account-take": [1, 1],
        "job-detail": [job],
        "job-record": [job],
        "job-output": [job, command],
        "job-support": [job],
        "notification": [job],
        "job-cancel": [job],
        "job-retry": [job],
        "image-detail": [layer, "1"],
        **dict.fromkeys(RECIPE_NAMES, ["dish"]),
        **dict.fromkeys(APP_NAMES, ["static-site"]),
        **dict.fromkeys(INSTALLATION_NAMES, ["site"]),
        "image-remove": [layer, "1"],
        "image-export": [layer, "1"],
        "repository-detail": [layer],
        "repository-refresh": [layer],
        "repository-remove": [layer],
        "image-fetch": [layer],
        "catalogue-fetch": [layer],
        "catalogue-publish": ["static-site"],
        "catalogue-withdraw": ["static-site"],
        "catalogue-remove": ["static-site"],
        "export-file": [layer, "1"],
        "export-remove": [layer, "1"],
        "layer-detail": [layer],
        "layer-file": [layer],
        "layer-remove": [layer],
        "volume-remove": ["unused"],
        "backup-remove": ["gone-1.tar"],
        "volume-detail": ["unused"],
        "volume-file": ["unused"],
    }
    plain = [container] if name.startswith("container-") and name not in PLAIN else []
    query = "?path=salt" if name == "recipe-file" else ""
    return reverse(name, args=arguments.get(name, plain)) + query


PLAIN = {"container-list", "container-create", "container-create-preview", "container-bulk"}


@pytest.fixture(autouse=True, scope="module")
def _rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with rows_kept(django_db_blocker), exports.own("spare:1"):
        rows.layer("spare")
        rows.volume("unused")
        rows.image("spare:1", layers=("of-image",))
        exports.row("spare")
        recipes.put_file(rows.ROOT, recipes.save(rows.ROOT, "dish", "FROM of-image"), "salt", recipes.FileContent(b""))
        rows.container("web")
        Installation.objects.create(host=rows.host(), name="site", app="static-site", version="1.0", state="installed")
        values = {"installation": "gone", "app": "static-site", "version": "1.0", "size_bytes": 1}
        Backup.objects.create(host=rows.host(), file_name="gone-1.tar", **values)
        step = Step.objects.create(job=Job.objects.latest("id"), number=1, container="web", action="create")
        Command.objects.create(step=step, number=1, argv=["true"], started_at=timezone.now())
        yield


def counts() -> dict[str, int]:
    """That somebody was refused, or took something out, is on record; nothing else may be."""
    events = Event.objects.exclude(kind__in=("permission.refuse", "definitions.export", "job.export")).count()
    return {"events": events, **{model.__name__: model.objects.count() for model in (Container, Job, Layer, Revision)}}


def method_of(name: str) -> str:
    return "post" if name in POST_ONLY else "get"


@pytest.mark.parametrize("name", [name for name in GUARDED if name not in POST_ONLY])
def test_a_fragment_for_who_is_signed_out_loads_the_page_again(anonymous: Client, name: str) -> None:
    response = anonymous.get(address(name), headers=HTMX)
    assert response.headers["HX-Refresh"] == "true"
    assert response.content == b""


@pytest.mark.parametrize("name", GUARDED)
def test_the_stranger_learns_nothing_about_what_exists(stranger_client: Client, name: str) -> None:
    response = getattr(stranger_client, method_of(name))(address(name, container="other", job=999_999, layer="other"))
    assert response.status_code == 403


@pytest.mark.parametrize("name", GUARDED)
def test_the_viewer_may_look_and_change_nothing(viewer_client: Client, name: str) -> None:
    before = counts()
    if name not in POST_ONLY:
        assert viewer_client.get(address(name)).status_code == (200 if name in READING else 403)
    status = viewer_client.post(address(name)).status_code
    assert status == KEYS[name] if name in KEYS else status in ({302} if name in OWN else {403, 405})
    assert counts() == before


@pytest.mark.parametrize("name", [name for name in GUARDED if name not in POST_ONLY | APART])
def test_the_operator_gets_every_page_whole(client: Client, name: str) -> None:
    if name in FOR_ADMINISTRATORS:
        assert client.get(address(name)).status_code == 403
        return
    response = client.get(address(name), follow=True)
    assert response.status_code == 200
    if response["Content-Type"].startswith("text/html"):
        parse(response)


@pytest.mark.parametrize("name", [name for name in GUARDED if name in READING and name not in WITH_FORM])
def test_what_only_shows_something_cannot_be_posted(client: Client, name: str) -> None:
    assert client.post(address(name)).status_code == 405


@pytest.mark.parametrize("name", GUARDED)
def test_no_page_is_kept_by_a_cache_or_mixed_up_with_its_fragment(client: Client, name: str) -> None:
    response = getattr(client, method_of(name))(address(name))
    assert response.headers["Cache-Control"] == "no-store"
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.parametrize("name", [name for name in GUARDED if name not in POST_ONLY])
def test_nothing_on_a_page_needs_a_looser_content_policy(client: Client, name: str) -> None:
    response = client.get(address(name), follow=True)
    if not response["Content-Type"].startswith("text/html"):
        return
    tree = parse(response)
    assert [element for element in tree.walk() if "style" in element.attrs or element.tag == "style"] == []
    assert [element for element in tree.walk() if any(attr.startswith(("on", "hx-on")) for attr in element.attrs)] == []
    inline = [script for script in tree.all("script") if "src" not in script.attrs]
    assert [script for script in inline if script["type"] != "application/json"] == []
    assert "style-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/containers/nothing/", "/containers/nothing/start/", "/jobs/999999/", "/jobs/999999999999999999/"]
)
def test_what_does_not_exist_is_not_found(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no" in parse(response).one("h1").text


@pytest.mark.parametrize(
    "path",
    ["/containers/UPPER/", "/containers/-x/", "/containers/web/explode/", "/containers/web/destroy/", "/jobs/x/", "/nowhere/"],
)
def test_what_cannot_exist_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_form_from_elsewhere_is_refused(operator: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    before = counts()
    response = client.post("/containers/web/start/")
    assert response.status_code == 403
    assert parse(response).one("h1").text == "This page is too old"
    assert counts() == before

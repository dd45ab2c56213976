"""Who may import whom (DESIGN: layout), read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = ROOT / "containers"

# What each package may import of the project, beside itself; `queue` is jobs.queue, `gate` is jobs.gate.
ALLOWED = {
    "domain": {"errors"},
    "host": {"errors", "domain"},
    "models": {"choices", "errors", "querysets", "domain"},
    "querysets": {"choices", "errors", "models", "domain"},
    "choices": {"domain"},
    "errors": set(),
    # Read from files that root alone can write: pages and root read the same.
    "catalog": {"domain", "errors"},
    "services": {"catalog", "models", "domain", "errors", "choices", "querysets", "jobs.queue", "jobs.gate"},
    "jobs": {"services", "catalog", "models", "domain", "host", "errors", "choices", "querysets"},
    "sessions": {"services", "models", "domain", "host", "errors", "choices", "querysets"},
    "forms": {"services", "catalog", "forms", "querysets", "models", "domain", "errors", "choices"},
    "views": {"services", "catalog", "forms", "querysets", "models", "domain", "errors", "choices"},
    "api": {"services", "catalog", "forms", "querysets", "models", "domain", "errors", "choices"},
    "templatetags": {"views", "forms", "models", "choices"},
    "urls": {"views", "api", "choices", "services.entry"},
    # Set-up: Django's own hooks. The gate is loaded everywhere, because it takes pickle away.
    "apps": {"checks", "jobs.gate"},
    "checks": {"errors", "domain"},
}
# What commands may load: those that root runs on the host itself, and only those, reach the host.
ROOT_COMMANDS = {
    "app",
    "audit",
    "run",
    "worker",
    "monitor",
    "sessions",
    "prepare",
    "doctor",
    "uninstall",
    "rotatekeys",
    "browsing",
    "cleanup",
}
STANDARD_ONLY = {"domain": {"pydantic", "pydantic_core"}, "host": set()}


def modules() -> list[Path]:
    return sorted(path for path in APP.rglob("*.py") if "migrations" not in path.parts)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(path: Path) -> str:
    return path.relative_to(APP).with_suffix("").parts[0]


def is_allowed(package: str, target: str) -> bool:
    parts = target.split(".")[1:]
    return parts[0] == package or parts[0] in ALLOWED[package] or ".".join(parts[:2]) in ALLOWED[package]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(APP)))
def test_imports_go_in_the_allowed_directions(path: Path) -> None:
    package = package_of(path)
    if package == "__init__":
        return
    if package == "management":
        allowed = path.stem in ROOT_COMMANDS
        assert allowed or not [name for name in imports_of(path) if name.startswith("containers.host")]
        return
    wrong = [name for name in imports_of(path) if name.startswith("containers.") and not is_allowed(package, name)]
    # The gate runs a job inside the worker alone: it loads the runner at that moment, in that process.
    if path == APP / "jobs/gate.py":
        wrong = [name for name in wrong if not name.startswith("containers.jobs.runner")]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in modules() if package_of(path) in STANDARD_ONLY], ids=lambda path: path.name)
def test_domain_and_host_need_no_framework(path: Path) -> None:
    foreign = {name.split(".")[0] for name in imports_of(path)} & {"django", "rq", "redis", "django_rq", "ninja"}
    assert foreign == set()


@pytest.mark.parametrize(
    "path", [path for path in modules() if package_of(path) in ("views", "api", "forms")], ids=lambda path: path.name
)
def test_definitions_are_read_as_who_looks_may_see_them(path: Path) -> None:
    """Pages and the API read definitions through `services.disclosure`, which hides secrets (docs/decisions/0017)."""
    unmasked = {"spec_of", "data_of", "definition_of"}
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    assert not [node.attr for node in nodes if ast.unparse(node.value) == "specs" and node.attr in unmasked]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(APP)))
def test_only_the_host_package_touches_processes(path: Path) -> None:
    if package_of(path) == "host":
        return
    names = {name.split(".")[0] for name in imports_of(path)}
    assert not names & {"subprocess", "ctypes", "pty"}
    assert "os.system" not in path.read_text()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(APP)))
def test_nothing_runs_through_a_shell(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls for keyword in call.keywords if keyword.arg == "shell"]


def test_the_web_process_does_not_load_what_touches_the_host() -> None:
    """Follow the imports of URLs and ASGI through the project, the ones inside functions included."""
    seen: set[str] = set()
    todo = ["spocweb.urls", "spocweb.asgi", "containers.apps"]
    while todo:
        name = todo.pop()
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        path = path if path.exists() else ROOT.joinpath(*name.split("."), "__init__.py")
        if name in seen or not path.exists() or name == "containers.jobs.runner":
            continue
        seen.add(name)
        todo += [part for found in imports_of(path) for part in (found, found.rpartition(".")[0])]
    assert "containers.services.containers" in seen
    roots_own = ("containers.host", "containers.jobs.handlers", "containers.jobs.runner", "containers.sessions")
    assert not [name for name in seen if name.startswith(roots_own)]

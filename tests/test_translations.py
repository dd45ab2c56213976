"""Texts that the catalogues cannot miss: what collects them does not look into f-strings."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "containers"
LOOK_UPS = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext"}


@pytest.mark.parametrize("directory", ["forms", "services", "templatetags", "views"])
def test_no_text_is_looked_up_in_an_f_string(directory: str) -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / directory).rglob("*.py"))
        for text in ast.walk(ast.parse(path.read_text()))
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOOK_UPS
    ]
    assert not hidden

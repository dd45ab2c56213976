"""The catalogues of translations."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from django.conf import settings

CATALOGUES = sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po"))


def compile_all() -> None:
    """Compile what set-up has not compiled, or what was changed since; several test processes may do so at once."""
    for catalogue in CATALOGUES:
        compiled = catalogue.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= catalogue.stat().st_mtime:
            continue
        scratch = compiled.with_name(f"{os.getpid()}.mo.part")
        subprocess.run(["msgfmt", "-o", scratch, catalogue], check=True)
        scratch.rename(compiled)

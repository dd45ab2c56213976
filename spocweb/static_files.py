"""Which files of the installed front-end packages are served, and how all static files are stored.

A package ships much more than a page needs: each file that is served is named here, once, and of a style sheet only what
our own pages use.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.utils import timezone
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Prefix below STATIC_URL: (directory below node_modules, files in it).
PACKAGE_FILES: Final = {
    "tabler": ("@tabler/core/dist/css", ("tabler.min.css",)),
    "htmx": ("htmx.org/dist", ("htmx.min.js",)),
    # Loaded by the terminal's page alone; what they bring is minified already.
    "xterm": ("@xterm/xterm/lib", ("xterm.js",)),
    "xterm-css": ("@xterm/xterm/css", ("xterm.css",)),
    "xterm-fit": ("@xterm/addon-fit/lib", ("addon-fit.js",)),
    "uplot": ("uplot/dist", ("uPlot.iife.min.js", "uPlot.min.css")),
}
# Style sheets that are cut down to what these files of ours name.
CUT: Final = ("tabler.min.css",)
OWN: Final = ("templates", "static/js", "containers")
OWN_SUFFIXES: Final = frozenset({".html", ".js", ".py"})


class PackageStorage(FileSystemStorage):
    """A package's files as collectstatic reads them."""

    def get_modified_time(self, name: str) -> datetime:
        # What is left of it depends on our own files as well: it is always newer than what was collected before.
        return timezone.now() if name in CUT else super().get_modified_time(name)

    def _open(self, name: str, mode: str = "rb") -> Any:
        file = super()._open(name, mode)  # type: ignore[misc]  # django-stubs leaves it out
        if name not in CUT:
            return file
        with file:
            return ContentFile(_cut(file.read()), name)


def _cut(css: bytes) -> bytes:
    # Imported here: collectstatic alone needs it.
    from spocweb import stylesheet

    used = stylesheet.words([Path(settings.BASE_DIR, directory) for directory in OWN], OWN_SUFFIXES)
    return stylesheet.subset(css.decode(), used).encode()


class PackageFinder(BaseFinder):
    """Finds the files listed above below NODE_MODULES."""

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        prefix, _, name = path.partition("/")
        directory, names = PACKAGE_FILES.get(prefix, ("", ()))
        file = Path(settings.NODE_MODULES, directory, name)
        if name not in names or not file.exists():
            return []
        # `find_all` came in Django 5.2, `all` before it.
        return [str(file)] if kwargs.get("find_all") or kwargs.get("all") else str(file)

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, FileSystemStorage]]:
        for prefix, (directory, names) in PACKAGE_FILES.items():
            storage = PackageStorage(location=Path(settings.NODE_MODULES, directory))
            # Read by collectstatic: the directory that the files go into.
            storage.prefix = prefix  # type: ignore[attr-defined]
            for name in names:
                yield name, storage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """Hashed names and compressed copies, without source maps: 1.7 MB that only a package's author reads."""

    # Django's own, less the ones for `sourceMappingURL`, which would ask for the map.
    patterns = (("*.css", CompressedManifestStaticFilesStorage.patterns[0][1][:2]),)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Not FILE_UPLOAD_PERMISSIONS, which is for what users bring: root writes these, the web process reads them.
        super().__init__(*args, file_permissions_mode=0o644, directory_permissions_mode=0o755, **kwargs)

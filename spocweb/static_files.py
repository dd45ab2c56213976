"""Which files of the installed front-end packages are served, and how all static files are stored.

A package ships much more than a page needs: each file that is served is named here, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Prefix below STATIC_URL: (directory below node_modules, files in it).
PACKAGE_FILES: Final = {
    "tabler": ("@tabler/core/dist/css", ("tabler.min.css",)),
    "htmx": ("htmx.org/dist", ("htmx.min.js",)),
}


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
            storage = FileSystemStorage(location=Path(settings.NODE_MODULES, directory))
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

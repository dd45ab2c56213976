"""Images from registries, by skopeo."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from containers.domain import reference
from containers.domain.amounts import size
from containers.domain.layout import Layout
from containers.domain.registry_auth import RegistryAuth
from containers.errors import HostError
from containers.host import layers, mapped
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.imports import Source
from containers.host.overlay import IdMap
from containers.host.progress import Throttle
from containers.host.trees import open_beneath, walk

TIMEOUT_S: Final = 3600
_NAME: Final = "image"
_AUTH: Final = "auth.json"
_TARGET: Final = f"oci:{mapped.PLACE}/{_NAME}:latest"
NOBODY: Final = RegistryAuth({})
_POLICY: Final = Path("/etc/containers/policy.json")


@contextmanager
def pull(
    layout: Layout,
    runner: Runner,
    ref: str,
    idmap: IdMap,
    *,
    auth: RegistryAuth = NOBODY,
    proxies: Mapping[str, str] | None = None,
) -> Iterator[Source]:
    """Yield an open OCI layout that holds the image of a valid reference, for this host; it is removed afterwards.

    What skopeo got is verified by whoever reads it. Raises CommandFailed with skopeo's words, CommandTimeout, Cancelled.
    """
    with layers.unfinished(layout, "pull", idmap_base=idmap.base) as scratch:
        throttle = Throttle(runner.recorder, lambda: f"{size(_bytes_below(scratch))} of {ref}")
        with _auth_file(scratch, auth, idmap) as options:
            argv = ["skopeo", *_options(), "copy", *options, *_copy_options(ref), f"docker://{ref}", _TARGET]
            run = partial(mapped.run, timeout_s=TIMEOUT_S, proxies=proxies, secrets=auth.secrets, watch=throttle.watch)
            run(runner, argv, scratch, idmap)
        top = os.open(scratch, OPEN_DIRECTORY)
        try:
            directory = open_beneath(top, _NAME.encode(), OPEN_DIRECTORY)
        except OSError as error:
            raise HostError(f"skopeo left no image: {error.strerror}") from error
        finally:
            os.close(top)
        with Source(Path(ref), directory, is_directory=True) as source:
            yield source


@contextmanager
def _auth_file(scratch: Path, auth: RegistryAuth, idmap: IdMap) -> Iterator[list[str]]:
    """Yield the options that tell skopeo who we are: a file that it alone can read, of this registry alone, for the block."""
    if not auth.entries:
        yield []
        return
    path = scratch / _AUTH
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
            os.fchown(stream.fileno(), idmap.base, idmap.base)
            stream.write(auth.encode())
        yield ["--src-authfile", f"{mapped.PLACE}/{_AUTH}"]
    finally:
        path.unlink(missing_ok=True)


def _options() -> list[str]:
    # Who is to be trusted is the administrator's to say; where nothing is said, skopeo would refuse everybody.
    return [] if _POLICY.exists() else ["--insecure-policy"]


def _copy_options(ref: str) -> list[str]:
    # A layout has no place for signatures; where they are asked for by policy they are looked at all the same.
    return ["--remove-signatures", *(["--src-tls-verify=false"] if reference.is_local(ref) else [])]


def _bytes_below(path: Path) -> int:
    top = os.open(path, OPEN_DIRECTORY)
    try:
        return sum(entry.status.st_size for entry in walk(top) if not entry.is_directory)
    except OSError:
        # Something was renamed under our feet: next time, then.
        return 0
    finally:
        os.close(top)

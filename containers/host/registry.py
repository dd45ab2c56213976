"""Images from registries, by skopeo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from containers.domain import reference
from containers.domain.amounts import size
from containers.domain.layout import Layout
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
_POLICY: Final = Path("/etc/containers/policy.json")


@contextmanager
def pull(layout: Layout, runner: Runner, ref: str, idmap: IdMap) -> Iterator[Source]:
    """Yield an open OCI layout that holds the image of a valid reference, for this host; it is removed afterwards.

    What skopeo got is verified by whoever reads it. Raises CommandFailed with skopeo's words, CommandTimeout, Cancelled.
    """
    with layers.unfinished(layout, "pull", idmap_base=idmap.base) as scratch:
        argv = ["skopeo", *_options(), "copy", *_copy_options(ref), f"docker://{ref}", f"oci:{mapped.PLACE}/{_NAME}:latest"]
        throttle = Throttle(runner.recorder, lambda: f"{size(_bytes_below(scratch))} of {ref}")
        mapped.run(runner, argv, scratch, idmap, timeout_s=TIMEOUT_S, watch=throttle.watch)
        top = os.open(scratch, OPEN_DIRECTORY)
        try:
            directory = open_beneath(top, _NAME.encode(), OPEN_DIRECTORY)
        except OSError as error:
            raise HostError(f"skopeo left no image: {error.strerror}") from error
        finally:
            os.close(top)
        with Source(Path(ref), directory, is_directory=True) as source:
            yield source


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

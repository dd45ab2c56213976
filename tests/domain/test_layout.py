from __future__ import annotations

from pathlib import Path

import pytest

from containers.domain.layout import Layout

LAYOUT = Layout(Path("/data"), Path("/log"), Path("/run"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LAYOUT.containers, "/data/containers"),
        (LAYOUT.container("web"), "/data/containers/web"),
        (LAYOUT.config("web"), "/data/containers/web/config"),
        (LAYOUT.rootfs("web"), "/data/containers/web/rootfs"),
        (LAYOUT.ephemeral("web"), "/data/containers/web/ephemeral"),
        (LAYOUT.olwork("web"), "/data/containers/web/olwork"),
        (LAYOUT.hook_error("web"), "/data/containers/web/hook.error"),
        (LAYOUT.layers, "/data/layers"),
        (LAYOUT.layer("base.1"), "/data/layers/base.1"),
        (LAYOUT.volumes, "/data/volumes"),
        (LAYOUT.volume("shop_data"), "/data/volumes/shop_data"),
        (LAYOUT.hosts, "/data/hosts"),
        (LAYOUT.hook, "/data/hook.py"),
        (LAYOUT.uploads, "/data/uploads"),
        (LAYOUT.log("web"), "/log/web.log"),
        (LAYOUT.lxc_log("web"), "/run/lxc/web.log"),
        (LAYOUT.locks, "/run/locks"),
        (LAYOUT.lock("web"), "/run/locks/container-web"),
        (LAYOUT.job_lock(418), "/run/locks/job-418"),
    ],
)
def test_everything_has_its_place(path: Path, expected: str) -> None:
    assert path == Path(expected)


@pytest.mark.parametrize("name", ["", "..", "../etc", "/etc", "a/b", "-a", "a\n", "größe", "a" * 100])
@pytest.mark.parametrize(
    "place", ["container", "config", "rootfs", "ephemeral", "olwork", "log", "lxc_log", "lock", "layer", "volume"]
)
def test_a_name_that_is_not_valid_becomes_no_path(place: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"must|longer|control"):
        getattr(LAYOUT, place)(name)

"""Names and defaults around builds."""

from __future__ import annotations

import pytest

from containers.domain import build, names, recipe
from containers.domain.image import Defaults


@pytest.mark.parametrize(
    ("image", "job", "name"),
    [
        ("shop", 7, "build-shop-7"),
        ("shop.web_2", 12, "build-shop-web-2-12"),
        ("x" * 63, 12345, f"build-{'x' * 51}-12345"),
        ("x" * 53 + ".y", 1, f"build-{'x' * 53}-y-1"),
    ],
)
def test_a_build_container_is_named_after_image_and_job(image: str, job: int, name: str) -> None:
    assert build.container_name(image, job) == name
    assert names.container_name(name) == name


def test_of_images_on_one_another_the_upper_counts() -> None:
    below = Defaults(env={"A": "1", "B": "1"}, uid="5", gid="6", cmd="/a", cwd="/x")
    assert build.merged(below, Defaults(env={"B": "2"}, halt="SIGTERM")).export() == {
        "env": {"A": "1", "B": "2"},
        "uid": "5",
        "gid": "6",
        "cmd": "/a",
        "cwd": "/x",
        "halt": "SIGTERM",
    }
    assert build.merged(below, Defaults(uid="7")).export()["uid"] == "7"
    assert "gid" not in build.merged(below, Defaults(uid="7")).export()


@pytest.mark.parametrize(
    ("user", "ids", "is_looked_up"),
    [
        ("33:33", {"uid": "33", "gid": "33"}, False),
        ("0:0", {"uid": "0", "gid": "0"}, False),
        # Which group a user has, and which number a name, only the image knows.
        ("33", {}, True),
        ("www-data", {}, True),
        ("33:www-data", {}, True),
    ],
)
def test_two_numbers_are_known_before_the_image_is_there(user: str, ids: dict[str, str], is_looked_up: bool) -> None:
    made = build.build(recipe.parse(f"FROM base\nUSER {user}\nCMD /a\n"), Defaults(uid="5", gid="6"), {})
    assert made.defaults.export() == {"cmd": "/a", **ids}
    assert (made.identity is not None) is is_looked_up

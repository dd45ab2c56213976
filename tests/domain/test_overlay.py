"""How many layers fit into one mount: said when a definition is saved, and counted as the hook writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import overlay
from containers.domain.spec import ContainerSpec
from containers.errors import InvalidRequest
from containers.host import hook

NAMES = st.lists(st.from_regex(r"\A[a-z0-9]{1,63}\Z"), min_size=1, max_size=80, unique=True)


def spec(name: str, layers: list[str], *, field: str = "", build: bool = False) -> ContainerSpec:
    return ContainerSpec.parse({"name": name, "definition": {"layers": layers, "build": build}}, field=field)


@given(st.from_regex(r"\A[a-z]{1,63}\Z"), NAMES)
def test_the_options_are_counted_as_the_hook_writes_them(name: str, layers: list[str]) -> None:
    assert overlay.options(name, layers) == hook.overlay_options(name, layers, f"../containers/{name}/ephemeral")
    if len(layers) > 1:
        assert overlay.options(name, layers, build=True) == hook.overlay_options(name, layers[:-1], layers[-1])


def test_both_know_the_same_limits() -> None:
    from containers.domain.definition import MAX_LAYERS

    assert (overlay.MAX_OPTIONS, overlay.WHOLE, MAX_LAYERS) == (hook.MAX_OPTIONS, hook.WHOLE, hook.MAX_LOWER)


def filled(count: int) -> list[str]:
    """Layers with names as long as they can be."""
    return [f"{number:02}".ljust(63, "x") for number in range(count)]


def test_as_many_as_fit_are_taken_and_one_character_more_is_refused() -> None:
    room = overlay.MAX_OPTIONS - len(overlay.options("web", filled(62)))
    last = "y" * (room - 1)
    assert len(overlay.options("web", [*filled(62), last])) == overlay.MAX_OPTIONS
    spec("web", [*filled(62), last])
    for field, path in (("", "definition.layers"), ("containers.web", "containers.web.definition.layers")):
        with pytest.raises(InvalidRequest, match="the names of 63 layers take 4096 characters of mount options") as caught:
            spec("web", [*filled(62), last + "y"], field=field)
        assert caught.value.errors[0].field == path


def test_short_names_fit_up_to_the_kernels_number() -> None:
    spec("web", [f"{number:x}" for number in range(500)])
    with pytest.raises(InvalidRequest, match="at most 500 entries"):
        spec("web", [f"{number:x}" for number in range(501)])


def test_one_layer_that_is_built_needs_no_overlay() -> None:
    assert overlay.options("web", ["a"], build=True) == ""
    overlay.check("web", ["a"], build=True)

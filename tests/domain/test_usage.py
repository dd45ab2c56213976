"""What containers use, as numbers and as bytes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.usage import MachineUsage, Usage, find, mean, pack, unpack

NUMBERS = st.none() | st.floats(min_value=0, max_value=2**40, width=32)
USAGES = st.dictionaries(st.integers(0, 2**63 - 1), st.builds(Usage, *[NUMBERS] * 6), max_size=20)
BUSY = Usage(cpu=1.5, memory_bytes=2**30, memory_limit_bytes=2**31, processes=12, received_bytes_s=1e6, sent_bytes_s=0.0)


@given(USAGES)
def test_what_was_packed_comes_back_whole_and_one_by_one(usages: dict[int, Usage]) -> None:
    packed = pack(usages)
    assert len(packed) == 32 * len(usages)
    assert unpack(packed) == usages
    for key, usage in usages.items():
        assert find(packed, key) == usage


@given(USAGES, st.integers(0, 2**63 - 1))
def test_a_container_that_is_not_there_is_not_found(usages: dict[int, Usage], key: int) -> None:
    usages.pop(key, None)
    assert find(pack(usages), key) is None


@given(st.binary(max_size=200))
def test_bytes_of_somebody_else_are_refused_or_are_numbers(packed: bytes) -> None:
    if len(packed) % 32:
        with pytest.raises(ValueError, match="no whole number of records"):
            unpack(packed)
    else:
        assert all(value is None or not math.isnan(value) for usage in unpack(packed).values() for value in [usage.cpu])
    find(packed, 7)


def test_a_mean_is_over_what_is_known() -> None:
    idle = Usage(cpu=None, memory_bytes=0, processes=2)
    assert mean([BUSY, idle]) == Usage(
        cpu=1.5, memory_bytes=2**29, memory_limit_bytes=2**31, processes=7, received_bytes_s=1e6, sent_bytes_s=0.0
    )
    assert mean([idle]) == idle
    machines = [MachineUsage(None, 4, 10, 100, 5, 50), MachineUsage(2.0, 4, 20, 100, 5, 50)]
    assert mean(machines) == MachineUsage(2.0, 4, 15, 100, 5, 50)

"""engine/call_table.py: native calls in their order, turn after turn, with what they say."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from umamba_rt.core.estimate import Float32Array
from umamba_rt.engine.call_table import MOST_ARGUMENTS, Call, CallTable, copy_call

_MANY = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * MOST_ARGUMENTS)


def address(function: object) -> int:
    found = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert found is not None
    return found


def place(array: Float32Array) -> int:
    return int(array.ctypes.data)


def test_calls_come_in_their_order_with_all_their_arguments() -> None:
    seen: list[tuple[int, ...]] = []

    def note(*arguments: int) -> int:
        seen.append(arguments)
        return 0

    native = _MANY(note)
    large = (*range(-5, 4), 2**62)
    table = CallTable([Call(address(native), large), Call(address(native), (7,) * 10)])
    assert table.run(0, 2) == 0
    assert seen == [large, (7,) * 10] * 2


def test_moving_argument_is_another_in_each_turn() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    found = np.zeros((4, 3), np.float32)
    table = CallTable([copy_call(0, 0, rows[0].nbytes)])
    table.move(0, 0, place(found), found.strides[0])
    table.move(0, 1, place(rows), rows.strides[0])
    assert table.run(1, 3) == 0
    assert found.tolist() == [[0, 0, 0], [3, 4, 5], [6, 7, 8], [0, 0, 0]]


@pytest.mark.parametrize(("given", "counts", "status"), [(-17, True, -17), (9, False, 0)])
def test_first_status_that_is_not_zero_is_given(given: int, counts: bool, status: int) -> None:
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64)
    good, bad, worse = (kind(lambda _, gives=gives: gives) for gives in (0, given, 5))
    calls = [Call(address(one), (0,), gives_status=True) for one in (good, worse)]
    table = CallTable([calls[0], Call(address(bad), (0,), gives_status=counts)])
    assert table.run(0, 3) == status
    both = CallTable([Call(address(bad), (0,), gives_status=counts), calls[1]])
    assert both.run(0, 1) == (status or 5)

"""engine/scan_lanes.py: the reference's numbers with softplus and gate, in float32."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.engine.call_table import CallTable
from umamba_rt.engine.scan_lanes import LANES, LOG2_E, STATES, scan_call


@dataclass(frozen=True, slots=True)
class Case:
    """What the kernel takes; ``delta`` before its softplus, ``a`` of shape ``(D, 16)``."""

    u: Float32Array
    delta: Float32Array
    gate: Float32Array
    bc: Float32Array
    a: Float32Array
    direct: Float32Array


def case(seed: int, windows: int, tokens: int, blocks: int) -> Case:
    rng = np.random.default_rng(seed)
    shape = (windows, tokens, blocks * LANES)
    u, gate = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    delta = rng.normal(-4, 4, shape).astype(np.float32)  # steps from 1e-9 to 10
    bc = rng.standard_normal((windows, tokens, 2 * STATES), dtype=np.float32)
    a = -np.exp(rng.normal(0, 1.5, (shape[2], STATES))).astype(np.float32)
    return Case(u, delta, gate, bc, a, rng.standard_normal(shape[2], dtype=np.float32))


def run(given: Case) -> Float32Array:
    rates = np.float64(given.a).reshape(-1, LANES, STATES).transpose(0, 2, 1) * LOG2_E
    y = np.empty_like(given.u)
    call = scan_call(
        given.u,
        given.delta,
        given.gate,
        given.bc,
        np.ascontiguousarray(rates, dtype=np.float32),
        given.direct.reshape(-1, LANES),
        y,
    )
    CallTable([call]).run(0, 1)
    return y


def plain(given: Case) -> NDArray[np.float64]:
    """The recurrence in float64, as `umamba_rt.models.scan.selective_scan_reference` has it."""
    u, gate = given.u.astype(np.float64), given.gate.astype(np.float64)
    delta = np.logaddexp(0.0, given.delta.astype(np.float64))
    b, c = np.split(given.bc.astype(np.float64), 2, axis=2)
    state = np.zeros((*u.shape[::2], STATES))
    y = np.empty_like(u)
    for t in range(u.shape[1]):
        step = delta[:, t, :, None]
        drive = step * u[:, t, :, None] * b[:, t, None]
        state = np.exp(step * given.a) * state + drive
        y[:, t] = (state * c[:, t, None]).sum(-1)
    gated: NDArray[np.float64] = (y + given.direct * u) * gate / (1 + np.exp(-gate))
    return gated


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 200), st.integers(1, 3))
def test_scan_equals_the_plain_recurrence(
    seed: int, windows: int, tokens: int, blocks: int
) -> None:
    given = case(seed, windows, tokens, blocks)
    expected = plain(given)
    np.testing.assert_allclose(run(given), expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("delta", [-80.0, -30.0, -10.0, 0.0, 10.0, 80.0])
def test_steps_of_any_size_are_as_exact(delta: float) -> None:
    """OpenVINO's own softplus is off by 1e-6, which is all of a small step."""
    given = case(1, 1, 5, 1)
    given.delta[:] = delta
    given.direct[:] = 0.0
    expected = plain(given)
    np.testing.assert_allclose(run(given), expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_nan_spoils_its_channel_from_its_token_on_and_nothing_else() -> None:
    given = case(2, 2, 30, 2)
    clean = run(given)
    given.u[1, 10, 3] = np.nan
    found = run(given)
    spoilt = np.zeros(found.shape, bool)
    spoilt[1, 10:, 3] = True
    assert np.array_equal(np.isnan(found), spoilt)
    assert np.array_equal(found[~spoilt], clean[~spoilt])


@pytest.mark.parametrize("which", ["u", "delta", "gate", "bc"])
def test_array_of_another_shape_dtype_or_order_is_refused(which: str) -> None:
    sound = case(3, 1, 8, 1)
    array = getattr(sound, which)
    for other in (array[..., :-1], array.astype(np.float64), array[::-1], array[..., ::2]):
        if other.shape != array.shape or not other.flags.c_contiguous or other.dtype != np.float32:
            with pytest.raises(ValueError, match="scan: found"):
                run(replace(sound, **{which: other}))
    with pytest.raises(ValueError, match="nothing in"):
        run(case(3, 1, 0, 1))

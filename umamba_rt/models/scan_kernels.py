"""The selective scan and its backward as numba kernels over a range of channels.

Each kernel walks a range of rows and touches no other, so that several threads can share a call.
They are single-threaded and release the GIL. numba's own ``parallel=True`` is not used: its default
threading layer, workqueue, aborts the process when two Python threads enter it at once, and tbb
and omp are not always installed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

import numba
import numpy as np

Kernel: TypeAlias = Callable[..., None]

# Full fastmath would let the compiler assume that there is no NaN; a NaN must come out as NaN.
_FASTMATH = {"reassoc", "contract", "nsz"}
# One block of exp() arguments, (64, 16) float32, is 4 KiB and stays in the L1 cache.
_BLOCK = 64

_LOG2_E = np.float32(1.4426950408889634)
_ROUND = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds to the nearest integer
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_P0, _P1 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3)
_P2, _P3 = np.float32(8.3334519073e-3), np.float32(4.1665795894e-2)
_P4, _P5 = np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_ONE, _LOWEST, _HIGHEST = np.float32(1.0), np.float32(-87.0), np.float32(88.0)
_MANTISSA_BITS, _BIAS_BITS = np.int32(23), np.int32(0x3F800000)


# No reassociation in here: it would cancel the rounding trick. Inlined so that loops vectorise.
@numba.njit(forceinline=True, fastmath={"contract"})
def _exp(x: np.float32) -> np.float32:
    """Exponential that the compiler can vectorise; math.exp is a call for each element.

    Relative error below 1e-7 in [-87, 88] (measured over 10**6 points: 8.2e-8), clamped outside,
    NaN for NaN. With it the scan of one layer takes 0.3 ms a window on one core.

    Source: Cephes expf (S. Moshier), the polynomial and the split of ln 2.
    """
    # Not min and max: written so that NaN passes.
    x = _LOWEST if x < _LOWEST else x  # noqa: FURB136
    x = _HIGHEST if x > _HIGHEST else x  # noqa: FURB136
    shifted = np.float32(x * _LOG2_E + _ROUND)
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    p = p * (r * r) + r + _ONE
    power = (np.float32(shifted).view(np.int32) << _MANTISSA_BITS) + _BIAS_BITS
    return np.float32(p * np.int32(power).view(np.float32))


def _forward_rows(u, delta, a, b, c, d, y, low, high):  # type: ignore[no-untyped-def]
    """Fill ``y`` for rows ``low..high`` of the B * D rows.

    ``u, delta, y``: (B, D, L); ``a``: (D, N); ``b, c``: (B, L, N); ``d``: (D,); all float32.
    """
    channels, length, states = u.shape[1], u.shape[2], a.shape[1]
    decay = np.empty((_BLOCK, states), np.float32)
    flat = decay.reshape(-1)
    h = np.empty(states, np.float32)
    for row in range(low, high):
        i, j = row // channels, row % channels
        h[:] = 0.0
        for start in range(0, length, _BLOCK):
            end = min(start + _BLOCK, length)
            for t in range(start, end):
                for n in range(states):
                    decay[t - start, n] = delta[i, j, t] * a[j, n]
            for k in range((end - start) * states):
                flat[k] = _exp(flat[k])
            for t in range(start, end):
                drive = delta[i, j, t] * u[i, j, t]
                total = d[j] * u[i, j, t]
                for n in range(states):
                    value = decay[t - start, n] * h[n] + drive * b[i, t, n]
                    h[n] = value
                    total += value * c[i, t, n]
                y[i, j, t] = total


@numba.njit(fastmath=_FASTMATH, error_model="numpy")
def _keep_states(u, delta, a, b, i, j, decay, h):  # type: ignore[no-untyped-def]
    """Fill ``decay`` (L, N) and ``h`` (L + 1, N), states before each token, of one row."""
    length, states = decay.shape
    flat = decay.reshape(-1)
    for t in range(length):
        for n in range(states):
            decay[t, n] = delta[i, j, t] * a[j, n]
    for k in range(length * states):
        flat[k] = _exp(flat[k])
    h[0, :] = 0.0
    for t in range(length):
        drive = delta[i, j, t] * u[i, j, t]
        for n in range(states):
            h[t + 1, n] = decay[t, n] * h[t, n] + drive * b[i, t, n]


def _backward_channels(  # type: ignore[no-untyped-def]
    u, delta, a, b, c, d, dy, du, ddelta, da, db, dc, dd, low, high
):
    """Fill the gradients of channels ``low..high`` of D for the output gradient ``dy``.

    Shapes as in the forward kernel. ``da`` and ``dd`` are set for these channels; ``db`` and ``dc``
    are added to: give each range its own. The states are computed again, a row at a time: (L, N)
    twice is 96 KiB for L = 751, whereas keeping all of them is 1.5 MiB a window and layer.
    """
    batch, length, states = u.shape[0], u.shape[2], a.shape[1]
    decay, h = np.empty((length, states), np.float32), np.empty((length + 1, states), np.float32)
    # float64 where a sum runs over all windows and tokens and may nearly cancel: costs 3 %.
    carry, da_row = np.empty(states, np.float32), np.empty(states, np.float64)
    for j in range(low, high):
        da_row[:], dd_row = 0.0, 0.0
        for i in range(batch):
            _keep_states(u, delta, a, b, i, j, decay, h)
            carry[:] = 0.0
            for t in range(length - 1, -1, -1):
                grad, step, value = dy[i, j, t], delta[i, j, t], u[i, j, t]
                dd_row += np.float64(grad) * np.float64(value)
                to_drive, to_step = np.float32(0.0), np.float32(0.0)
                for n in range(states):
                    dh = grad * c[i, t, n] + carry[n]
                    carry[n] = dh * decay[t, n]
                    through_decay = carry[n] * h[t, n]
                    dc[i, t, n] += grad * h[t + 1, n]
                    db[i, t, n] += dh * step * value
                    da_row[n] += np.float64(through_decay) * np.float64(step)
                    to_step += through_decay * a[j, n]
                    to_drive += dh * b[i, t, n]
                du[i, j, t] = grad * d[j] + to_drive * step
                ddelta[i, j, t] = to_step + to_drive * value
        da[j, :], dd[j] = da_row, dd_row


_CUBE, _SQUARE, _LINE = numba.float32[:, :, ::1], numba.float32[:, ::1], numba.float32[::1]
_RANGE = (numba.int64, numba.int64)
_INPUTS = (_CUBE, _CUBE, _SQUARE, _CUBE, _CUBE, _LINE)


@functools.cache
def forward_kernel() -> Kernel:
    """Compile the forward kernel on first use, or take it from numba's cache on disk."""
    return _compiled(_forward_rows, (*_INPUTS, _CUBE, *_RANGE))


@functools.cache
def backward_kernel() -> Kernel:
    """Compile the backward kernel on first use; a process that only infers never does."""
    gradients = (_CUBE, _CUBE, _SQUARE, _CUBE, _CUBE, _LINE)
    return _compiled(_backward_channels, (*_INPUTS, _CUBE, *gradients, *_RANGE))


def _compiled(function: Kernel, arguments: tuple[object, ...]) -> Kernel:
    """Compile for exactly these types: another dtype or layout is an error, not a slow path."""
    compile_for = functools.partial(
        numba.njit,
        numba.void(*arguments),
        nogil=True,
        fastmath=_FASTMATH,
        error_model="numpy",
    )
    try:
        kernel: Kernel = compile_for(cache=True)(function)
    except (RuntimeError, OSError):
        # A service without a home and with a read-only package has nowhere to keep the cache
        # (numba: "no locator available"); compiling takes about a second at each start.
        kernel = compile_for()(function)
    return kernel

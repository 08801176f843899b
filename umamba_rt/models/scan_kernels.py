"""The selective scan and its backward as numba kernels over a range of rows or windows.

Each kernel walks its range and touches nothing else that another writes, so that several threads
can share a call. They are single-threaded and release the GIL. numba's own ``parallel=True`` is not
used: its default threading layer, workqueue, aborts the process when two Python threads enter it at
once, and tbb and omp are not always installed.

float32 goes in and comes out; all between is float64. A gradient of few numbers is a sum that may
nearly cancel: of 20,000 random shapes float32 states left 2e-4 of the worst one wrong, float64
leaves 1e-7 of 100,000. Vectors make up for it: the backward pass takes 0.6 of float32's time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TypeAlias

import numba
import numpy as np

Kernel: TypeAlias = Callable[..., None]

# Full fastmath would let the compiler assume that there is no NaN; a NaN must come out as NaN.
_FASTMATH = {"reassoc", "contract", "nsz"}

_LOG2_E = math.log2(math.e)
_ROUND = 1.5 * 2.0**52  # adding it rounds to the nearest integer, which is left in the low bits
_LOWEST, _HIGHEST = -1022.0, 1023.0
_MANTISSA_BITS, _BIAS_BITS = np.int64(52), np.int64(0x3FF0000000000000)
# Taylor's series of 2**r; for |r| <= 0.5 the first term left out is below 1e-11.
_T9, _T8, _T7, _T6, _T5, _T4, _T3, _T2, _T1 = (
    math.log(2) ** k / math.factorial(k) for k in range(9, 0, -1)
)


# No reassociation in here: it would cancel the rounding trick. Inlined so that loops vectorise.
@numba.njit(forceinline=True, fastmath={"contract"}, error_model="numpy")
def _exp2(x: float) -> float:
    """Power of two that the compiler can vectorise; math.exp is a call for each element.

    Relative error below 1e-11 in [-1022, 1023], clamped outside, NaN for NaN.
    """
    # Not min and max: written so that NaN passes.
    x = _LOWEST if x < _LOWEST else x  # noqa: FURB136
    x = _HIGHEST if x > _HIGHEST else x  # noqa: FURB136
    shifted = x + _ROUND
    r = x - (shifted - _ROUND)
    p = (((_T9 * r + _T8) * r + _T7) * r + _T6) * r + _T5
    p = ((((p * r + _T4) * r + _T3) * r + _T2) * r + _T1) * r + 1.0
    power = (np.float64(shifted).view(np.int64) << _MANTISSA_BITS) + _BIAS_BITS
    return p * np.int64(power).view(np.float64)


def _forward_rows(u, delta, a, b, c, d, y, low, high):  # type: ignore[no-untyped-def]
    """Fill ``y`` for rows ``low..high`` of the B * D rows.

    ``u, delta, y``: (B, D, L); ``a``: (D, N); ``b, c``: (B, L, N); ``d``: (D,); all float32.
    """
    channels, length, states = u.shape[1], u.shape[2], a.shape[1]
    rates, h = np.empty(states), np.empty(states)
    for row in range(low, high):
        i, j = row // channels, row % channels
        direct = np.float64(d[j])
        for n in range(states):
            rates[n], h[n] = np.float64(a[j, n]) * _LOG2_E, 0.0
        for t in range(length):
            step, value = np.float64(delta[i, j, t]), np.float64(u[i, j, t])
            drive, total = step * value, direct * value
            for n in range(states):
                h[n] = _exp2(step * rates[n]) * h[n] + drive * b[i, t, n]
                total += h[n] * c[i, t, n]
            y[i, j, t] = total


@numba.njit(fastmath=_FASTMATH, error_model="numpy")
def _keep_states(u, delta, b, rates, h, decay, before):  # type: ignore[no-untyped-def]
    """Fill ``decay`` (L, N) and ``before`` (L + 1, N), states before each token, of one row."""
    length, states = b.shape
    for n in range(states):
        h[n], before[0, n] = 0.0, 0.0
    for t in range(length):
        step = np.float64(delta[t])
        drive = step * np.float64(u[t])
        for n in range(states):
            decay[t, n] = _exp2(step * rates[n])
            h[n] = decay[t, n] * h[n] + drive * b[t, n]
            before[t + 1, n] = h[n]


@numba.njit(fastmath=_FASTMATH, error_model="numpy")
def _go_back(c, dy, decay, order, carry, dh):  # type: ignore[no-untyped-def]
    """Fill ``dh`` (L, N), the gradient of the states after each token, of one row.

    ``order``: 0, 1, ... L - 1. Where LLVM sees an outer loop that goes backwards it takes its
    arrays to overlap, and the inner one stays scalar; read from an array it is 1.3 times as fast.
    """
    length, states = c.shape
    carry[:] = 0.0
    for k in range(length - 1, -1, -1):
        t = order[k]
        grad = np.float64(dy[t])
        for n in range(states):
            dh[t, n] = grad * c[t, n] + carry[n]
            carry[n] = dh[t, n] * decay[t, n]


@numba.njit(fastmath=_FASTMATH, error_model="numpy")
def _collect(  # type: ignore[no-untyped-def]
    u, delta, a, b, d, dy, decay, before, dh, du, ddelta, da, db, dc
):
    """Fill ``du`` and ``ddelta`` (L,) of one row; add to ``da`` (N,) and ``db, dc`` (L, N)."""
    length, states = b.shape
    for t in range(length):
        grad, step, value = np.float64(dy[t]), np.float64(delta[t]), np.float64(u[t])
        drive, to_drive, to_step = step * value, 0.0, 0.0
        # Two loops: one of all seven lines is not vectorised for AVX2, 2.4 times as slow.
        for n in range(states):
            dc[t, n] += grad * before[t + 1, n]
            db[t, n] += dh[t, n] * drive
        for n in range(states):
            through_decay = dh[t, n] * decay[t, n] * before[t, n]
            da[n] += through_decay * step
            to_step += through_decay * a[n]
            to_drive += dh[t, n] * b[t, n]
        du[t] = grad * d + to_drive * step
        ddelta[t] = to_step + to_drive * value


@numba.njit(fastmath=_FASTMATH, error_model="numpy")
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = 0.0
    for t in range(x.size):
        total += np.float64(x[t]) * np.float64(y[t])
    return total


def _backward_windows(  # type: ignore[no-untyped-def]
    u, delta, a, b, c, d, dy, du, ddelta, da, db, dc, dd, low, high
):
    """Fill the gradients of windows ``low..high`` of B for the output gradient ``dy``.

    Shapes as in the forward kernel. ``da`` and ``dd``, float64, are added to: give each range its
    own. The states are computed again, a row at a time: (L, N) five times is 470 KiB for L = 751
    and stays in the L2 cache, whereas keeping all of them is 3 MiB a window and layer.
    """
    channels, length, states = u.shape[1], u.shape[2], a.shape[1]
    a_row, rates, carry = np.empty(states), np.empty(states), np.empty(states)
    decay, before = np.empty((length, states)), np.empty((length + 1, states))
    dh, order = np.empty((length, states)), np.arange(length)
    db_sum, dc_sum = np.empty((length, states)), np.empty((length, states))
    for i in range(low, high):
        db_sum[:], dc_sum[:] = 0.0, 0.0
        for j in range(channels):
            for n in range(states):
                a_row[n], rates[n] = a[j, n], np.float64(a[j, n]) * _LOG2_E
            x, step, grad, out = u[i, j], delta[i, j], dy[i, j], np.float64(d[j])
            _keep_states(x, step, b[i], rates, carry, decay, before)
            _go_back(c[i], grad, decay, order, carry, dh)
            rows = du[i, j], ddelta[i, j]
            _collect(
                x, step, a_row, b[i], out, grad, decay, before, dh, *rows, da[j], db_sum, dc_sum
            )
            dd[j] += _dot(grad, x)
        db[i], dc[i] = db_sum, dc_sum


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
    da, dd = numba.float64[:, ::1], numba.float64[::1]
    gradients = (_CUBE, _CUBE, da, _CUBE, _CUBE, dd)
    return _compiled(_backward_windows, (*_INPUTS, _CUBE, *gradients, *_RANGE))


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

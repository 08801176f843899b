"""The selective scan for inference: float32, as many channels at once as a vector has lanes.

`umamba_rt.models.scan_kernels` is the exact one, float64 inside and good for gradients; a window's
two layers take it 0.40 ms on one AVX-512 core, and this one 0.15 ms, softplus and gate included.
It is written as LLVM vectors and not left to a vectoriser: that keeps the states in memory, where
each addition waits for the one before to be stored (0.33 ms without softplus). llvmlite alone
compiles it, in 0.1 s at each start: numba would be 60 MB more in the daemon.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from umamba_rt.core.estimate import Float32Array
from umamba_rt.engine.call_table import Call
from umamba_rt.engine.native_code import Compiled, compiled, host_has, loop

STATES = 16  # hidden states of each channel; a register each
LANES = 16 if host_has("avx512f") else 8
LOG2_E = math.log2(math.e)

_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_ROUND = 1.5 * 2.0**23  # adding it rounds to the nearest integer, which is left in the low bits
_LOWEST, _HIGHEST = -126.0, 127.0
_MANTISSA_BITS, _BIAS_BITS = 23, 0x3F800000
# Taylor's series of 2**r; for |r| <= 0.5 the first term left out is below 2e-7 of the sum.
_NAME = "scan"
_TERMS = [math.log(2) ** k / math.factorial(k) for k in range(7)]


class _Emit:
    """Arithmetic of vectors, one instruction a method; NaN goes through all of it."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        name = f"llvm.fma.v{LANES}f32"
        found = builder.module.globals.get(name)
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        self._fma = found or ir.Function(builder.module, kind, name)

    def all(self, value: float) -> Any:
        """Every lane this constant."""
        return ir.Constant(_FLOATS, [value] * LANES)

    def spread(self, scalar: Any) -> Any:
        """Every lane this scalar."""
        one = self.builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), scalar, _INT(0))
        zeros = ir.Constant(_INTS, [0] * LANES)
        return self.builder.shuffle_vector(one, ir.Constant(_FLOATS, ir.Undefined), zeros)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """``x * y + z``."""
        return self.builder.call(self._fma, (x, y, z))

    def exp2(self, x: Any) -> Any:
        """Power of two, relative error below 3e-7, clamped to what is a normal number."""
        builder = self.builder
        for limit, order in ((_LOWEST, "<"), (_HIGHEST, ">")):
            bound = self.all(limit)
            x = builder.select(builder.fcmp_ordered(order, x, bound), bound, x)
        shifted = builder.fadd(x, self.all(_ROUND))
        r = builder.fsub(x, builder.fsub(shifted, self.all(_ROUND)))
        p = self.all(_TERMS[6])
        for k in range(5, -1, -1):
            p = self.fma(p, r, self.all(_TERMS[k]))
        bits = builder.shl(builder.bitcast(shifted, _INTS), _INTS([_MANTISSA_BITS] * LANES))
        power = builder.add(bits, _INTS([_BIAS_BITS] * LANES))
        return builder.fmul(p, builder.bitcast(power, _FLOATS))

    def softplus(self, x: Any) -> Any:
        """``log(1 + exp(x))``, relative error below 1e-6 also where it is tiny."""
        builder, zero = self.builder, self.all(0.0)
        below = builder.fcmp_ordered("<", x, zero)
        magnitude = builder.select(below, x, builder.fneg(x))  # minus |x|
        e = self.exp2(builder.fmul(magnitude, self.all(LOG2_E)))
        # log(1 + e) is twice the area tangent of e / (2 + e), which is at most a third.
        s = builder.fdiv(e, builder.fadd(e, self.all(2.0)))
        square, total = builder.fmul(s, s), self.all(2 / 15)
        for odd in range(13, 0, -2):
            total = self.fma(total, square, self.all(2 / odd))
        return self.fma(total, s, builder.select(below, zero, x))

    def silu(self, x: Any) -> Any:
        """``x / (1 + exp(-x))``."""
        grown = self.exp2(self.builder.fmul(x, self.all(-LOG2_E)))
        return self.builder.fdiv(x, self.builder.fadd(grown, self.all(1.0)))

    def load(self, array: Any, index: Any) -> Any:
        """The vector number ``index`` of an array."""
        return self.builder.load(self._place(array, index), align=4)

    def store(self, value: Any, array: Any, index: Any) -> None:
        """Put a vector there."""
        self.builder.store(value, self._place(array, index), align=4)

    def _place(self, array: Any, index: Any) -> Any:
        vectors = self.builder.bitcast(array, _FLOATS.as_pointer())
        return self.builder.gep(vectors, [index])


def _module() -> ir.Module:
    """One function: seven arrays, then the numbers of windows, tokens and vectors of channels."""
    module = ir.Module()
    kind = ir.FunctionType(ir.VoidType(), [_FLOAT.as_pointer()] * 7 + [_LONG] * 3)
    function = ir.Function(module, kind, _NAME)
    builder = ir.IRBuilder(function.append_basic_block())
    # Never in memory: LLVM turns such slots into registers.
    states = [builder.alloca(_FLOATS) for _ in range(STATES)]
    *arrays, windows, tokens, blocks = function.args
    zero = _LONG(0)
    with loop(builder, zero, windows) as window, loop(builder, zero, blocks) as block:
        for state in states:
            builder.store(_Emit(builder).all(0.0), state)
        first = builder.mul(window, tokens)
        with loop(builder, zero, tokens) as token:
            _emit_step(builder, arrays, states, builder.add(first, token), block, blocks)
    builder.ret_void()
    return module


def _emit_step(
    builder: Any, arrays: Sequence[Any], states: Sequence[Any], row: Any, block: Any, blocks: Any
) -> None:
    """Take the states of one vector of channels over one token."""
    u, delta, gate, bc, rates, direct, y = arrays
    vector = _Emit(builder)
    here = builder.add(builder.mul(row, blocks), block)
    step, value = vector.softplus(vector.load(delta, here)), vector.load(u, here)
    drive, total = builder.fmul(step, value), builder.fmul(vector.load(direct, block), value)
    scalars = builder.gep(bc, [builder.mul(row, _LONG(2 * STATES))])
    decays = builder.mul(block, _LONG(STATES))
    for n, state in enumerate(states):
        b = vector.spread(builder.load(builder.gep(scalars, [_LONG(n)])))
        c = vector.spread(builder.load(builder.gep(scalars, [_LONG(STATES + n)])))
        rate = vector.load(rates, builder.add(decays, _LONG(n)))
        decay = vector.exp2(builder.fmul(step, rate))
        h = vector.fma(decay, builder.load(state), builder.fmul(drive, b))
        builder.store(h, state)
        total = vector.fma(h, c, total)
    vector.store(builder.fmul(total, vector.silu(vector.load(gate, here))), y, here)


@functools.cache
def _compiled() -> Compiled:
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 7, *[ctypes.c_int64] * 3)
    return compiled(_module(), _NAME, prototype)


def scan_call(
    u: Float32Array,
    delta: Float32Array,
    gate: Float32Array,
    bc: Float32Array,
    rates: Float32Array,
    direct: Float32Array,
    y: Float32Array,
) -> Call:
    """A call that fills ``y`` from what the other arrays then hold.

    Args:
        u: the channels, shape ``(B, L, D)``; D a multiple of LANES, B and L at least 1.
        delta: step sizes before their softplus, the same shape.
        gate: before its SiLU, the same shape.
        bc: input and output weights of the states, shape ``(B, L, 32)``.
        rates: decays times log2(e), shape ``(D / LANES, 16, LANES)``.
        direct: direct feed, shape ``(D / LANES, LANES)``.
        y: output, gated, the shape of ``u``.

    Raises:
        ValueError: an array is not C-contiguous float32, or of another shape.
    """
    arrays = (u, delta, gate, bc, rates, direct, y)
    windows, tokens, width = u.shape
    blocks = width // LANES
    whole, states = (windows, tokens, blocks * LANES), (windows, tokens, 2 * STATES)
    shapes = (whole, whole, whole, states, (blocks, STATES, LANES), (blocks, LANES), whole)
    for array, shape in zip(arrays, shapes, strict=True):
        if array.shape != shape or array.dtype != np.float32 or not array.flags.c_contiguous:
            raise ValueError(f"scan: found {array.dtype} {array.shape}, expected float32 {shape}")
    if not u.size:
        raise ValueError(f"scan: nothing in {u.shape}")
    addresses = (array.ctypes.data for array in arrays)
    return Call(_compiled().address, (*addresses, windows, tokens, blocks), keeper=arrays)

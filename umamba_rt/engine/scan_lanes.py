"""The selective scan for inference: float32, as many channels at once as a vector has lanes.

`umamba_rt.models.scan_kernels` is the exact one, float64 inside and good for gradients; a window's
two layers take it 0.40 ms on one AVX-512 core, and this one 0.15 ms, softplus and gate included.
The loops are written as LLVM vectors and not left to its vectoriser: that keeps the states in
memory, where each addition waits for the one before to be stored (0.33 ms without softplus).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from umamba_rt.models.scan_kernels import Kernel, compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = 16  # hidden states of each channel; a register each
LANES = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 8
LOG2_E = math.log2(math.e)

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_ROUND = 1.5 * 2.0**23  # adding it rounds to the nearest integer, which is left in the low bits
_LOWEST, _HIGHEST = -126.0, 127.0
_MANTISSA_BITS, _BIAS_BITS = 23, 0x3F800000
# Taylor's series of 2**r; for |r| <= 0.5 the first term left out is below 2e-7 of the sum.
_TERMS = [math.log(2) ** k / math.factorial(k) for k in range(7)]


class _Emit:
    """Arithmetic of vectors, one instruction a method; NaN goes through all of it."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self._fma = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module,
            ir.FunctionType(_FLOATS, (_FLOATS,) * 3),
            f"llvm.fma.v{LANES}f32",
        )

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


class _Array:
    """A C-contiguous float32 array argument inside the code that is emitted."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self._builder, self._base = builder, array.data
        self.shape = cgutils.unpack_tuple(builder, array.shape)  # type: ignore[no-untyped-call]

    def place(self, index: Sequence[Any]) -> Any:
        """Address of an element; the last axes may be left out."""
        builder = self._builder
        flat = index[0]
        for size, position in zip(self.shape[1:], index[1:], strict=False):
            flat = builder.add(builder.mul(flat, size), position)
        for size in self.shape[len(index) :]:
            flat = builder.mul(flat, size)
        return builder.gep(self._base, [flat])

    def lanes(self, index: Sequence[Any], offset: int = 0) -> Any:
        """The vector that begins ``offset`` vectors behind an element."""
        place = self._vector_place(index, offset)
        return self._builder.load(place, align=4)

    def put_lanes(self, value: Any, index: Sequence[Any]) -> None:
        """Store a vector."""
        self._builder.store(value, self._vector_place(index, 0), align=4)

    def _vector_place(self, index: Sequence[Any], offset: int) -> Any:
        place = self._builder.bitcast(self.place(index), _FLOATS.as_pointer())
        return self._builder.gep(place, [_INT(offset)])


@intrinsic
def _scan_lanes(typing_context, u, delta, gate, bc, rates, direct, y, window, block):  # type: ignore[no-untyped-def] # noqa: ARG001
    """Emit the recurrence of one window and one vector of channels over all tokens."""

    def emit(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        arrays = [_Array(context, builder, kinds[k], values[k]) for k in range(7)]
        _emit_recurrence(builder, arrays, values[7], values[8])
        return context.get_dummy_value()

    return numba.void(u, delta, gate, bc, rates, direct, y, window, block), emit


def _emit_recurrence(builder: Any, arrays: Sequence[_Array], window: Any, block: Any) -> None:
    u, delta, gate, bc, rates, direct, y = arrays
    vector = _Emit(builder)
    # Never in memory: LLVM turns such slots into registers.
    states = [
        cgutils.alloca_once(builder, _FLOATS)  # type: ignore[no-untyped-call]
        for _ in range(STATES)
    ]
    for state in states:
        builder.store(vector.all(0.0), state)
    straight = direct.lanes([block])
    channel = builder.mul(block, block.type(LANES))
    with cgutils.for_range(builder, u.shape[1]) as loop:
        here = [window, loop.index, channel]
        step, value = vector.softplus(delta.lanes(here)), u.lanes(here)
        drive, total = builder.fmul(step, value), builder.fmul(straight, value)
        row = bc.place([window, loop.index])
        for n, state in enumerate(states):
            b = vector.spread(builder.load(builder.gep(row, [_INT(n)])))
            c = vector.spread(builder.load(builder.gep(row, [_INT(STATES + n)])))
            decay = vector.exp2(builder.fmul(step, rates.lanes([block], n)))
            h = vector.fma(decay, builder.load(state), builder.fmul(drive, b))
            builder.store(h, state)
            total = vector.fma(h, c, total)
        y.put_lanes(builder.fmul(total, vector.silu(gate.lanes(here))), here)


def _scan(u, delta, gate, bc, rates, direct, y):  # type: ignore[no-untyped-def]
    """Fill ``y`` (B, L, D), gated, from ``u, delta, gate`` (B, L, D) and ``bc`` (B, L, 32).

    ``rates``: (D / LANES, 16, LANES), the decays times log2(e); ``direct``: (D / LANES, LANES).
    """
    for window in range(u.shape[0]):
        for block in range(rates.shape[0]):
            _scan_lanes(u, delta, gate, bc, rates, direct, y, window, block)  # type: ignore[call-arg]


@functools.cache
def scan_kernel() -> Kernel:
    """Compile the scan on first use, or take it from numba's cache on disk."""
    cube, square = numba.float32[:, :, ::1], numba.float32[:, ::1]
    # Without licence to reassociate, which would cancel the rounding; what may be fused is.
    return compiled(_scan, (cube, cube, cube, cube, cube, square, cube), fastmath=())

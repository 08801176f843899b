"""A list of native calls, made over and over without the interpreter.

Threads that run Python beside the engine take turns with it: at 300 stations each of a window's
five calls waited up to half a millisecond for the interpreter before and behind it.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from umamba_rt.engine.native_code import Compiled, compiled, loop

MOST_ARGUMENTS = 10
# A row: the address, which bits of what it gives count, the arguments, and by how much each of
# them grows from one turn to the next. Integers and pointers travel alike, and a function passes
# over those that it does not have.
_ADDRESS, _MASK, _ARGUMENTS = 0, 1, 2
_STEPS = _ARGUMENTS + MOST_ARGUMENTS
_WIDTH = _STEPS + MOST_ARGUMENTS
_ALL_BITS = 0xFFFFFFFF
_NAME = "call_all"
_INT, _LONG = ir.IntType(32), ir.IntType(64)


@dataclass(frozen=True, slots=True)
class Call:
    """Of a native function.

    Attributes:
        address: of the function.
        arguments: pointers and integers, 10 at most.
        gives_status: it gives an integer, zero where all is well.
        keeper: what must live as long as the table.
    """

    address: int
    arguments: tuple[int, ...]
    gives_status: bool = False
    keeper: object = None


class CallTable:
    """Calls that are made one after the other, turn after turn.

    Args:
        calls: in their order, at least one.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self._keeper = tuple(calls)
        self._call_all = _call_all()  # now: LLVM is not for several threads at once
        self._rows = np.zeros((len(calls), _WIDTH), np.int64)
        for row, call in zip(self._rows, calls, strict=True):
            row[_ADDRESS] = call.address
            row[_MASK] = _ALL_BITS if call.gives_status else 0
            row[_ARGUMENTS : _ARGUMENTS + len(call.arguments)] = call.arguments
        self._address = self._rows.ctypes.data

    def move(self, call: int, argument: int, value: int, step: int) -> None:
        """Have an argument of a call be ``value + turn * step``."""
        self._rows[call, _ARGUMENTS + argument] = value
        self._rows[call, _STEPS + argument] = step

    def run(self, first: int, behind: int) -> int:
        """Make all calls in each turn of ``range(first, behind)``, which is not empty.

        Returns:
            The first status that is not zero; zero where there was none.
        """
        return int(self._call_all.function(self._address, len(self._rows), first, behind))


def copy_call(to: int, source: int, size: int) -> Call:
    """Of ``memcpy``, bytes."""
    address = ctypes.cast(ctypes.CDLL(None).memcpy, ctypes.c_void_p).value
    assert address is not None
    return Call(address, (to, source, size))


@functools.cache
def _call_all() -> Compiled:
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, *[ctypes.c_int64] * 3)
    return compiled(_module(), _NAME, prototype)


def _module() -> ir.Module:
    """One function: the rows, how many, the first turn and the one behind the last."""
    module = ir.Module()
    kind = ir.FunctionType(_INT, [_LONG.as_pointer(), _LONG, _LONG, _LONG])
    function = ir.Function(module, kind, _NAME)
    builder = ir.IRBuilder(function.append_basic_block())
    rows, count, first, behind = function.args
    callee = ir.FunctionType(_INT, [_LONG] * MOST_ARGUMENTS).as_pointer()
    found = builder.alloca(_INT)
    builder.store(_INT(0), found)
    with loop(builder, first, behind) as turn, loop(builder, _LONG(0), count) as number:
        row = builder.gep(rows, [builder.mul(number, _LONG(_WIDTH))])
        fields = [builder.load(builder.gep(row, [_LONG(place)])) for place in range(_WIDTH)]
        arguments = [
            builder.add(fields[_ARGUMENTS + k], builder.mul(turn, fields[_STEPS + k]))
            for k in range(MOST_ARGUMENTS)
        ]
        given = builder.call(builder.inttoptr(fields[_ADDRESS], callee), arguments)
        status = builder.and_(given, builder.trunc(fields[_MASK], _INT))
        known = builder.load(found)
        is_first = builder.icmp_signed("==", known, _INT(0))
        builder.store(builder.select(is_first, status, known), found)
    builder.ret(builder.load(found))
    return module

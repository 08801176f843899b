"""LLVM, as far as the engine's own kernels need it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

_LONG = ir.IntType(64)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A native function.

    Attributes:
        address: for native callers.
        function: for Python; it lets go of the interpreter.
        keeper: what the code lives in.
    """

    address: int
    function: Callable[..., Any]
    keeper: object


def compiled(module: ir.Module, name: str, prototype: type[Any]) -> Compiled:
    """Compile a module for this CPU.

    Args:
        module: the code.
        name: of its function.
        prototype: how ``ctypes`` calls it.
    """
    machine = _machine()
    parsed = llvm.parse_assembly(str(module))
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(parsed, builder)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    address = engine.get_function_address(name)
    return Compiled(address, prototype(address), engine)


@functools.cache
def host_has(feature: str) -> bool:
    """Whether this CPU has it, by LLVM's name."""
    return bool(llvm.get_host_cpu_features().get(feature))


@contextmanager
def loop(builder: Any, first: Any, behind: Any) -> Iterator[Any]:
    """Emit ``for index in range(first, behind)``, which is not empty."""
    before, body = builder.block, builder.append_basic_block()
    builder.branch(body)
    builder.position_at_end(body)
    index = builder.phi(_LONG)
    index.add_incoming(first, before)
    yield index
    following = builder.add(index, _LONG(1))
    index.add_incoming(following, builder.block)
    after = builder.append_basic_block()
    builder.cbranch(builder.icmp_signed("<", following, behind), body, after)
    builder.position_at_end(after)


def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=3)

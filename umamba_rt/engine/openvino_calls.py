"""OpenVINO through its C interface: graphs whose inference native code can ask for.

Python's interface lets go of the interpreter at each inference and takes it again behind it, beside
threads that read and send. What is bound here is run by `umamba_rt.engine.call_table`.

Source: OpenVINO 2026.4, ``openvino/c/openvino.h``, which its wheels hold.
"""

from __future__ import annotations

import ctypes
import functools
import math
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.engine.openvino_library import Model, openvino

_POINTER = POINTER(c_void_p)
# Arguments; each gives a status, zero where all is well.
_FUNCTIONS: dict[str, list[object]] = {
    "ov_core_create": [_POINTER],
    "ov_core_read_model": [c_void_p, c_char_p, c_char_p, _POINTER],
    "ov_core_compile_model": [c_void_p, c_void_p, c_char_p, c_size_t, _POINTER],
    "ov_compiled_model_create_infer_request": [c_void_p, _POINTER],
    "ov_infer_request_get_tensor": [c_void_p, c_char_p, _POINTER],
    "ov_infer_request_set_tensor": [c_void_p, c_char_p, c_void_p],
    "ov_infer_request_infer": [c_void_p],
    "ov_tensor_data": [c_void_p, _POINTER],
}
_FREE = ("core", "model", "compiled_model", "infer_request", "tensor")


@dataclass(frozen=True, slots=True)
class Request:
    """An inference of one graph, to be asked for again and again.

    Attributes:
        address: for the function at ``infer_address``.
        arrays: the inputs and outputs by name, float32; they live as long as the ``Graphs``.
    """

    address: int
    arrays: Mapping[str, Float32Array]


class Graphs:
    """Compiled graphs of one thread: an input is the latest array of its name, if there is one.

    Args:
        settings: of the plugin ``CPU``.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._tensors: dict[str, c_void_p] = {}
        self._settings = [text.encode() for pair in settings.items() for text in pair]
        self._held: list[tuple[str, c_void_p]] = []
        # Also at the process's end, when the libraries' own would come too late.
        weakref.finalize(self, _free, self._held)
        self._core = _core().address

    def add(self, graph: Model) -> Request:
        """Compile a graph that has names and whole shapes at its inputs and outputs, all float32.

        Raises:
            RuntimeError: OpenVINO does not take it.
        """
        with tempfile.TemporaryDirectory(prefix="umamba-rt-") as folder:
            paths = [str(Path(folder, f"graph.{kind}")) for kind in ("xml", "bin")]
            openvino.serialize(graph, *paths)
            encoded = [path.encode() for path in paths]
            model = self._made("model", "ov_core_read_model", self._core, *encoded)
        settings = map(c_char_p, self._settings)
        function, count = "ov_core_compile_model", len(self._settings)
        compiled = self._made(
            "compiled_model", function, self._core, model, b"CPU", count, behind=settings
        )
        request = self._made("infer_request", "ov_compiled_model_create_infer_request", compiled)
        for port in graph.inputs:
            name = port.get_any_name()
            if name in self._tensors:
                known = self._tensors[name]
                _call("ov_infer_request_set_tensor", request, name.encode(), known)
            else:
                self._take(request, name)
        for port in graph.outputs:
            self._take(request, port.get_any_name())
        ports = (*graph.inputs, *graph.outputs)
        shapes = {port.get_any_name(): tuple(port.shape) for port in ports}
        assert request.value is not None
        arrays = {name: self._array(name, shape) for name, shape in shapes.items()}
        return Request(request.value, arrays)

    def _take(self, request: c_void_p, name: str) -> None:
        tensor = self._made("tensor", "ov_infer_request_get_tensor", request, name.encode())
        self._tensors[name] = tensor

    def _array(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        address = c_void_p()
        _call("ov_tensor_data", self._tensors[name], ctypes.byref(address))
        assert address.value is not None
        values = (ctypes.c_float * math.prod(shape)).from_address(address.value)
        return np.ctypeslib.as_array(values).reshape(shape)

    def _made(
        self, kind: str, function: str, *arguments: object, behind: Iterable[object] = ()
    ) -> c_void_p:
        """What a function puts where its argument before those ``behind`` points."""
        made = c_void_p()
        _call(function, *arguments, ctypes.byref(made), *behind)
        self._held.append((kind, made))
        return made


class _Core:
    """What compiles; one for all, until the process ends.

    OpenVINO gives the thread that compiles first a stack for its signals, and takes the memory of
    that back with the core, in whichever thread that goes: a signal would then end the process.
    """

    def __init__(self) -> None:
        self.address = c_void_p()
        _call("ov_core_create", ctypes.byref(self.address))
        weakref.finalize(self, _free, [("core", self.address)])


@functools.cache
def _core() -> _Core:
    return _Core()


def infer_address() -> int:
    """Of the native function that takes a request, and gives a status."""
    address = ctypes.cast(_library().ov_infer_request_infer, c_void_p).value
    assert address is not None
    return address


def require_success(status: int) -> None:
    """See to it that OpenVINO did what it was asked for.

    Args:
        status: what its function gave.

    Raises:
        RuntimeError: it did not.
    """
    if status:
        text = _library().ov_get_last_err_msg() or b""
        said = " ".join(text.decode(errors="replace").split())
        raise RuntimeError(f"OpenVINO: status {status}: {said}")


def _call(function: str, *arguments: object) -> None:
    require_success(getattr(_library(), function)(*arguments))


def _free(held: list[tuple[str, c_void_p]]) -> None:
    while held:
        kind, made = held.pop()
        getattr(_library(), f"ov_{kind}_free")(made)


@functools.cache
def _library() -> ctypes.CDLL:
    """The one that lies beside the libraries that Python's interface has loaded.

    Raises:
        OSError: it is not there.
    """
    folder = Path(openvino.__file__).parent / "libs"
    found = sorted(folder.glob("libopenvino_c.*"))
    if not found:
        raise OSError(f"no libopenvino_c in {folder}")
    library = ctypes.CDLL(str(found[0]))
    for name, arguments in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, c_int
    for kind in _FREE:
        function = getattr(library, f"ov_{kind}_free")
        function.argtypes, function.restype = [c_void_p], None
    library.ov_get_last_err_msg.restype = c_char_p
    return library

"""Every error that this package raises on purpose, named by who must act.

``ConfigError``: the operator (exit 78, or 69 where something is missing at start).
``StreamError``: the peer; the shell drops, counts and reconnects. ``ModelError``: us (exit 70).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class UmambaRtError(Exception):
    """Root of the package's errors; ``exit_status`` is what a command ends with."""

    exit_status: ClassVar[int] = 70

    @property
    def lines(self) -> tuple[str, ...]:
        """The same for a log: one for each thing that is wrong."""
        return (str(self),)


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong in a configuration: the key, what stood there, what may stand there.

    ``origin`` is where: ``line 12``, or the name of a variable; empty where nobody knows.
    """

    key: str
    found: str
    expected: str
    origin: str = ""

    def __str__(self) -> str:
        where = f"{self.origin}: " if self.origin else ""
        return f"{where}{self.key}: found {self.found}, expected {self.expected}"


class ConfigError(UmambaRtError):
    """The configuration cannot be used; lists every problem at once."""

    exit_status = 78

    def __init__(self, where: str, problems: tuple[ConfigProblem, ...]) -> None:
        super().__init__(where, problems)
        self.where, self.problems = where, problems

    @property
    def lines(self) -> tuple[str, ...]:
        """One a problem."""
        return tuple(f"{self.where}: {problem}" for problem in self.problems)

    def __str__(self) -> str:
        lines = [f"{self.where}: {len(self.problems)} problem(s)"]
        return "\n".join([*lines, *(f"  {problem}" for problem in self.problems)])


class CheckpointError(UmambaRtError):
    """A checkpoint file is damaged, of another shape, or contradicts its own config."""

    exit_status = 78

    def __init__(self, path: str, reason: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(path, reason, details)
        self.path, self.reason, self.details = path, reason, details

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: {self.reason}", *(f"  {line}" for line in self.details)])


class DatasetError(UmambaRtError):
    """A data set's file lacks something or contradicts itself; names the row and the column."""

    exit_status = 78

    def __init__(
        self, path: str, reason: str, row: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(path, reason, row, column)
        self.path, self.reason, self.row, self.column = path, reason, row, column

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.path}{row}{column}: {self.reason}"


class InventoryError(UmambaRtError):
    """A file of station metadata is damaged or of another kind."""

    exit_status = 78

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class UnavailableError(UmambaRtError):
    """Something needed at start is not there: a file, a directory, an address, a server."""

    exit_status = 69

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class StateError(UmambaRtError):
    """A file of the state directory cannot be used; it is set aside, and the run goes on.

    ``kind`` is one word, the suffix that the file gets.
    """

    def __init__(self, path: str, kind: str, detail: str) -> None:
        super().__init__(path, kind, detail)
        self.path, self.kind, self.detail = path, kind, detail

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.detail}"


class StreamError(UmambaRtError):
    """A peer sent something that cannot be used; the rest of its stream goes on."""


class RecordError(StreamError):
    """A miniSEED record cannot be decoded."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source, self.reason = source, reason

    def __str__(self) -> str:
        return f"{self.source}: record refused: {self.reason}"


class SampleRateError(StreamError):
    """A channel's sampling rate is none that can be brought to the model's rate."""

    def __init__(self, source_id: str, found_hz: float, limits_hz: tuple[float, float]) -> None:
        super().__init__(source_id, found_hz, limits_hz)
        self.source_id, self.found_hz, self.limits_hz = source_id, found_hz, limits_hz

    def __str__(self) -> str:
        low, high = self.limits_hz
        return f"{self.source_id}: sampling rate {self.found_hz:g} Hz, not {low:g} to {high:g} Hz"


class ServerError(StreamError):
    """A SeedLink server cannot be reached, refuses, or is no SeedLink server."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(server, reason)
        self.server, self.reason = server, reason

    def __str__(self) -> str:
        return f"{self.server}: {self.reason}"


class ModelError(UmambaRtError):
    """The model or its engine broke a promise of its own: our bug."""

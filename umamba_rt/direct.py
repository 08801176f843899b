"""An archive through the daemon's own core without a socket: records in, message bodies out."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from umamba_rt.config.whole import Config
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.core.pipeline import Outcome, Pipeline
from umamba_rt.core.window import Window
from umamba_rt.engine.base import Engine
from umamba_rt.errors import RecordError
from umamba_rt.events import Events
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.readings import notes_of, unread
from umamba_rt.wire.envelope import Message, Numbering, encode
from umamba_rt.wire.message import Magnitude
from umamba_rt.wire.record import ReplayRecord
from umamba_rt.worker import estimates

_LEFT_OUT = re.compile("refused|withheld|too_old")


@dataclass(frozen=True, slots=True)
class DirectSummary:
    """What a direct run did: records read and refused, windows cut, bodies written.

    Attributes:
        left_out: what the core refused or withheld, by the names of the heartbeat.
    """

    records: int
    records_refused: int
    windows: int
    written: int
    elapsed_s: float
    left_out: Mapping[str, int]


def run_direct(
    records: Iterable[ReplayRecord],
    config: Config,
    engines: Sequence[Engine],
    output: BinaryIO,
    inventory: Inventory = EMPTY,
    events_output: BinaryIO | None = None,
) -> DirectSummary:
    """Write the feed's ``magnitude`` bodies of an archive, one JSON line each.

    Windows, quality and magnitudes are those that the daemon in replay mode sends for the same
    records; session, sequence number, ``sent_at`` and latency are this run's own.

    Args:
        records: in the order of their arrival.
        config: the window rules and the batch size.
        engines: in the order of their priority.
        output: binary file, written line by line.
        inventory: what is known of the channels.
        events_output: for the bodies of event messages, where they are wanted and not off.

    Raises:
        OSError: the output cannot be written.
    """
    started_s = time.perf_counter()
    settings = replace(config.pipeline, max_future_s=None)  # as in replay mode
    ingest = Ingest(Pipeline(settings, inventory), DataClock())
    writer = _Writer(engines, output)
    if events_output is not None and config.events.enabled:
        events = Events(config.events, inventory)
        writer.follow(events, events_output)
    waiting: list[Window] = []
    windows = 0
    for outcome in _outcomes(ingest, records):
        waiting.extend(outcome.windows)
        windows += len(outcome.windows)
        while len(waiting) >= config.model.batch_size:
            writer.write(waiting[: config.model.batch_size])
            del waiting[: config.model.batch_size]
    writer.write(waiting)
    writer.finish()
    elapsed_s = time.perf_counter() - started_s
    counts = ingest.pipeline.counts
    left_out = {str(name): n for name, n in counts.items() if n and _LEFT_OUT.search(name)}
    return DirectSummary(
        ingest.records, ingest.records_refused, windows, writer.written, elapsed_s, left_out
    )


def _outcomes(ingest: Ingest, records: Iterable[ReplayRecord]) -> Iterator[Outcome]:
    for record in records:
        try:
            yield ingest.record(record.payload, source=str(record.source_id))
        except RecordError:
            continue  # counted by the ingest, and reported in the summary
    yield ingest.finish()


class _Writer:
    def __init__(self, engines: Sequence[Engine], output: BinaryIO) -> None:
        self._engines = engines
        self._output = output
        self._numbering = Numbering(uuid.uuid4().hex)
        self._events: tuple[Events, BinaryIO] | None = None
        self.written = 0

    def follow(self, events: Events, output: BinaryIO) -> None:
        """Write what the estimates make of events, too."""
        self._events = events, output

    def write(self, windows: list[Window]) -> None:
        if not windows:
            return
        for engine in self._engines:
            # The daemon does not send what is no number either.
            messages = [one for one in estimates(engine, windows) if one is not None]
            for message in messages:
                self.written += 1
                self._put(message, self._output)
            self._read(messages)

    def finish(self) -> None:
        if self._events:
            events, output = self._events
            for event in events.finish():
                self._put(event, output)

    def _read(self, messages: list[Magnitude]) -> None:
        if not self._events:
            return
        events, output = self._events
        first = self._engines[0].identity.name
        for note in notes_of([one for message in messages if (one := unread(message, first))]):
            for event in events.read(note):
                self._put(event, output)

    def _put(self, message: Message, output: BinaryIO) -> None:
        envelope = self._numbering.next(message.topic, time.time_ns())
        output.write(encode(message, envelope) + b"\n")

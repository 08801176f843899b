"""How late estimates are, as histograms since the start."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.window_queue import now_ns
from umamba_rt.wire.message import Magnitude

# Upper edges. Servers hand on data a second to a minute late; an estimate takes milliseconds.
DATA_EDGES_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
PROCESSING_EDGES_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Histogram:
    """Counts of values by upper edge; one thread adds, others may read.

    Attributes:
        edges_s: upper edges, rising, s.
        counts: of values up to each edge and above the one before; one more, for those above all.
        sum_s: of all values, s.
    """

    edges_s: Sequence[float]
    counts: list[int] = field(init=False)
    sum_s: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.edges_s) + 1)

    def add(self, value_s: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.edges_s, value_s)] += 1
        self.sum_s += value_s


class Latencies:
    """Times of what one thread sends, by model.

    Attributes:
        data: from a window's end to the arrival of its last sample.
        processing: from that arrival to sending.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.data = {model: Histogram(DATA_EDGES_S) for model in models}
        self.processing = {model: Histogram(PROCESSING_EDGES_S) for model in models}

    def timing(self, send: Callable[[Magnitude, int], int]) -> Callable[[Magnitude, int], int]:
        """The same way to send estimates, timed; what was sent before is not."""

        def send_and_time(message: Magnitude, arrived_ns: int) -> int:
            seq = send(message, arrived_ns)
            if seq:
                model = message.model.name
                self.data[model].add(message.latency.data_s)
                self.processing[model].add((now_ns() - arrived_ns) / NS_PER_S)
            return seq

        return send_and_time

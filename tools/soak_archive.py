"""An archive of many stations and of any length, made of a slice of a real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.mseed import decode_record
from umamba_rt.wire.record import pack_segment

_NETWORK = "ZZ"


class Slice:
    """Records of real stations, one pass of which may follow the other with later times."""

    def __init__(self, archive: Sequence[Path], start_ns: int | None, end_ns: int | None) -> None:
        """Read it.

        Args:
            archive: files and folders.
            start_ns: of the slice, ns since 1970 UTC; None: from the beginning.
            end_ns: its end; None: to the end.
        """
        records = read_archive(archive, ArchiveChoice(start_ns, end_ns, ())).records
        self._segments = [decode_record(one.payload, source="archive") for one in records]
        names = sorted({str(one.source_id.group) for one in self._segments})
        self._numbers = {name: number for number, name in enumerate(names)}
        self._begin_ns = min(one.start_ns for one in self._segments)
        # As of a server that serves one pass for several turns.
        self._span_ns = Timeline(records).period_s * NS_PER_S

    @property
    def sensors(self) -> int:
        """How many different ones there are."""
        return len(self._numbers)

    @property
    def length_s(self) -> float:
        """Of one pass, and the second or two until the next, s."""
        return self._span_ns / NS_PER_S

    def write(
        self,
        path: Path,
        stations: int,
        length_s: float,
        *,
        begin_ns: int | None = None,
        noise: int = 0,
    ) -> None:
        """Write so many stations for so long, record by record in the order of time.

        Args:
            path: the file.
            stations: beyond ``sensors`` further ones with the same samples.
            length_s: to whole records, s.
            begin_ns: the first sample's time is this, or less than a second later; None: as it was.
            noise: added to all samples at random, counts; what is so loud that nothing can be
                compressed comes in records of a second, as those of early-warning stations do.
        """
        rng = np.random.default_rng(0)
        shift_ns = 0 if begin_ns is None else -((self._begin_ns - begin_ns) // NS_PER_S) * NS_PER_S
        with path.open("wb") as file:
            for segment in self._turns(length_s):
                number = self._numbers[str(segment.source_id.group)]
                start_ns = segment.start_ns + shift_ns
                samples = segment.samples
                if noise:
                    samples = samples.astype(np.int32) + rng.integers(
                        -noise, noise, len(samples), np.int32
                    )
                for place in range(number, stations, self.sensors):
                    station = self._station(place)
                    name = replace(segment.source_id, network=_NETWORK, station=station)
                    made = replace(segment, source_id=name, start_ns=start_ns, samples=samples)
                    for record in pack_segment(made):
                        file.write(record.payload)

    def copies(self, stations: int) -> dict[str, list[str]]:
        """Sensors with the same samples: by the name of the first, as the feed's messages have it.

        Args:
            stations: as of ``write``.
        """
        found: dict[str, list[str]] = {}
        for segment in self._segments:
            number = self._numbers[str(segment.source_id.group)]
            group = replace(segment.source_id.group, network=_NETWORK)
            names = [
                str(replace(group, station=self._station(place)))
                for place in range(number, stations, self.sensors)
            ]
            found[names[0]] = names[1:]
        return found

    def _station(self, place: int) -> str:
        copy, number = divmod(place, self.sensors)
        return f"S{copy:02d}{number:02d}"

    def _turns(self, length_s: float) -> Iterator[Segment]:
        end_ns = self._begin_ns + round(length_s * NS_PER_S)
        turn = 0
        while turn * self._span_ns < end_ns - self._begin_ns:
            for segment in self._segments:
                start_ns = segment.start_ns + turn * self._span_ns
                if start_ns < end_ns:
                    yield replace(segment, start_ns=start_ns)
            turn += 1

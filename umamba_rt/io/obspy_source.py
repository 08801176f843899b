"""Waveform files that only obspy reads, and the demo data that it brings along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.errors import RecordError, UnavailableError
from umamba_rt.io.unpack import check_zip

if TYPE_CHECKING:
    from obspy import Stream, Trace

_DEMO_FILES = "BW.UH*._.*.2010.147.cut.slist.gz"


def read_any(path: Path, warn: Callable[[str], None]) -> Iterator[Segment]:
    """Read a file of any format that obspy knows, gap by gap; also a compressed one.

    Args:
        path: the file.
        warn: is told of each channel that is left out.

    Raises:
        RecordError: obspy cannot read it, or it is too large, unpacked.
    """
    from obspy import read  # lazily: half a second

    check_zip(path)
    try:
        stream = read(str(path))
    except Exception as error:  # obspy's readers raise whatever their format made them
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise RecordError(str(path), first_line) from error
    return _segments(stream, warn)


def read_demo() -> Iterator[Segment]:
    """Read BW.UH1 to UH4 of 2010-05-27, and BW.RJOB moved by whole seconds to begin with them.

    Raises:
        UnavailableError: the installed obspy has no test data.
    """
    package = find_spec("obspy")
    folders = package.submodule_search_locations if package is not None else None
    data = Path(folders[0]) / "signal/tests/data" if folders else Path()
    files = sorted(data.glob(_DEMO_FILES))
    if not files:
        raise UnavailableError(str(data / _DEMO_FILES), "obspy has no such test data")
    from obspy import Stream, read

    stream = Stream()
    for file in files:
        stream += read(str(file))
    start = min(trace.stats.starttime for trace in stream)
    for trace in read():
        shift_s = int(start.timestamp) - int(trace.stats.starttime.timestamp) + 1
        trace.stats.starttime += shift_s
        stream.append(trace)
    return _segments(stream, lambda _: None)  # its channels have names


def _segments(stream: Stream, warn: Callable[[str], None]) -> Iterator[Segment]:
    for trace in stream.split():
        stats = trace.stats
        if stats.npts == 0 or stats.sampling_rate <= 0:
            continue
        try:
            source_id = SourceId.from_nslc(
                stats.network, stats.station, stats.location, stats.channel
            )
            samples = _samples(trace)
        except ValueError as error:
            warn(f"{trace.id or 'a trace without a name'}: left out: {error}")
            continue
        yield Segment(source_id, stats.starttime.ns, stats.sampling_rate, samples)


def _samples(trace: Trace) -> SampleArray:
    """Integers as int32, floats as float64; `pack_segment` brings those to float32.

    Raises:
        ValueError: integers beyond 32 bits, which no format of the wire holds.
    """
    if not np.issubdtype(trace.data.dtype, np.integer):
        floats: SampleArray = trace.data.astype(np.float64)
        return floats
    limits = np.iinfo(np.int32)
    if trace.data.min() < limits.min or trace.data.max() > limits.max:
        raise ValueError("integers beyond 32 bits")
    integers: SampleArray = trace.data.astype(np.int32)
    return integers

"""Many stations made of few: real waveforms under synthetic names, as an archive to replay."""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import obspy
from numpy.typing import NDArray

from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ
from umamba_rt.io.archive import Archive, demo_records, read_archive
from umamba_rt.wire.mseed import decode_record
from umamba_rt.wire.record import pack_segment

RIDGECREST = Path(__file__).parents[2] / "shared" / "data" / "ridgecrest"
START_NS = 1_600_000_000 * NS_PER_S
NETWORK = "XX"
SPREAD_US = 4_000_000


@dataclass(frozen=True, slots=True)
class Waveforms:
    """Three components of a real sensor over the same time.

    Attributes:
        channels: their names, in alphabetical order.
        samples: shape ``(3, n)``, int32, counts at 100 Hz; to whole counts where they were floats.
    """

    channels: tuple[SourceId, ...]
    samples: NDArray[np.int32]


def read_waveforms(folder: Path | None) -> tuple[list[Waveforms], str]:
    """Real sensors with three whole components, and where they are from.

    Args:
        folder: an SDS archive; None: the data that obspy installs.
    """
    archive = demo_records() if folder is None else read_archive([folder])
    where = "obspy's examples" if folder is None else "Ridgecrest, 2019-07-04 16:50-18:10 UTC"
    found = [
        Waveforms(tuple(channels), np.stack([row[: min(map(len, rows))] for row in rows]))
        for channels, rows in _whole_sensors(archive)
    ]
    if not found:
        raise SystemExit(f"{folder}: no sensor with three whole components at {RATE_HZ} Hz")
    return found, where


def _whole_sensors(
    archive: Archive,
) -> list[tuple[list[SourceId], list[NDArray[np.int32]]]]:
    """Sensors whose three channels have no gap, their samples from the same second on."""
    rows: dict[SourceId, list[Segment]] = {}
    for record in archive.records:
        segment = decode_record(record.payload, source="archive")
        rows.setdefault(segment.source_id, []).append(segment)
    sensors: dict[GroupId, list[SourceId]] = {}
    for source_id, segments in sorted(rows.items()):
        if _is_whole(segments):
            sensors.setdefault(source_id.group, []).append(source_id)
    found = []
    for channels in sensors.values():
        if len(channels) == 3:
            begin_ns = max(rows[channel][0].start_ns for channel in channels)
            found.append((channels, [_from(rows[channel], begin_ns) for channel in channels]))
    return found


def _is_whole(segments: list[Segment]) -> bool:
    count = sum(len(one.samples) for one in segments)
    span_ns = segments[-1].end_ns - segments[0].start_ns
    return (
        all(one.rate_hz == RATE_HZ for one in segments)
        and abs(span_ns - (count - 1) * NS_PER_S // RATE_HZ) < NS_PER_S // RATE_HZ
    )


def _from(segments: list[Segment], begin_ns: int) -> NDArray[np.int32]:
    joined = np.concatenate([one.samples for one in segments])
    samples: NDArray[np.int32] = np.rint(joined).astype(np.int32)
    return samples[round((begin_ns - segments[0].start_ns) * RATE_HZ / NS_PER_S) :]


def station_name(number: int) -> str:
    """Code of a synthetic station."""
    return f"S{number:03}"


def write_archive(
    folder: Path, waveforms: list[Waveforms], stations: int, length_s: int
) -> Path | None:
    """Write synthetic stations as miniSEED files, and StationXML of them beside.

    Each station is a real one at another time of its record. It begins up to 4 s, a full record of
    512 bytes, later than the first, and not on a whole sample: so the stations' packets are spread
    over time as those of real dataloggers are.

    Args:
        folder: where; it must exist.
        waveforms: the real stations.
        stations: how many to make.
        length_s: of each, s; a record that is shorter goes on with its beginning.

    Returns:
        The StationXML file; None where nothing is known of the real stations.
    """
    rng = np.random.default_rng(0)
    for number in range(stations):
        source = waveforms[number % len(waveforms)]
        total = source.samples.shape[1]
        first = int(rng.integers(total))
        places = np.arange(first, first + length_s * RATE_HZ) % total
        start_ns = START_NS + int(rng.integers(SPREAD_US)) * 1000
        with (folder / f"{NETWORK}.{station_name(number)}.mseed").open("wb") as file:
            for channel, row in zip(source.channels, source.samples, strict=True):
                named = replace(channel, network=NETWORK, station=station_name(number))
                for record in pack_segment(Segment(named, start_ns, float(RATE_HZ), row[places])):
                    file.write(record.payload)
    return _write_metadata(folder, waveforms, stations)


def _write_metadata(folder: Path, waveforms: list[Waveforms], stations: int) -> Path | None:
    if waveforms[0].channels[0].network == NETWORK or not (RIDGECREST / "stations.xml").is_file():
        return None
    known = obspy.read_inventory(str(RIDGECREST / "stations.xml"))
    made = copy.copy(known[0])
    made.code, made.stations = NETWORK, []
    for number in range(stations):
        channel = waveforms[number % len(waveforms)].channels[0]
        chosen = known.select(network=channel.network, station=channel.station)
        if not len(chosen):
            return None
        station = copy.copy(chosen[0][0])
        station.code = station_name(number)
        station.start_date = station.end_date = None
        station.channels = [copy.copy(one) for one in station.channels]
        for one in station.channels:
            one.start_date = one.end_date = None
        made.stations.append(station)
    path = folder / "stations.xml"
    obspy.Inventory(networks=[made], source="benchmark").write(str(path), format="STATIONXML")
    return path

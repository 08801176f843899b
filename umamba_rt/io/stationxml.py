"""StationXML files, read once at the start by obspy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from umamba_rt.core.calibration import Unit
from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import ChannelEpoch, Inventory
from umamba_rt.errors import InventoryError, UnavailableError

_ROOT = "FDSNStationXML"
# What networks write for the two units, without case and blanks; StationXML does not fix the names.
_PER_S: dict[str, Unit] = {"/s": "m/s", "/sec": "m/s"}
_PER_S2: dict[str, Unit] = dict.fromkeys(("/s**2", "/s^2", "/s2", "/s/s", "/(s**2)"), "m/s^2")
_LENGTHS_M = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "nm": 1e-9}
_UNITS: dict[str, tuple[Unit, float]] = {
    length + per: (unit, scale_m)
    for length, scale_m in _LENGTHS_M.items()
    for per, unit in {**_PER_S, **_PER_S2}.items()
}


@dataclass(frozen=True, slots=True)
class _Sensitivity:
    """Counts for one unit of ground motion, and why they are not known where the unit is counts."""

    unit: Unit
    counts_per_unit: float
    note: str = ""


def read_inventory(path: Path) -> Inventory:
    """Read a StationXML file, or all that lie in a folder and below it.

    A channel without a usable sensitivity keeps its orientation, in the unit counts, and is noted.

    Raises:
        UnavailableError: the path cannot be read, or the folder holds no StationXML.
        InventoryError: a file is damaged or is no StationXML.
    """
    try:
        if not path.is_dir():
            return read_files([path])
        files = _stationxml(path.rglob("*.xml"))
    except OSError as error:  # a folder above it that may not be entered
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    if not files:
        raise UnavailableError(str(path), f"no .xml file in it is {_ROOT}")
    return read_files(files)


def find_beside(archives: Iterable[Path]) -> list[Path]:
    """StationXML files that lie directly in archive folders, or beside an archive."""
    found: set[Path] = set()
    for archive in archives:
        whole = archive.resolve()
        for folder in (whole, whole.parent):
            found.update(_stationxml(folder.glob("*.xml")))
    return sorted(found)


def read_files(files: Sequence[Path]) -> Inventory:
    """Read StationXML files; see ``read_inventory``."""
    epochs: list[ChannelEpoch] = []
    notes: list[str] = []
    for file in files:
        for network in _parse(file, notes):
            for station in network:
                for channel in station:
                    name = f"{network.code}.{station.code}.{channel.location_code}.{channel.code}"
                    try:
                        epochs.append(_epoch(network.code, station.code, channel, name, notes))
                    except ValueError as error:
                        notes.append(f"{file}: {name} left out: {error}")
    return Inventory(tuple(epochs), tuple(dict.fromkeys(notes)))


def _stationxml(candidates: Iterable[Path]) -> list[Path]:
    return sorted(file for file in candidates if file.is_file() and _root_name(file) == _ROOT)


def _root_name(file: Path) -> str | None:
    """Name of the root element without its namespace, or None where the file is no XML."""
    try:
        with file.open("rb") as source:
            # The operator's own file, of which only the first element's name is read.
            _, root = next(ET.iterparse(source, events=("start",)))  # noqa: S314 - as it says
    except ET.ParseError:
        return None
    except OSError as error:
        raise UnavailableError(str(file), error.strerror or str(error)) from error
    return str(root.tag).rpartition("}")[2]


def _parse(file: Path, notes: list[str]) -> Iterator[Any]:
    """The networks of a file; what obspy warns of becomes a note."""
    root = _root_name(file)
    if root != _ROOT:
        raise InventoryError(str(file), f"root element is {root}, expected {_ROOT}")
    from obspy import read_inventory as read

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            networks = read(str(file), format="STATIONXML")
        except Exception as error:  # whatever obspy's parser and casts raise
            raise InventoryError(str(file), f"{type(error).__name__}: {error}") from error
    notes.extend(f"{file}: {warning.message}" for warning in caught)
    return iter(networks)


def _epoch(network: str, station: str, channel: Any, name: str, notes: list[str]) -> ChannelEpoch:
    """One channel of obspy's.

    Raises:
        ValueError: its codes are none that a stream could have.
    """
    source_id = SourceId.from_nslc(network, station, channel.location_code or "", channel.code)
    sensitivity = _sensitivity(channel)
    if sensitivity.note:
        notes.append(f"{name}: {sensitivity.note}; used as counts")
    azimuth_deg, dip_deg = _number(channel.azimuth), _number(channel.dip)
    if sensitivity.counts_per_unit < 0 and azimuth_deg is not None and dip_deg is not None:
        # Reversed polarity, told by the gain: the same sensor pointing the other way.
        azimuth_deg, dip_deg = (azimuth_deg + 180.0) % 360.0, -dip_deg
        notes.append(f"{name}: negative sensitivity taken as the opposite direction")
    return ChannelEpoch(
        source_id=source_id,
        start_ns=_time_ns(channel.start_date),
        end_ns=_time_ns(channel.end_date),
        azimuth_deg=azimuth_deg,
        dip_deg=dip_deg,
        unit=sensitivity.unit,
        counts_per_unit=abs(sensitivity.counts_per_unit),
        latitude_deg=float(channel.latitude),
        longitude_deg=float(channel.longitude),
        elevation_m=float(channel.elevation),
    )


def _sensitivity(channel: Any) -> _Sensitivity:
    overall = None if channel.response is None else channel.response.instrument_sensitivity
    value = None if overall is None else _number(overall.value)
    if overall is None or value is None or value == 0:
        return _Sensitivity("counts", 1.0, "no overall sensitivity")
    name = str(overall.input_units)
    unit, scale_m = _UNITS.get("".join(name.split()).lower(), ("counts", 0.0))
    if not scale_m:
        return _Sensitivity("counts", 1.0, f"sensitivity in {name}, not m/s or m/s^2")
    return _Sensitivity(unit, value / scale_m)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _time_ns(moment: Any) -> int | None:
    return None if moment is None else int(moment.ns)

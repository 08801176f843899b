"""One row of a SeisBench metadata table, in whichever of its column names a data set uses.

Source: seisbench 0.12.6, ``data/base.py`` and the data sets beside it, read, not copied.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from umamba_rt.core.calibration import Unit
from umamba_rt.errors import DatasetError

MAGNITUDE_COLUMNS = ("source_magnitude",)
P_COLUMNS = tuple(f"trace_{name}_arrival_sample" for name in ("p", "P", "Pg", "Pn", "Pb", "P1"))
S_COLUMNS = tuple(f"trace_{name}_arrival_sample" for name in ("s", "S", "Sg", "Sn", "Sb", "S1"))
EVENT_COLUMNS = ("source_id", "source_event_id", "source_event", "event_id", "source_origin_time")
DISTANCE_COLUMNS = ("path_ep_distance_km", "path_epi_distance_km", "path_hyp_distance_km")
CHANNEL_COLUMNS = ("trace_channel", "station_channels")
UNIT_COLUMNS = ("trace_unit", "trace_deconvolved_units")
SNR_COLUMNS = ("trace_snr_db", "trace_Z_snr_db")
# NA is a network's code, so a text is missing only as pandas and Python write it.
_NO_TEXT = frozenset({"", "nan", "NaN", "None", "--"})
_NO_NUMBER = frozenset({"nan", "none", "null", "na", "n/a"})
_TRUE, _FALSE = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no"})
# No earthquake has another magnitude: such numbers stand for one that is not known.
_SMALLEST, _LARGEST = -5.0, 12.0
# A trace of 1 mHz would be brought to 100,000 times its length.
_LOWEST_HZ, _HIGHEST_HZ = 1.0, 100_000.0
_STANDARD_GRAVITY = 9.80665
_UNITS: Mapping[str, tuple[Unit, float]] = {
    "m/s": ("m/s", 1.0),
    "mps": ("m/s", 1.0),
    "cm/s": ("m/s", 1e-2),
    "nm/s": ("m/s", 1e-9),
    "km/s": ("m/s", 1e3),
    "m/s^2": ("m/s^2", 1.0),
    "m/s**2": ("m/s^2", 1.0),
    "m/s/s": ("m/s^2", 1.0),
    "m/s2": ("m/s^2", 1.0),
    "mps2": ("m/s^2", 1.0),
    "cm/s^2": ("m/s^2", 1e-2),
    "gal": ("m/s^2", 1e-2),
    "g": ("m/s^2", _STANDARD_GRAVITY),
}


@dataclass(frozen=True, slots=True)
class FileDefaults:
    """What a waveform file's ``data_format`` says of all its traces; empty or NaN where silent."""

    component_order: str
    rate_hz: float
    unit: str


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """Everything of a labelled record but its samples; fields as in ``LabelledRecord``.

    Attributes:
        chunk: of the data set's files.
        component_order: of the stored array, as in ``ZNE``.
        rate_hz: of the stored array.
        npts: of its samples, those that are the trace's, padding behind them; None: all.
        unit_factor: a stored sample times this is in ``unit``.
        p_sample, s_sample: at ``rate_hz``.
        noise: the row says that no earthquake is in it.
    """

    trace_name: str
    chunk: str
    split: str
    part: str
    source_id: str
    magnitude: float
    magnitude_type: str
    network: str
    station: str
    location: str
    channel: str
    component_order: str
    rate_hz: float
    npts: int | None
    unit: Unit
    unit_factor: float
    p_sample: float
    s_sample: float
    distance_km: float
    depth_km: float
    snr_db: float
    native_rate_hz: float
    clipped: bool
    grade: str
    noise: bool

    @property
    def usable(self) -> bool:
        """Whether it is noise, or an earthquake whose P onset and magnitude are known."""
        return self.noise or not (math.isnan(self.p_sample) or math.isnan(self.magnitude))


class _Row:
    """One row's cells; errors name the file, the row (1 is the header) and the column."""

    def __init__(self, path: Path, number: int, cells: Mapping[str, str]) -> None:
        self._path, self._number, self._cells = path, number, cells

    def text(self, *columns: str) -> str:
        """The first of the columns that says something; else empty."""
        for column in columns:
            value = (self._cells.get(column) or "").strip()
            if value not in _NO_TEXT:
                return value
        return ""

    def number(self, *columns: str) -> float:
        """Likewise, as a number; NaN where all are silent."""
        for column in columns:
            value = self.text(column)
            if value and value.lower() not in _NO_NUMBER:
                return self._as_number(column, value)
        return math.nan

    def earliest(self, columns: Sequence[str]) -> float:
        """The smallest of the columns that say something; NaN where all are silent."""
        numbers = [self.number(column) for column in columns]
        return min((number for number in numbers if not math.isnan(number)), default=math.nan)

    def mean_of_list(self, *columns: str) -> float:
        """A number, or the mean of a bracketed list of them, as STEAD gives its SNR."""
        for column in columns:
            value = self.text(column)
            if not value:
                continue
            items = [item for item in re.split(r"[\s,\[\]()]+", value) if item]
            numbers = [
                self._as_number(column, item) for item in items if item.lower() not in _NO_NUMBER
            ]
            if numbers:
                return sum(numbers) / len(numbers)
        return math.nan

    def flag(self, column: str) -> bool:
        """A truth value; False where silent."""
        value = self.text(column).lower()
        if not value or value in _FALSE:
            return False
        if value in _TRUE:
            return True
        raise DatasetError(str(self._path), f"{value!r} is no truth value", self._number, column)

    def _as_number(self, column: str, value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            reason = f"{value!r} is no number"
            raise DatasetError(str(self._path), reason, self._number, column) from None
        if math.isinf(number):
            raise DatasetError(str(self._path), f"{value!r} is infinite", self._number, column)
        return number


def parse_row(
    path: Path, number: int, cells: Mapping[str, str], *, chunk: str, defaults: FileDefaults
) -> RecordHeader:
    """Read one row.

    Args:
        path: the metadata file, for errors.
        number: of the row in the file; the header is 1.
        cells: column name to text.
        chunk: of the data set's files.
        defaults: for what the row does not say.

    Returns:
        The header; ``split`` is empty where the row tells none.

    Raises:
        DatasetError: a cell cannot be read.
    """
    row = _Row(path, number, cells)
    name = row.text("trace_name")
    if not name:
        raise DatasetError(str(path), "empty", number, "trace_name")
    p_sample, magnitude = row.earliest(P_COLUMNS), row.number(*MAGNITUDE_COLUMNS)
    if not _SMALLEST <= magnitude <= _LARGEST:  # -9999 and its like
        magnitude = math.nan
    event = row.text(*EVENT_COLUMNS)
    category = row.text("trace_category").lower()
    told = category or event or p_sample == p_sample or magnitude == magnitude
    noise = "noise" in category or not told
    rate_hz = _rate_hz(row, path, number, defaults)
    unit, factor = parse_unit(row.text(*UNIT_COLUMNS) or defaults.unit)
    return RecordHeader(
        trace_name=name,
        chunk=chunk,
        split=row.text("split"),
        part=row.text("part"),
        source_id=f"noise:{chunk}{name}" if noise else event or f"unnamed:{chunk}{name}",
        magnitude=math.nan if noise else magnitude,
        magnitude_type=row.text("source_magnitude_type"),
        network=row.text("station_network_code"),
        station=row.text("station_code"),
        location=row.text("station_location_code"),
        channel=row.text(*CHANNEL_COLUMNS)[:2],
        component_order=row.text("trace_component_order") or defaults.component_order,
        rate_hz=rate_hz,
        npts=_npts(row),
        unit=unit,
        unit_factor=factor,
        p_sample=math.nan if noise else p_sample,
        s_sample=math.nan if noise else row.earliest(S_COLUMNS),
        distance_km=row.number(*DISTANCE_COLUMNS),
        depth_km=row.number("source_depth_km"),
        snr_db=row.mean_of_list(*SNR_COLUMNS),
        native_rate_hz=row.number("trace_native_rate_hz")
        if row.text("trace_native_rate_hz")
        else rate_hz,
        clipped=row.flag("clipped"),
        grade=row.text("grade"),
        noise=noise,
    )


def _rate_hz(row: _Row, path: Path, number: int, defaults: FileDefaults) -> float:
    """From the row's rate, its sample interval or the file, in SeisBench's order."""
    rate = row.number("trace_sampling_rate_hz")
    if math.isnan(rate):
        interval = row.number("trace_dt_s")
        rate = 1 / interval if interval > 0 else defaults.rate_hz
    if not _LOWEST_HZ <= rate <= _HIGHEST_HZ:  # NaN too
        reason = f"no sampling rate from {_LOWEST_HZ:g} to {_HIGHEST_HZ:g} Hz"
        raise DatasetError(str(path), reason, number, "trace_sampling_rate_hz")
    return rate


def _npts(row: _Row) -> int | None:
    count = row.number("trace_npts")
    return int(count) if count >= 1 else None  # NaN too


def parse_unit(text: str) -> tuple[Unit, float]:
    """A unit's name, and the factor that brings samples to it; what is not known is counts."""
    return _UNITS.get(text.replace(" ", "").lower(), ("counts", 1.0))

"""One labelled record: a sensor's three components around a known earthquake, or noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array


@dataclass(frozen=True, slots=True)
class LabelledRecord:
    """Samples and what is known of them.

    Attributes:
        trace_name: its name in its data set, unique there.
        split: ``train``, ``dev`` or ``test``.
        part: the source within the data set; empty where it has only one.
        source_id: the earthquake; of noise, a name of its own.
        magnitude: of the catalogue; NaN for noise.
        magnitude_type: as in ``Mw`` or ``ml``; empty where not told.
        network, station, location: FDSN codes; may be empty.
        channel: band and source code, as in ``HH``; may be empty.
        samples: shape ``(3, n)``, order Z N E, at 100 Hz, in ``unit``, finite; zeros for a
            component that the record lacks.
        unit: of ``samples``; ``counts`` where the true unit is not known.
        p_sample: P onset as an index into ``samples``, may be fractional; NaN for noise.
        s_sample: S onset likewise; NaN where unknown.
        distance_km, depth_km, snr_db: NaN where unknown.
        native_rate_hz: rate at which the station recorded, Hz.
        clipped: the data set says so.
        grade: the data set's own mark of trust; may be empty.
    """

    trace_name: str
    split: str
    part: str
    source_id: str
    magnitude: float
    magnitude_type: str
    network: str
    station: str
    location: str
    channel: str
    samples: Float32Array
    unit: Unit
    p_sample: float
    s_sample: float
    distance_km: float
    depth_km: float
    snr_db: float
    native_rate_hz: float
    clipped: bool
    grade: str

    @property
    def is_noise(self) -> bool:
        """Whether no earthquake is in it."""
        return math.isnan(self.p_sample)

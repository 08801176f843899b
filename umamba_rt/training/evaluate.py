"""Every window of labelled records through a model, and through the baselines beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from umamba_rt.core.calibration import Unit
from umamba_rt.core.quality import snr_db
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.training import baselines, wood_anderson
from umamba_rt.training.baselines import Baselines, Example
from umamba_rt.training.predict import Predict
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.windows import CutWindow, cut_noise, cut_window

SECONDS_AFTER_P = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 25.0, 30.0)
# A record's windows at all times take 0.4 MB; the model wants whole batches.
_RECORDS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class EvaluatedWindow:
    """One window of an earthquake, what it was cut from and what was said of it.

    Attributes:
        trace_name, part, split, source_id, magnitude, magnitude_type, network, station, location,
            channel, unit, distance_km, depth_km, snr_db, clipped, grade: of its record.
        seconds_after_p: that it was to end at.
        ends_after_p_s: that it ends at: sooner where the record does.
        mirrored_s: time at its front that repeats the record's noise.
        window_snr_db: as the daemon measures it; NaN where it cannot.
        predicted: the model's magnitude.
        uncertainty: its one sigma; NaN where it states none.
        constant, ridge, wood_anderson: the baselines' magnitudes; NaN where they give none.
    """

    trace_name: str
    part: str
    split: str
    source_id: str
    magnitude: float
    magnitude_type: str
    network: str
    station: str
    location: str
    channel: str
    unit: Unit
    distance_km: float
    depth_km: float
    snr_db: float
    clipped: bool
    grade: str
    seconds_after_p: float
    ends_after_p_s: float
    mirrored_s: float
    window_snr_db: float
    predicted: float
    uncertainty: float
    constant: float
    ridge: float
    wood_anderson: float


@dataclass(frozen=True, slots=True)
class NoiseWindow:
    """A window without an earthquake, and what the model read in it."""

    origin: str
    window_snr_db: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was measured.

    Attributes:
        windows: of earthquakes, at every time after P.
        noise: windows of pure noise.
        n_records: earthquakes' records that were read.
        excluded: time after P to the number of records that gave no window there.
    """

    windows: tuple[EvaluatedWindow, ...]
    noise: tuple[NoiseWindow, ...]
    n_records: int
    excluded: Mapping[float, int]


def fit_baselines(
    train: Iterable[LabelledRecord],
    dev: Iterable[LabelledRecord],
    seconds: Sequence[float] = SECONDS_AFTER_P,
) -> dict[float, Baselines]:
    """The baselines of each time after P; empty without training records."""
    learnt, chosen_on = (_examples(records, seconds) for records in (train, dev))
    fits = {second: baselines.fit(learnt[second], chosen_on[second]) for second in seconds}
    return {second: fitted for second, fitted in fits.items() if fitted is not None}


def _examples(
    records: Iterable[LabelledRecord], seconds: Sequence[float]
) -> dict[float, list[Example]]:
    """What the regression learns from, or is chosen on; each record is read once."""
    found: dict[float, list[Example]] = {second: [] for second in seconds}
    for record in records:
        for second in () if record.is_noise else seconds:
            window = cut_window(record, second)
            if window is not None:
                features = baselines.features_of(window)
                found[second].append(
                    Example(features, record.unit, record.source_id, record.magnitude)
                )
    return found


def evaluate(
    records: Iterable[LabelledRecord],
    predict: Predict,
    fitted: Mapping[float, Baselines] | None = None,
    seconds: Sequence[float] = SECONDS_AFTER_P,
) -> Evaluation:
    """Run a model over records.

    Args:
        records: to be measured on; noise among them is read as noise.
        predict: the model.
        fitted: the baselines of each time after P, fitted on other records.
        seconds: times after P at which windows end.
    """
    windows: list[EvaluatedWindow] = []
    noise: list[NoiseWindow] = []
    excluded: Counter[float] = Counter()
    n_records = 0
    for some in _in_groups(records, _RECORDS_AT_ONCE):
        quakes = [record for record in some if not record.is_noise]
        n_records += len(quakes)
        for second in seconds:
            cut = [(record, cut_window(record, second)) for record in quakes]
            whole = [(record, window) for record, window in cut if window is not None]
            excluded[second] += len(cut) - len(whole)
            windows += _evaluated(whole, second, predict, (fitted or {}).get(second))
        noise += evaluate_noise(
            [(record.trace_name, window) for record in some for window in cut_noise(record)],
            predict,
        )
    return Evaluation(tuple(windows), tuple(noise), n_records, dict(excluded))


def evaluate_noise(windows: Sequence[tuple[str, CutWindow]], predict: Predict) -> list[NoiseWindow]:
    """Run a model over windows of noise, each with the name of its origin."""
    if not windows:
        return []
    predicted = predict([window for _, window in windows])
    return [
        NoiseWindow(origin, _window_snr_db(window), float(magnitude))
        for (origin, window), magnitude in zip(windows, predicted.magnitude, strict=True)
    ]


def _evaluated(
    pairs: Sequence[tuple[LabelledRecord, CutWindow]],
    second: float,
    predict: Predict,
    fitted: Baselines | None,
) -> Iterator[EvaluatedWindow]:
    if not pairs:
        return
    predicted = predict([window for _, window in pairs])
    sigmas = predicted.uncertainty
    for index, (record, window) in enumerate(pairs):
        ridge = constant = math.nan
        if fitted is not None:
            constant = fitted.constant
            ridge = fitted.ridge(baselines.features_of(window), record.unit)
        yield EvaluatedWindow(
            trace_name=record.trace_name,
            part=record.part,
            split=record.split,
            source_id=record.source_id,
            magnitude=record.magnitude,
            magnitude_type=record.magnitude_type,
            network=record.network,
            station=record.station,
            location=record.location,
            channel=record.channel,
            unit=record.unit,
            distance_km=record.distance_km,
            depth_km=record.depth_km,
            snr_db=record.snr_db,
            clipped=record.clipped,
            grade=record.grade,
            seconds_after_p=second,
            ends_after_p_s=window.ends_after_p_s,
            mirrored_s=window.mirrored / RATE_HZ,
            window_snr_db=_window_snr_db(window),
            predicted=float(predicted.magnitude[index]),
            uncertainty=math.nan if sigmas is None else float(sigmas[index]),
            constant=constant,
            ridge=ridge,
            wood_anderson=wood_anderson.local_magnitude(
                window, record.distance_km, record.depth_km
            ),
        )


def _window_snr_db(window: CutWindow) -> float:
    found = snr_db(window.samples[0])
    return math.nan if found is None else found


def _in_groups(records: Iterable[LabelledRecord], size: int) -> Iterator[list[LabelledRecord]]:
    source = iter(records)
    while group := list(islice(source, size)):
        yield group

"""What a data set holds, as text: counts, magnitudes, units, sources."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from umamba_rt.training.metadata import RecordHeader
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.split import SPLITS

_BAR = 40


def data_info(folder: Path) -> str:
    """Describe a data set from its metadata; no waveform is read.

    Raises:
        UnavailableError: the folder is no data set.
        DatasetError: its metadata cannot be understood.
    """
    dataset = SeisBenchDataset(folder)
    headers = dataset.headers
    earthquakes = [header for header in headers if not math.isnan(header.magnitude)]
    lines = [
        f"{folder}",
        f"  records      {len(headers)}, {len(headers) - len(earthquakes)} of them noise; "
        f"{dataset.unusable} rows unusable",
        f"  splits       by {dataset.split_rule}",
    ]
    for split in SPLITS:
        own = [header for header in earthquakes if header.split == split]
        events = len({header.source_id for header in own})
        lines.append(f"    {split:<6}     {len(own)} records of {events} earthquakes")
    lines += _counted("units", [header.unit for header in headers])
    lines += _counted("parts", [header.part or "(one)" for header in headers])
    lines += _counted("types", [header.magnitude_type or "(none)" for header in earthquakes])
    return "\n".join([*lines, *_histogram(earthquakes)])


def _counted(title: str, values: Sequence[str]) -> list[str]:
    found = Counter(values).most_common()
    return [f"  {title:<12} " + ", ".join(f"{name} {count}" for name, count in found)]


def _histogram(earthquakes: Sequence[RecordHeader]) -> list[str]:
    counts = Counter(math.floor(header.magnitude) for header in earthquakes)
    most = max(counts.values(), default=1)
    return [
        f"  M {low:>2} to {low + 1:<2}   {counts[low]:>6} {'#' * round(_BAR * counts[low] / most)}"
        for low in range(min(counts, default=0), max(counts, default=-1) + 1)
    ]

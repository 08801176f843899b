"""Both models as SeisBench's WaveformModel; needs the extra ``seisbench``, and no daemon does."""

from __future__ import annotations

from umamba_rt.seisbench_models.models import UMambaMagV1, UMambaMagV2
from umamba_rt.seisbench_models.summary import SensorMagnitude

__all__ = ["SensorMagnitude", "UMambaMagV1", "UMambaMagV2"]

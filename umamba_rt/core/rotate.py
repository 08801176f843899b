"""From the directions in which a sensor's three channels point to Z N E."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.inventory import ChannelEpoch, calibration_of

Orientation: TypeAlias = Literal["aligned", "rotated", "assumed"]

# Half a degree puts 0.9 % of one component on another: less than sensitivities are known to, and
# the accuracy to which a compass sets a sensor is worse.
ALIGNED_DEG = 0.5
# Volume of the three directions: 1 for a right angle each. Two horizontals less than 30 degrees
# apart are a mistake in the metadata (both 0, most often), not a sensor.
LEAST_VOLUME = 0.5


@dataclass(frozen=True, slots=True)
class Frame:
    """How three channels become Z N E.

    Attributes:
        orientation: ``aligned``: the channels point to Z N E as they are. ``rotated``: they are
            turned there. ``assumed``: where they point is not known; they are used as they come.
        calibration: of the three components that ``turn`` gives.
        matrix: shape ``(3, c)``, counts of c channels to counts of Z N E; None where the channels
            are these.
    """

    orientation: Orientation
    calibration: Calibration
    matrix: NDArray[np.float64] | None = None

    def turn(self, samples: Float32Array) -> Float32Array:
        """Z N E of a window.

        Args:
            samples: shape ``(c, n)``, the channels in the order of the epochs, counts.

        Returns:
            Shape ``(3, n)``: the same array where nothing is to be turned.
        """
        if self.matrix is None:
            return samples
        # Not by matrix product: BLAS may round by the machine's cores.
        turned = np.einsum("ij,jk->ik", self.matrix, samples.astype(np.float64))
        return np.asarray(turned, dtype=np.float32)


def frame_of(epochs: Sequence[ChannelEpoch | None]) -> Frame:
    """The frame of three channels.

    Args:
        epochs: of the channels in the places Z, N, E; None where none is known.

    Returns:
        A frame that respects each channel's own sensitivity: the components it turns to have one
        in common, the geometric mean of the three. Channels of unknown sensitivity are taken to
        have the same one.
    """
    calibration = calibration_of(epochs)
    axes = _axes(epochs)
    if axes is None or _volume(axes) < LEAST_VOLUME:
        return Frame("assumed", calibration)
    if (np.diagonal(axes) >= np.cos(np.radians(ALIGNED_DEG))).all():
        return Frame("aligned", calibration)
    counts_per_unit = np.array(calibration.counts_per_unit)
    common = float(np.exp(np.log(counts_per_unit).mean()))
    # axes @ motion = samples / counts_per_unit, solved for the motion, back in counts.
    matrix = np.linalg.inv(axes) * (common / counts_per_unit)
    if calibration is COUNTS:
        return Frame("rotated", COUNTS, matrix)
    return Frame("rotated", Calibration(calibration.unit, (common, common, common)), matrix)


def _volume(axes: NDArray[np.float64]) -> float:
    """Of the body that three directions span; numpy's det divides, by 0 for some that span none."""
    return abs(float(axes[0] @ np.cross(axes[1], axes[2])))


def _axes(epochs: Sequence[ChannelEpoch | None]) -> NDArray[np.float64] | None:
    """Directions of the channels, one a row, as parts up, north and east; None if one is unknown.

    Source: FDSN StationXML 1.2: azimuth from north to the east, dip down from the horizontal.
    """
    rows = []
    for epoch in epochs:
        if epoch is None or epoch.azimuth_deg is None or epoch.dip_deg is None:
            return None
        azimuth, dip = np.radians(epoch.azimuth_deg), np.radians(epoch.dip_deg)
        rows.append((-np.sin(dip), np.cos(dip) * np.cos(azimuth), np.cos(dip) * np.sin(azimuth)))
    return np.array(rows)


def repeat_vertical(epoch: ChannelEpoch | None) -> Frame:
    """The frame of one channel, a vertical, that stands for all three components.

    One that points down is turned up; no other direction is corrected.
    """
    calibration = calibration_of([epoch, epoch, epoch])
    if epoch is None or epoch.dip_deg is None:
        return Frame("assumed", calibration, np.ones((3, 1)))
    if epoch.dip_deg > 0:
        return Frame("rotated", calibration, -np.ones((3, 1)))
    return Frame("aligned", calibration, np.ones((3, 1)))

"""Why the core counted something; the names are those of the heartbeat."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What was refused, withheld, filled or found odd."""

    SEGMENTS = "segments"
    RATE = "segments_refused_rate"
    RATE_CHANGED = "rate_changes"
    COMPONENT = "segments_refused_component"
    FUTURE = "segments_refused_future"
    STATION_LIMIT = "segments_refused_station_limit"
    DUPLICATE = "samples_duplicate"
    CONFLICTING = "samples_conflicting"
    TOO_OLD = "samples_too_old"
    NOT_A_NUMBER = "samples_not_a_number"
    CUT = "windows_cut"
    FILLED = "windows_filled"
    WITHHELD_GAP = "windows_withheld_gap"
    WITHHELD_COMPONENT = "windows_withheld_missing_component"
    WITHHELD_ORIENTATION = "windows_withheld_orientation"
    WITHHELD_TIMING = "windows_withheld_timing"
    WITHHELD_CLIPPED = "windows_withheld_clipped"
    WITHHELD_FLAT = "windows_withheld_flat"
    WITHHELD_SPIKES = "windows_withheld_spikes"
    WITHHELD_DC_STEP = "windows_withheld_dc_step"
    STANDBY = "windows_standby"
    LATE = "windows_late_data"
    RESENT = "windows_resent"

"""What a miniSEED record's header says of its clock and its samples, read and written.

Source: SEED 2.4, fixed section, fields 12 to 14, and blockette 1001; pymseed keeps them where
miniSEED 3 does (FDSN miniSEED 3 specification, extra headers under ``/FDSN``).
"""

from __future__ import annotations

from pymseed import MS3Record

from umamba_rt.core.segment import NO_FLAGS, RecordFlag

_BITS = {0x02: RecordFlag.TIME_QUESTIONABLE, 0x04: RecordFlag.CLOCK_LOCKED}
_EXTRA = {
    "AmplifierSaturation": RecordFlag.AMPLIFIER_SATURATED,
    "DigitizerClipping": RecordFlag.DIGITIZER_CLIPPED,
    "Spikes": RecordFlag.SPIKES,
    "Glitches": RecordFlag.GLITCHES,
    "MissingData": RecordFlag.MISSING_PADDED,
    "TelemetrySyncError": RecordFlag.TELEMETRY_ERROR,
    "FilterCharging": RecordFlag.FILTER_CHARGING,
}
_LEAP: dict[object, RecordFlag] = {1: RecordFlag.LEAP_ADDED, -1: RecordFlag.LEAP_REMOVED}
_QUALITY, _LEAP_SECOND, _FLAGS = "/FDSN/Time/Quality", "/FDSN/Time/LeapSecond", "/FDSN/Flags/"


def record_flags(record: MS3Record) -> RecordFlag:
    """The flags that are set in a record's header."""
    found = NO_FLAGS
    for bit, flag in _BITS.items():
        if record.flags & bit:
            found |= flag
    extra = record.extra or ""
    # Looking a name up costs 2 us, a search in the text 0.1 us, and most records have no flag.
    if "LeapSecond" in extra:
        leap = record.get_extra_header(_LEAP_SECOND)
        if leap is not True:
            found |= _LEAP.get(leap, NO_FLAGS)
    for name, flag in _EXTRA.items():
        if name in extra and record.get_extra_header(_FLAGS + name) is True:
            found |= flag
    return found


def timing_quality(record: MS3Record) -> int | None:
    """Per cent, or None where the header does not say."""
    quality = record.get_extra_header(_QUALITY)
    if isinstance(quality, int | float) and 0 <= quality <= 100:
        return int(quality)
    return None


def write_header(record: MS3Record, flags: RecordFlag, quality: int | None) -> None:
    """Set in a record to be packed what `record_flags` and `timing_quality` read from it.

    A quality that is not known becomes 0 in miniSEED 2 where the time has microseconds: both stand
    in blockette 1001.
    """
    for bit, flag in _BITS.items():
        if flag in flags:
            record.flags |= bit
    if leap := flags & (RecordFlag.LEAP_ADDED | RecordFlag.LEAP_REMOVED):
        record.set_extra_header(_LEAP_SECOND, 1 if RecordFlag.LEAP_ADDED in leap else -1)
    for name, flag in _EXTRA.items():
        if flag in flags:
            record.set_extra_header(_FLAGS + name, True)
    if quality is not None:
        record.set_extra_header(_QUALITY, quality)

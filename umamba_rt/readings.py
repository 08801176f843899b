"""What events need of estimates, made ready in the process that sends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.rise import Tail
from umamba_rt.core.rise_filter import rises_of
from umamba_rt.core.station_event import Reading
from umamba_rt.core.timebase import nearest_index, parse_rfc3339
from umamba_rt.core.trigger_span import TriggerSpan
from umamba_rt.events import Note
from umamba_rt.wire.message import Magnitude


@dataclass(frozen=True, slots=True)
class Unread:
    """An estimate that events have yet to read.

    Attributes:
        reading: what it says.
        identity: the model's.
        tail: of its window; None where no scan wants it.
    """

    reading: Reading
    identity: ModelIdentity
    tail: Tail | None


def unread(message: Magnitude, model: str) -> Unread | None:
    """What an estimate says to events; None where it says nothing.

    Args:
        message: the estimate.
        model: name of the one whose estimates make events.
    """
    if message.model.name != model or message.revision:
        return None
    return Unread(_reading_of(message), message.model, message.tail)


def notes_of(estimates: Sequence[Unread]) -> list[Note]:
    """The same with the rises that their windows tell; many at once take a quarter of the time."""
    told = iter(rises_of([one.tail for one in estimates if one.tail]))
    return [Note(one.reading, one.identity, next(told) if one.tail else None) for one in estimates]


def _reading_of(message: Magnitude) -> Reading:
    quality = message.quality
    return Reading(
        group=message.station.group,
        end_ns=parse_rfc3339(message.window_end),
        spans=tuple(
            TriggerSpan(_index(times.on), None if times.off is None else _index(times.off))
            for times in message.triggers or ()
        ),
        magnitude=message.magnitude,
        uncertainty=message.uncertainty,
        snr_db=quality.snr_db,
        clipped=quality.clipped,
        unit=quality.unit,
    )


def _index(time: str) -> int:
    return nearest_index(parse_rfc3339(time))

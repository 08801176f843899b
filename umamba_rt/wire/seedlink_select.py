"""Which stations and streams a SeedLink client asked for: patterns of v3 and v4."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import translate
from functools import lru_cache

from umamba_rt.core.ids import SourceId

STREAM_FORMAT = "2D"  # every packet of this server: miniSEED 2, data

_STATION = re.compile(r"[A-Za-z0-9*?-]+(_[A-Za-z0-9*?-]+)*")
_V3_SELECTOR = re.compile(r"!?(?P<codes>[A-Za-z0-9?*-]*)(?:\.(?P<kind>[DECOTL?*]))?")
_V4_SELECTOR = re.compile(
    r"!?(?P<codes>[A-Za-z0-9?*_]+)(?:\.(?P<kind>[A-Z0-9?*]{1,2}))?(?::(?P<filter>[A-Za-z0-9]+))?"
)
_V3_KINDS = "DECOTL"
# FDSN codes have 8 characters; patterns of dozens of stars would only burn time.
_LONGEST_PATTERN = 64


@lru_cache(maxsize=4096)
def glob(pattern: str) -> re.Pattern[str]:
    """Compile a SeedLink pattern: ``*`` any characters, ``?`` one; ``[`` means itself.

    ``fnmatch.translate`` builds it because its regular expressions do not backtrack without
    bound, whatever a client sends.
    """
    return re.compile(translate(pattern.replace("[", "[[]")))


def stream_id(source_id: SourceId) -> str:
    """The v4 stream identifier, ``LOC_B_S_SS``."""
    return f"{source_id.location}_{source_id.band}_{source_id.source}_{source_id.subsource}"


def legacy_id(source_id: SourceId) -> str:
    """The five characters that a v3 selector stands for, ``LLCCC``, a space written ``-``."""
    return source_id.location.ljust(2, "-")[:2] + source_id.channel


class IdStyle(Enum):
    """The identifier that a selector's pattern is laid over."""

    LEGACY = "LLCCC"
    STREAM = "LOC_B_S_SS"


@dataclass(frozen=True, slots=True)
class Selector:
    """One pattern of a SELECT command.

    Attributes:
        negative: the streams it matches are left out.
        style: what ``pattern`` is laid over.
        pattern: with ``*`` and ``?``; covers the whole identifier.
        kind: pattern over format and type (``2D``), anchored at the start only.
    """

    negative: bool
    style: IdStyle
    pattern: str
    kind: str = "*"

    @classmethod
    def parse_v3(cls, text: str) -> Selector:
        """Read ``[!][LL]CCC[.T]``; ``LL``, ``.T`` and ``LLCCC.`` may be left out.

        Raises:
            ValueError: the text is no such selector.
        """
        match = _V3_SELECTOR.fullmatch(text)
        if match is None:
            raise ValueError(f"not a v3 selector: {text!r}")
        codes, kind = match["codes"], match["kind"] or "?"
        if len(codes) == 1 and codes in _V3_KINDS and match["kind"] is None:
            codes, kind = "", codes
        full = {0: "*", 1: codes, 3: "??" + codes, 4: codes[:1] + "-" + codes[1:], 5: codes}
        if len(codes) not in full or (len(codes) == 1 and codes != "*"):
            raise ValueError(f"not a v3 selector: {text!r}")
        if not codes and match["kind"] is None and kind == "?":
            raise ValueError(f"not a v3 selector: {text!r}")
        return cls(text.startswith("!"), IdStyle.LEGACY, full[len(codes)], "?" + kind)

    @classmethod
    def parse_v4(cls, text: str) -> Selector:
        """Read ``[!]stream_pattern[.format_subformat][:filter]``.

        Raises:
            ValueError: the text is no such selector.
            LookupError: it asks for a conversion that this server has not; only ``native``.
        """
        match = _V4_SELECTOR.fullmatch(text)
        if (
            len(text) > _LONGEST_PATTERN
            or match is None
            or (text.startswith("!") and match["filter"])
        ):
            raise ValueError(f"not a v4 selector: {text!r}")
        if match["filter"] not in (None, "native"):
            raise LookupError(match["filter"])
        kind = match["kind"] or ""
        if len(kind) == 1 and kind in _V3_KINDS:
            # libslink turns v3's EH?.D into *_E_H_?.D; no format has a letter of v3's types.
            kind = "?" + kind
        kind += "*"
        return cls(text.startswith("!"), IdStyle.STREAM, match["codes"], kind)

    def matches(self, source_id: SourceId) -> bool:
        """Whether the pattern, its sign apart, covers the stream."""
        name = legacy_id if self.style is IdStyle.LEGACY else stream_id
        return bool(
            glob(self.pattern).match(name(source_id)) and glob(self.kind).match(STREAM_FORMAT)
        )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a station's packets begin and which of them are wanted.

    Attributes:
        number: first sequence number wanted; None where the client named none.
        from_first: without a number: from the buffer's first packet, not from the next new one.
        start_ns: only packets that end after this, ns since 1970 UTC; None: no bound.
        end_ns: only packets that begin before this, ns since 1970 UTC; None: no bound.
        queued_only: v3 FETCH; it is over when what is queued has been sent.
    """

    number: int | None = None
    from_first: bool = False
    start_ns: int | None = None
    end_ns: int | None = None
    queued_only: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a client asked of the stations that one STATION command names.

    A stream is sent if it matches any positive selector and no negative one; without a positive
    selector, every stream that no negative one matches.
    """

    station: str
    selectors: tuple[Selector, ...] = ()
    position: Position = field(default_factory=Position)

    def matches_station(self, station_id: str) -> bool:
        """Whether the pattern covers ``NET_STA``."""
        return glob(self.station).match(station_id) is not None

    def wants(self, source_id: SourceId) -> bool:
        """Whether the selectors let this stream of a matching station through."""
        hits = [s.negative for s in self.selectors if s.matches(source_id)]
        positive = any(not s.negative for s in self.selectors)
        return not any(hits) and (bool(hits) or not positive)


def station_pattern(text: str) -> str:
    """Check a station pattern, ``NET_STA`` with ``*`` and ``?``.

    Raises:
        ValueError: it holds characters that no station has.
    """
    if len(text) > _LONGEST_PATTERN or _STATION.fullmatch(text) is None:
        raise ValueError(f"not a station: {text!r}")
    glob(text)  # compiled now, a command at a time, and not all at once at the first record
    return text


def find_subscription(subscriptions: tuple[Subscription, ...], source_id: SourceId) -> int | None:
    """Index of the subscription that serves a stream, or None where no one wants it.

    The first STATION command that matches owns the station, as the v4 specification has it:
    a later wildcard does not send what an earlier selector left out.
    """
    for index, subscription in enumerate(subscriptions):
        if subscription.matches_station(source_id.station_id):
            return index if subscription.wants(source_id) else None
    return None

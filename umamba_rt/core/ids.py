"""Names of streams: the FDSN source identifier and what is derived from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

EMPTY_LOCATION = "--"
# What the standard allows, and lower case: a dot or a blank would break the topics of the feed.
_CODE = re.compile("[A-Za-z0-9-]*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class SourceId:
    """One channel, as in ``FDSN:NET_STA_LOC_B_S_SS``.

    Source: FDSN Source Identifiers 1.0, https://docs.fdsn.org/projects/source-identifiers.
    """

    network: str
    station: str
    location: str
    band: str
    source: str
    subsource: str

    @classmethod
    def parse(cls, text: str) -> SourceId:
        """Read ``FDSN:NET_STA_LOC_B_S_SS``; ``LOC`` may be ``--``, as some dataloggers write it.

        Raises:
            ValueError: the text has another form.
        """
        namespace, _, rest = text.partition(":")
        codes = rest.split("_")
        if namespace != "FDSN" or len(codes) != 6 or not (codes[0] and codes[1]):
            raise ValueError(f"not an FDSN source identifier: {text!r}")
        if not all(map(_CODE.fullmatch, codes)):
            raise ValueError(f"not the codes of an FDSN source identifier: {text!r}")
        if codes[2] == EMPTY_LOCATION:
            codes[2] = ""
        return cls(*codes)

    @classmethod
    def from_nslc(cls, network: str, station: str, location: str, channel: str) -> SourceId:
        """Build from SEED codes; ``channel`` has three characters, ``location`` may be ``--``.

        Raises:
            ValueError: ``channel`` has not three characters, network or station is empty, or a
                code holds anything but letters, digits and dashes.
        """
        place = "" if location == EMPTY_LOCATION else location.strip()
        codes = network, station, place, channel
        if len(channel) != 3 or not network or not station or not all(map(_CODE.fullmatch, codes)):
            raise ValueError(f"not a channel: {network}.{station}.{location}.{channel}")
        return cls(network, station, place, *channel)

    def __str__(self) -> str:
        codes = (
            self.network,
            self.station,
            self.location,
            self.band,
            self.source,
            self.subsource,
        )
        return "FDSN:" + "_".join(codes)

    @property
    def station_id(self) -> str:
        """``NET_STA``, SeedLink's name of a station."""
        return f"{self.network}_{self.station}"

    @property
    def channel(self) -> str:
        """Band, source and subsource code together, as in ``HHZ``."""
        return self.band + self.source + self.subsource

    @property
    def group(self) -> GroupId:
        """The three-component group that this channel belongs to."""
        return GroupId(self.network, self.station, self.location, self.band + self.source)


@dataclass(frozen=True, slots=True, order=True)
class GroupId:
    """The channels of one sensor at one rate: network, station, location, band and source code."""

    network: str
    station: str
    location: str
    band_source: str

    def __str__(self) -> str:
        """``NET.STA.LOC.BS`` with ``--`` for an empty location: the tail of a feed topic."""
        place = self.location or EMPTY_LOCATION
        return f"{self.network}.{self.station}.{place}.{self.band_source}"

    @classmethod
    def parse(cls, text: str) -> GroupId:
        """Read what ``str`` wrote.

        Raises:
            ValueError: the text has another form.
        """
        network, station, place, band_source = text.split(".")
        return cls(network, station, "" if place == EMPTY_LOCATION else place, band_source)

    @property
    def station_id(self) -> str:
        """``NET_STA``, SeedLink's name of a station."""
        return f"{self.network}_{self.station}"


def names_station(text: str, source_id: SourceId) -> bool:
    """Whether a packet's name of a station may stand for a channel's.

    SeedLink 4 says ``NET_STA``; servers also write other case, a dot, blanks and ``FDSN:``. A name
    that is not of two codes says nothing, and may.
    """
    if text == source_id.station_id:
        return True
    codes = [code.strip() for code in re.split("[_.]", text.upper().strip().removeprefix("FDSN:"))]
    return len(codes) != 2 or codes == [source_id.network.upper(), source_id.station.upper()]

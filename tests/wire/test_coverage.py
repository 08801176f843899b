"""wire/coverage.py: configured streams against what a server has, and the sensors they make."""

from __future__ import annotations

import pytest

from umamba_rt.core.ids import SourceId
from umamba_rt.wire.coverage import find_streams, sensors_of


def channels(*names: str) -> list[SourceId]:
    """Channels, those of each sensor as in ``CI.CCC..HH[ZNE]``."""
    made = []
    for name in names:
        network, station, location, code = name.split(".")
        band_source, _, letters = code.partition("[")
        made += [
            SourceId.from_nslc(network, station, location, band_source + letter)
            for letter in letters.rstrip("]")
        ]
    return made


SERVER = channels("CI.CCC..HH[ZNE]", "CI.CCC..HN[ZNE]", "CI.CLC.00.HH[ZNE]", "PB.B916..EH[Z12]")


def found(*configured: str) -> dict[str, str]:
    """Channel codes of each configured stream."""
    return {
        one.text: " ".join(f"{s.station}.{s.location}.{s.channel}" for s in one.streams)
        for one in find_streams(configured, SERVER)
    }


@pytest.mark.parametrize("text", ["CI_CCC:HH?", "CI_CCC:*_H_H_*", "CI_CCC:_H_H_?", "CI_CCC:HH?.D"])
def test_selectors_of_both_protocols_choose_the_same(text: str) -> None:
    assert found(text) == {text: "CCC..HHE CCC..HHN CCC..HHZ"}


def test_stream_without_selectors_is_the_whole_station() -> None:
    assert len(find_streams(["CI_CCC"], SERVER)[0].streams) == 6


def test_negative_selectors_and_locations_count() -> None:
    assert found("CI_CCC:!HN?") == {"CI_CCC:!HN?": "CCC..HHE CCC..HHN CCC..HHZ"}
    assert found("CI_*:00HHZ") == {"CI_*:00HHZ": "CLC.00.HHZ"}
    assert found("CI_*:--HHZ") == {"CI_*:--HHZ": "CCC..HHZ"}


def test_conversion_behind_a_selector_chooses_nothing() -> None:
    assert found("CI_CLC:*_H_H_Z:3") == {"CI_CLC:*_H_H_Z:3": "CLC.00.HHZ"}


def test_explicit_station_goes_before_a_wildcard_whatever_their_order() -> None:
    asked = found("*_*:HHZ", "CI_CCC:HN?")
    assert asked == {"*_*:HHZ": "CLC.00.HHZ", "CI_CCC:HN?": "CCC..HNE CCC..HNN CCC..HNZ"}


def test_what_is_missing_says_whether_the_station_is() -> None:
    none, other = find_streams(["XX_NOPE:HH?", "CI_CCC:BH?"], SERVER)
    assert (none.stations, none.streams) == ((), ())
    assert (other.stations, other.streams) == (("CI_CCC",), ())


def test_selector_that_cannot_be_read_is_told_and_the_others_count() -> None:
    (one,) = find_streams(["CI_CCC:HHZ nonsense!x"], SERVER)
    assert [str(stream) for stream in one.streams] == ["FDSN:CI_CCC__H_H_Z"]
    assert one.unread == ("nonsense!x",)


def described(*names: str) -> dict[str, tuple[str, str, str]]:
    return {
        str(one.group): (
            one.components.codes,
            one.components.missing,
            " ".join(channel.channel for channel in one.surplus),
        )
        for one in sensors_of(channels(*names))
    }


def test_sensors_are_told_with_what_they_lack() -> None:
    assert described("CI.CCC..HH[ENZ]", "PB.B916..EH[12Z]", "CI.A.00.HH[Z]", "CI.A.10.HH[NE]") == {
        "CI.CCC.--.HH": ("ZNE", "", ""),
        "PB.B916.--.EH": ("Z12", "", ""),
        "CI.A.00.HH": ("Z", "NE", ""),
        "CI.A.10.HH": ("NE", "Z", ""),
    }


def test_surplus_channels_are_told_and_do_not_spoil_a_sensor() -> None:
    assert described("CI.A..HH[12ZNE]", "CI.A..HD[F]") == {
        "CI.A.--.HH": ("ZNE", "", "HH1 HH2"),
        "CI.A.--.HD": ("", "ZNE", "HDF"),
    }


def test_the_same_channel_of_two_servers_counts_once() -> None:
    assert described("CI.A..HH[ZNE]", "CI.A..HH[ZNE]") == {"CI.A.--.HH": ("ZNE", "", "")}

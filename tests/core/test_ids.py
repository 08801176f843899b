from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import GroupId, SourceId, names_station

CODES = st.text("ABCXYZ019abz-", max_size=5)
NAMES = st.text("ABCXYZ019abz-", min_size=1, max_size=5)
LOCATIONS = CODES.filter("--".__ne__)


@given(st.builds(SourceId, NAMES, NAMES, LOCATIONS, CODES, CODES, CODES))
def test_parse_is_the_inverse_of_str(source_id: SourceId) -> None:
    assert SourceId.parse(str(source_id)) == source_id


def test_parts_of_a_source_id_have_their_names() -> None:
    source_id = SourceId.parse("FDSN:CI_CCC_00_H_H_Z")
    assert source_id == SourceId("CI", "CCC", "00", "H", "H", "Z")
    assert (source_id.station_id, source_id.channel) == ("CI_CCC", "HHZ")
    assert source_id.group == GroupId("CI", "CCC", "00", "HH")
    assert source_id.group.station_id == "CI_CCC"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CI_CCC__H_H_Z",
        "XFDSN:CI_CCC__H_H_Z",
        "FDSN:CI_CCC__HHZ",
        "FDSN:CI_CCC__H_H_Z_X",
        "FDSN:_CCC__H_H_Z",
        "FDSN:CI___H_H_Z",
        "FDSN:CI_CCC__H_H_Z\n",
        "FDSN:C.I_CCC__H_H_Z",
        "FDSN:CI_C C__H_H_Z",
        "FDSN:ÄI_CCC__H_H_Z",
        "FDSN:CI_CCC_*_H_H_Z",
        "FDSN:CI_CCC_٣_H_H_Z",
    ],
)
def test_another_form_or_character_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an FDSN source identifier"):
        SourceId.parse(text)


def test_two_dashes_are_no_location_of_their_own() -> None:
    assert SourceId.parse("FDSN:XX_AAA_--_H_H_Z") == SourceId.parse("FDSN:XX_AAA__H_H_Z")


def test_seed_codes_give_the_same_name() -> None:
    expected = SourceId.parse("FDSN:CI_CCC__H_H_Z")
    for location in ("", "  ", "--"):
        assert SourceId.from_nslc("CI", "CCC", location, "HHZ") == expected
    assert str(SourceId.from_nslc("PB", "B916", "00", "EH1")) == "FDSN:PB_B916_00_E_H_1"


@pytest.mark.parametrize(
    ("network", "station", "location", "channel"),
    [
        ("CI", "CCC", "", "HH"),
        ("CI", "CCC", "", "HHZZ"),
        ("", "CCC", "", "HHZ"),
        ("CI", "", "", "HHZ"),
        ("C.", "CCC", "", "HHZ"),
        ("CI", "C_C", "", "HHZ"),
        ("CI", "CCC", "0/", "HHZ"),
        ("CI", "CCC", "", "HH "),
    ],
)
def test_seed_codes_that_name_no_channel_are_refused(
    network: str, station: str, location: str, channel: str
) -> None:
    with pytest.raises(ValueError, match="not a channel"):
        SourceId.from_nslc(network, station, location, channel)


def test_a_group_is_the_tail_of_a_topic() -> None:
    assert str(GroupId("CI", "CCC", "", "HH")) == "CI.CCC.--.HH"
    assert str(GroupId("PB", "B916", "00", "EH")) == "PB.B916.00.EH"


def test_two_bands_of_a_station_are_two_groups() -> None:
    assert SourceId.parse("FDSN:A_B__H_H_Z").group != SourceId.parse("FDSN:A_B__H_N_Z").group
    assert SourceId.parse("FDSN:A_B__H_H_Z").group == SourceId.parse("FDSN:A_B__H_H_2").group


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("CI_CCC", True),
        ("ci_ccc", True),
        ("CI.CCC", True),
        ("FDSN:CI_CCC", True),
        (" CI_CCC  ", True),
        ("CCC", True),  # of one code: it says nothing
        ("CI_CLC", False),
        ("CJ_CCC", False),
        ("CCC_CI", False),
    ],
)
def test_a_packets_name_of_a_station_is_compared_by_its_codes(text: str, may: bool) -> None:
    assert names_station(text, SourceId.parse("FDSN:CI_CCC__H_H_Z")) is may

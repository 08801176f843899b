from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from seedlink_client.mseed import extract_info_text
from seedlink_client.protocol import parse_header_v4, parse_hello

from umamba_rt.core.ids import SourceId
from umamba_rt.wire.seedlink_frames import Protocol
from umamba_rt.wire.seedlink_info import (
    Identity,
    InfoRequest,
    StationExtent,
    StreamExtent,
    answer_info,
)

NOW_NS = 1562261629_000_001_000
IDENTITY = Identity("replay/1", "Réseau <test> & co", NOW_NS)
CCC = StationExtent(
    "CI_CCC",
    1,
    300,
    [StreamExtent(SourceId.from_nslc("CI", "CCC", "", f"HH{c}"), 0, NOW_NS) for c in "ENZ"],
)
B916 = StationExtent(
    "PB_B916", 7, 299, [StreamExtent(SourceId.from_nslc("PB", "B916", "00", "EHZ"), 0, NOW_NS)]
)


def ask_v3(item: str) -> ET.Element:
    answer = answer_info(InfoRequest(item, "*", "*", Protocol.V3), IDENTITY, [CCC, B916], NOW_NS)
    assert len(answer) % 520 == 0
    packets = [answer[i : i + 520] for i in range(0, len(answer), 520)]
    assert [p[:8] for p in packets] == [b"SLINFO *"] * (len(packets) - 1) + [b"SLINFO  "]
    return ET.fromstring("".join(extract_info_text(p[8:]) for p in packets))


def ask_v4(item: str, station: str = "*", stream: str = "*") -> tuple[str, dict[str, Any]]:
    request = InfoRequest(item, station, stream, Protocol.V4)
    answer = answer_info(request, IDENTITY, [CCC, B916], NOW_NS)
    header = parse_header_v4(answer)
    assert header.payload_length == len(answer) - 17
    return header.payload_subformat, json.loads(answer[17:])


def test_v3_id_names_the_server_whatever_its_characters() -> None:
    root = ask_v3("ID")
    assert root.tag == "seedlink"
    assert root.get("organization") == "Réseau <test> & co"
    assert root.get("started") == "2019-07-04T17:33:49.000001Z"
    assert len(root) == 0


def test_v3_capabilities_are_those_that_obspy_asks_for() -> None:
    names = {node.get("name") for node in ask_v3("CAPABILITIES")}
    assert {"multistation", "info:streams", "dialup", "window-extraction"} <= names


def test_v3_stations_tell_numbers() -> None:
    stations = list(ask_v3("STATIONS"))
    assert [(s.get("network"), s.get("name")) for s in stations] == [("CI", "CCC"), ("PB", "B916")]
    assert (stations[1].get("begin_seq"), stations[1].get("end_seq")) == ("7", "299")
    assert len(stations[0]) == 0


def test_v3_streams_tell_seed_names_and_times() -> None:
    streams = [stream for station in ask_v3("STREAMS") for stream in station]
    assert [s.get("seedname") for s in streams] == ["HHE", "HHN", "HHZ", "EHZ"]
    assert (streams[3].get("location"), streams[3].get("type")) == ("00", "D")
    assert streams[0].get("begin_time") == "1970-01-01T00:00:00.000000Z"


def test_unknown_v3_item_is_answered_on_the_error_channel() -> None:
    request = InfoRequest("NONSENSE", "*", "*", Protocol.V3)
    answer = answer_info(request, IDENTITY, [], NOW_NS)
    assert (answer[:8], answer[8 + 15 : 8 + 18]) == (b"SLINFO  ", b"ERR")


def test_cat_ends_with_the_word_that_clients_wait_for() -> None:
    answer = answer_info(InfoRequest("CAT", "*", "*", Protocol.V3), IDENTITY, [CCC], NOW_NS)
    assert answer == b"CI CCC CI_CCC\r\nEND"


def test_v4_streams_are_chosen_by_both_patterns() -> None:
    kind, document = ask_v4("STREAMS", "CI_*", "*_Z")
    assert kind == "I"
    (station,) = document["station"]
    assert (station["id"], station["start_seq"], station["end_seq"]) == ("CI_CCC", 1, 300)
    assert [s["id"] for s in station["stream"]] == ["_H_H_Z"]
    assert station["stream"][0]["end_time"] == "2019-07-04T17:33:49.000001Z"


def test_v4_stations_of_an_unknown_network_are_none() -> None:
    assert ask_v4("STATIONS", "XX_*")[1]["station"] == []
    assert "stream" not in ask_v4("STATIONS")[1]["station"][0]


@pytest.mark.parametrize(
    ("item", "key"),
    [("ID", "server_start"), ("FORMATS", "format"), ("CAPABILITIES", "capability")],
)
def test_v4_item_has_its_key(item: str, key: str) -> None:
    kind, document = ask_v4(item)
    assert (kind, key in document) == ("I", True)
    assert document["organization"] == "Réseau <test> & co"


def test_unknown_v4_item_is_an_error_packet() -> None:
    kind, document = ask_v4("NONSENSE")
    assert (kind, document["error"]["code"]) == ("E", "ARGUMENTS")


def test_hello_offers_both_protocols_to_clients() -> None:
    server_id, organization, capabilities, majors = parse_hello(IDENTITY.hello, "x")
    assert server_id == "SeedLink v4.0 (replay/1)"
    assert majors == {"3", "4"}
    assert capabilities["CAP"] is True
    assert organization == "x"

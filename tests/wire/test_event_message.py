"""wire/event_message.py: fields, topics, pinned bytes, and the schemas that hold them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.core.test_coincidence import Network, earthquake
from tests.core.test_station_event import RULES, reading
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.station_event import StationEvents
from umamba_rt.wire.envelope import Envelope, Message, encode
from umamba_rt.wire.event_message import (
    NetworkEventMessage,
    StationEventMessage,
    network_event_message,
    station_event_message,
)
from umamba_rt.wire.schemas import schema

MODEL = ModelIdentity("v2", "v2b-12", "ab" * 32, True)
ENVELOPE = Envelope("session-1", 7, 3, 1_562_261_671_000_001_999)


def station_message() -> StationEventMessage:
    sensor = StationEvents(RULES)
    sensor.read(reading(1, (0.25, None), magnitude=3.5))
    (event,) = sensor.read(reading(2, (0.25, 1.5), magnitude=3.0))
    return station_event_message(event, MODEL)


def network_message(*, placed: bool = True) -> NetworkEventMessage:
    return network_event_message(Network(placed=placed).take(earthquake()).told[-1], MODEL)


def decoded(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(encode(message, ENVELOPE))
    return body


def validate(body: dict[str, Any]) -> None:
    Draft202012Validator(
        schema(body["schema"].split("/")[1]),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    ).validate(body)


MESSAGES = [station_message(), network_message(), network_message(placed=False)]


@pytest.mark.parametrize("message", MESSAGES)
def test_every_field_is_described_and_needed(message: Message) -> None:
    body = decoded(message)
    validate(body)
    described = schema(body["schema"].split("/")[1])
    properties, required = described["properties"], described["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    assert sorted(body) == sorted(properties) == sorted(required)
    for name in body:
        with pytest.raises(ValidationError, match=name):
            Draft202012Validator(described).validate(
                {key: value for key, value in body.items() if key != name}
            )


@pytest.mark.parametrize("message", MESSAGES)
def test_messagepack_and_json_say_the_same(message: Message) -> None:
    assert msgspec.msgpack.decode(encode(message, ENVELOPE, "msgpack")) == decoded(message)


def test_topics_name_the_sensor_or_the_event() -> None:
    assert station_message().topic == "event.CI.CCC.--.HH"
    assert network_message().topic == "event.network.20190704T173350-XX_0"


def test_bytes_of_a_station_event_are_pinned() -> None:
    assert encode(station_message(), ENVELOPE).decode() == (
        '{"schema":"umamba-rt/event/1","session":"session-1","seq":7,"topic_seq":3,'
        '"sent_at":"2019-07-04T17:34:31.000001Z",'
        '"station":{"network":"CI","station":"CCC","location":"--","band_source":"HH"},'
        '"event_id":"CI.CCC.--.HH.20190704T173353","state":"updated","revision":1,'
        '"onset":"2019-07-04T17:33:53.250000Z","window_end":"2019-07-04T17:33:55.000000Z",'
        '"magnitude":3.0,"uncertainty":0.3,"peak_magnitude":3.5,"since_onset_s":1.75,'
        '"estimates":[{"since_onset_s":1.75,"magnitude":3.0}],"duration_s":1.25,"n_windows":2,'
        '"snr_db":20.0,"clipped":false,'
        f'"model":{msgspec.json.encode(MODEL).decode()}}}'
    )


def test_bytes_of_a_network_event_are_pinned() -> None:
    message = network_message()
    short = replace(message, stations=message.stations[:1])
    assert encode(short, ENVELOPE).decode() == (
        '{"schema":"umamba-rt/network/1","session":"session-1","seq":7,"topic_seq":3,'
        '"sent_at":"2019-07-04T17:34:31.000001Z",'
        '"event_id":"20190704T173350-XX_0","state":"updated","revision":6,'
        f'"first_onset":"{message.first_onset}","origin_time":"{message.origin_time}",'
        f'"latitude_deg":{message.latitude_deg},"longitude_deg":{message.longitude_deg},'
        f'"window_end":"{message.window_end}","magnitude":3.0,"uncertainty":0.2624,"spread":0.0,'
        '"n_stations":10,"stations":[{'
        '"station":{"network":"XX","station":"0","location":"--","band_source":"HH"},'
        f'"event_id":"{message.stations[0].event_id}","onset":"{message.first_onset}",'
        '"since_onset_s":1.0,"magnitude":3.0,"uncertainty":null,'
        f'"weight":{message.stations[0].weight},"distance_km":{message.stations[0].distance_km}}}],'
        f'"model":{msgspec.json.encode(MODEL).decode()}}}'
    )


def test_without_coordinates_a_network_event_has_no_origin() -> None:
    body = decoded(network_message(placed=False))
    assert (body["origin_time"], body["latitude_deg"], body["longitude_deg"]) == (None, None, None)
    assert {share["distance_km"] for share in body["stations"]} == {None}

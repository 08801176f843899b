"""wire/message.py: fields, topics, bytes, and the schemas that hold them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.ids import GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.state import StateChange
from umamba_rt.core.timebase import nearest_index
from umamba_rt.core.window import Window
from umamba_rt.wire.envelope import Envelope, Message, encode
from umamba_rt.wire.message import Heartbeat, magnitudes_of, status_of
from umamba_rt.wire.schemas import KINDS, schema

GROUP = GroupId("CI", "CCC", "", "HH")
START_NS = 1_562_261_640_000_000_000  # 2019-07-04T17:34:00Z
QUALITY = Quality(0.02, 1, 0.02, True, None, 100.0, "Z12", False)
WINDOW = Window(
    GROUP,
    nearest_index(START_NS),
    np.zeros((3, 3001), np.float32),
    QUALITY,
    START_NS + 30_750_000_000,
)
V1 = ModelIdentity("v1", "1.0", "ab" * 32, True)
V2 = ModelIdentity("v2", "untrained-0", "cd" * 32, False)
ENVELOPE = Envelope("session-1", 7, 3, START_NS + 31_000_001_999)
BEAT = Heartbeat(12.5, {"online": 2, "stale": 1}, 3, 1.25, {"records": 10})


def decoded(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(encode(message, ENVELOPE))
    return body


def validate(body: dict[str, Any], kind: str = "magnitude") -> None:
    Draft202012Validator(schema(kind), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        body
    )


def v2_message() -> Message:
    (message,) = magnitudes_of([WINDOW], BatchOutput(np.array([4.25], np.float32), None), V2)
    return message


def v1_message() -> Message:
    curve = np.linspace(0, 5, 3001, dtype=np.float32)[None]
    (message,) = magnitudes_of([WINDOW], BatchOutput(np.array([2.5], np.float32), curve), V1)
    return message


def all_kinds() -> list[Message]:
    change = StateChange(GROUP, "gap", START_NS, "3 s missing")
    return [v2_message(), v1_message(), status_of(change), BEAT]


@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(schema(kind))


def test_unknown_kind_has_no_schema() -> None:
    with pytest.raises(ValueError, match="weather"):
        schema("weather")


@pytest.mark.parametrize("message", all_kinds(), ids=lambda message: message.topic)
def test_each_message_satisfies_its_schema(message: Message) -> None:
    body = decoded(message)
    validate(body, body["schema"].split("/")[1])


@pytest.mark.parametrize("message", all_kinds(), ids=lambda message: message.topic)
def test_no_required_field_can_be_left_out(message: Message) -> None:
    body = decoded(message)
    for name in body.keys() - {"evolution"}:
        with pytest.raises(ValidationError, match=name):
            validate(
                {key: value for key, value in body.items() if key != name},
                body["schema"].split("/")[1],
            )


@pytest.mark.parametrize("message", all_kinds(), ids=lambda message: message.topic)
def test_messagepack_and_json_say_the_same(message: Message) -> None:
    assert msgspec.msgpack.decode(encode(message, ENVELOPE, "msgpack")) == decoded(message)


def test_topics_are_dotted_with_dashes_for_an_empty_location() -> None:
    topics = [message.topic for message in all_kinds()]
    assert topics == [
        "magnitude.v2.CI.CCC.--.HH",
        "magnitude.v1.CI.CCC.--.HH",
        "station.CI.CCC.--.HH",
        "heartbeat",
    ]


def test_bytes_of_a_v2_magnitude_are_pinned() -> None:
    assert encode(v2_message(), ENVELOPE).decode() == (
        '{"schema":"umamba-rt/magnitude/1","session":"session-1","seq":7,"topic_seq":3,'
        '"sent_at":"2019-07-04T17:34:31.000001Z",'
        '"station":{"network":"CI","station":"CCC","location":"--","band_source":"HH"},'
        '"window_start":"2019-07-04T17:34:00.000000Z","window_end":"2019-07-04T17:34:30.000000Z",'
        '"magnitude":4.25,"uncertainty":null,"revision":0,'
        '"quality":{"gap_s":0.02,"gap_count":1,"filled_s":0.02,"clipped":true,"snr_db":null,'
        '"native_rate_hz":100.0,"components":"Z12","complete":false,'
        '"unit":"counts","orientation":"assumed","fill":"none","flat_s":0.0,"spikes":0,'
        '"dc_step":false,"timing_quality":null,"record_flags":[],"triggered":false},'
        '"latency":{"data_s":0.75,"processing_ms":0.0},'
        '"model":{"name":"v2","version":"untrained-0","sha256":"'
        + "cd" * 32
        + '","trained":false,"engine":""}}'
    )


def test_evolution_is_there_for_v1_alone_ten_values_a_second() -> None:
    assert "evolution" not in decoded(v2_message())
    curve = decoded(v1_message())["evolution"]
    assert curve["t0"] == "2019-07-04T17:34:00.000000Z"
    assert curve["dt_s"] == 0.1
    assert len(curve["values"]) == 301
    assert curve["values"][-1] == 5.0
    assert curve["values"][150] == pytest.approx(2.5, abs=1e-3)


def test_a_schema_refuses_a_wrong_type() -> None:
    body = decoded(v2_message())
    with pytest.raises(ValidationError):
        validate({**body, "magnitude": "4.25"})
    with pytest.raises(ValidationError):
        validate({**body, "sent_at": "2019-07-04 17:34:31"})
    with pytest.raises(ValidationError):
        validate({**body, "model": {**body["model"], "sha256": "short"}})

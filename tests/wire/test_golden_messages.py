"""The bytes of a message of each kind, as a real run sent them; see tools/feed_examples.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tests.support import ROOT
from umamba_rt.feed_docs import EXAMPLES, suits
from umamba_rt.wire.envelope import Envelope, Format, Message, encode
from umamba_rt.wire.event_message import NetworkEventMessage, StationEventMessage
from umamba_rt.wire.message import Heartbeat, Magnitude, StationStatus
from umamba_rt.wire.schemas import KINDS, schema

FOLDER = ROOT / "docs" / "feed"
KIND_OF: dict[str, type[Any]] = {
    kind.schema: kind
    for kind in (Magnitude, StationEventMessage, NetworkEventMessage, StationStatus, Heartbeat)
}


def stored(name: str, form: Format) -> bytes:
    return (FOLDER / f"{name}.{form}").read_bytes()


def message_and_envelope(body: dict[str, Any]) -> tuple[Message, Envelope]:
    """What a body was made of."""
    sent_at = datetime.fromisoformat(body["sent_at"])
    whole_s = round(sent_at.replace(microsecond=0).timestamp())
    sent_ns = whole_s * 10**9 + sent_at.microsecond * 1000
    envelope = Envelope(body["session"], body["seq"], body["topic_seq"], sent_ns)
    message: Message = msgspec.convert(body, KIND_OF[body["schema"]])
    return message, envelope


@pytest.mark.parametrize("form", ["json", "msgpack"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_message_has_the_bytes_that_it_had(name: str, form: Format) -> None:
    body = msgspec.json.decode(stored(name, "json"))
    assert encode(*message_and_envelope(body), form) == stored(name, form)


@pytest.mark.parametrize("name", EXAMPLES)
def test_both_formats_say_the_same_and_satisfy_the_schema(name: str) -> None:
    body = msgspec.json.decode(stored(name, "json"))
    assert msgspec.msgpack.decode(stored(name, "msgpack")) == body
    kind = body["schema"].split("/")[1]
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(schema(kind), format_checker=checker).validate(body)
    message, _ = message_and_envelope(body)
    assert suits(name, message.topic, body)


def test_each_kind_has_an_example() -> None:
    assert {name.split(".")[0] for name in EXAMPLES} == set(KINDS)

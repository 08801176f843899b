"""wire/envelope.py: the numbers of messages, and which fields are left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import msgspec
import pytest

from umamba_rt.wire.envelope import NOT_SENT, Envelope, Format, Numbering, encode


@dataclass(frozen=True, slots=True)
class Note:
    schema: ClassVar[str] = "umamba-rt/note/1"
    text: str | None
    author: str | None = None
    aside: str | None = field(default=None, metadata=NOT_SENT)

    @property
    def topic(self) -> str:
        return "note"


def test_all_messages_and_those_of_each_topic_are_counted_from_one() -> None:
    numbering = Numbering("s")
    made = [numbering.next(topic, 0) for topic in ("a", "b", "a", "a", "b")]
    assert [one.seq for one in made] == [1, 2, 3, 4, 5]
    assert [one.topic_seq for one in made] == [1, 1, 2, 3, 2]
    assert {one.session for one in made} == {"s"}
    assert numbering.seq == 5


def test_counts_are_kept_of_so_many_topics_and_the_silent_one_goes() -> None:
    numbering = Numbering("s", max_topics=2)
    for topic in ("event.1", "heartbeat", "heartbeat", "event.2", "heartbeat"):
        numbering.next(topic, 0)
    assert numbering.next("heartbeat", 0).topic_seq == 4
    assert numbering.next("event.2", 0).topic_seq == 2
    assert numbering.next("event.1", 0).topic_seq == 1


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_none_is_left_out_where_it_is_the_default_and_null_elsewhere(form: Format) -> None:
    decode = msgspec.json.decode if form == "json" else msgspec.msgpack.decode
    body = decode(encode(Note(None), Envelope("s", 7, 3, 1_000), form))
    assert body == {
        "schema": "umamba-rt/note/1",
        "session": "s",
        "seq": 7,
        "topic_seq": 3,
        "sent_at": "1970-01-01T00:00:00.000001Z",
        "text": None,
    }
    assert decode(encode(Note("a", "b"), Envelope("s", 7, 3, 0), form))["author"] == "b"


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_what_is_for_this_process_alone_is_not_sent(form: Format) -> None:
    envelope = Envelope("s", 7, 3, 0)
    assert encode(Note("a", aside="x"), envelope, form) == encode(Note("a"), envelope, form)

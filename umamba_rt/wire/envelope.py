"""What all messages of the feed have in common: their numbers, and how they become bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, cast

import msgspec

from umamba_rt.core.timebase import rfc3339

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Format: TypeAlias = Literal["json", "msgpack"]
# Topics that are counted; of more, which only years of events can bring, the one that has been
# silent for longest begins again at 1. Some 20 MB.
_MAX_TOPICS = 100_000
# Metadata of a field that stays in the process.
NOT_SENT: Mapping[str, bool] = {"sent": False}


class Message(Protocol):
    """What can be sent: a frozen dataclass whose fields are those of the body, in their order.

    A field whose default is None is left out where it is None; one without a default is null. One
    whose metadata are ``NOT_SENT`` is never there.

    Attributes:
        schema: name and version of its contract, as in ``umamba-rt/magnitude/1``.
    """

    schema: ClassVar[str]

    @property
    def topic(self) -> str:
        """Dotted ASCII."""
        ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields that every message has.

    Attributes:
        session: one for each run of the daemon.
        seq: counts all messages of the session from 1 on.
        topic_seq: counts the messages of its topic in the session from 1 on.
        sent_at_ns: ns since 1970 UTC.
    """

    session: str
    seq: int
    topic_seq: int
    sent_at_ns: int


class Numbering:
    """Counts the messages of one session, all together and topic by topic.

    Attributes:
        session: its name.
        seq: messages so far.
    """

    def __init__(self, session: str, *, max_topics: int = _MAX_TOPICS) -> None:
        self.session = session
        self.seq = 0
        self._max_topics = max_topics
        self._topics: OrderedDict[str, int] = OrderedDict()

    def next(self, topic: str, sent_at_ns: int) -> Envelope:
        """The envelope of the next message."""
        self.seq += 1
        topic_seq = self._topics[topic] = self._topics.pop(topic, 0) + 1
        if len(self._topics) > self._max_topics:
            self._topics.popitem(last=False)
        return Envelope(self.session, self.seq, topic_seq, sent_at_ns)


def encode(message: Message, envelope: Envelope, form: Format = "json") -> bytes:
    """The body of a message, envelope first; the same fields in JSON and in MessagePack."""
    body: dict[str, object] = {
        "schema": message.schema,
        "session": envelope.session,
        "seq": envelope.seq,
        "topic_seq": envelope.topic_seq,
        "sent_at": rfc3339(envelope.sent_at_ns),
    }
    for name, optional in _fields(type(message)):
        value = getattr(message, name)
        if value is not None or not optional:
            body[name] = value
    return msgspec.json.encode(body) if form == "json" else msgspec.msgpack.encode(body)


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, bool], ...]:
    """Names of a message's fields, and whether each may be left out."""
    described = cast("type[DataclassInstance]", kind)
    return tuple(
        (item.name, item.default is None) for item in fields(described) if item.metadata != NOT_SENT
    )

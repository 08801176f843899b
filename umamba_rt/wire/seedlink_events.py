"""What a SeedLink connection's bytes come to: replies, requests, the start and the end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from umamba_rt.wire.seedlink_frames import Protocol
from umamba_rt.wire.seedlink_info import InfoRequest
from umamba_rt.wire.seedlink_select import Subscription


class Ending(Enum):
    """When a transfer is over, and the client is told ``END``."""

    NEVER = "real time"
    QUEUE = "when what is queued has been sent"
    WINDOW = "when every time window has passed"


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send to the client."""

    content: bytes


@dataclass(frozen=True, slots=True)
class StartStreaming:
    """The handshake is over: send packets from now on."""

    protocol: Protocol
    subscriptions: tuple[Subscription, ...]
    ending: Ending


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection; nothing that came after counts."""


Event: TypeAlias = Reply | InfoRequest | StartStreaming | Close

"""What the fault switches do to the packets of one connection, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from umamba_rt.wire.fault_switches import Faults, When
from umamba_rt.wire.seedlink_frames import record_offset


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to send."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Trickle:
    """Send everything from here on at so many bytes a second."""

    bytes_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Send these bytes, a part of a packet, and close."""

    content: bytes


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Send nothing any more, and do not close."""


Step: TypeAlias = Send | Trickle | Cut | HalfOpen


class FaultPlan:
    """Decides what becomes of each packet of a connection.

    Each switch draws from a stream of its own, so that one switch more changes nothing of what the
    others strike. A packet that is struck by ``cut`` or ``half-open`` is struck by nothing else.

    Args:
        faults: the switches.
        connection: which connection of the server this is, from 1.
    """

    def __init__(self, faults: Faults, connection: int) -> None:
        self._faults = faults
        self._number = 0
        self._trickles = False
        # Packets held back, each with the number of packets that have still to go before it.
        self._held: list[tuple[int, bytes]] = []
        self._draws = {
            name: np.random.default_rng([faults.seed, connection, index])
            for index, name in enumerate(_STREAMS)
        }
        self.refuses = bool(faults.refuse) and self._draws["refuse"].random() < faults.refuse

    def packet(self, frame: bytes) -> list[Step]:
        """What to do instead of sending this packet.

        Args:
            frame: a data packet of SeedLink 3 or 4.
        """
        self._number += 1
        faults = self._faults
        # All of them draw for each packet, whatever strikes it.
        struck = {
            "cut": self._strikes("cut", faults.cut),
            "half_open": self._strikes("half_open", faults.half_open),
            "trickle": self._strikes("trickle", faults.trickle),
            "drop": self._strikes("drop", faults.drop),
            "corrupt": self._strikes("corrupt", faults.corrupt),
            "duplicate": self._strikes("duplicate", faults.duplicate),
            "reorder": self._strikes("reorder", faults.reorder),
        }
        if struck["cut"]:
            return [Cut(frame[: int(self._draws["where"].integers(1, len(frame)))])]
        if struck["half_open"]:
            return [HalfOpen()]
        steps: list[Step] = []
        if struck["trickle"] and not self._trickles:
            self._trickles = True
            steps.append(Trickle(faults.trickle_bytes_s))
        if struck["drop"]:
            return steps
        if struck["corrupt"]:
            frame = self._flipped(frame)
        if struck["reorder"]:
            self._held.append((faults.reorder_places, frame))
        else:
            steps.append(Send(frame))
            steps += self._passed()
        if struck["duplicate"]:
            steps.append(Send(frame))
        return steps

    def rest(self) -> list[Step]:
        """What is still held back when no packet follows."""
        held, self._held = self._held, []
        return [Send(frame) for _, frame in held]

    def _strikes(self, name: str, when: When) -> bool:
        if when.nth is not None:
            return self._number == when.nth
        return when.chance > 0 and self._draws[name].random() < when.chance

    def _passed(self) -> list[Step]:
        """Packets that were held back and whose turn has come, after one more went by."""
        held = [(places - 1, frame) for places, frame in self._held]
        self._held = [one for one in held if one[0] > 0]
        return [Send(frame) for places, frame in held if places <= 0]

    def _flipped(self, frame: bytes) -> bytes:
        offset = record_offset(frame)
        damaged = bytearray(frame)
        size = (len(frame) - offset) * 8
        bits = min(self._faults.corrupt_bits, size)
        for bit in self._draws["where"].choice(size, bits, replace=False):
            damaged[offset + int(bit) // 8] ^= 1 << (int(bit) % 8)
        return bytes(damaged)


_STREAMS = (
    "refuse",
    "drop",
    "duplicate",
    "corrupt",
    "reorder",
    "cut",
    "half_open",
    "trickle",
    "where",
)

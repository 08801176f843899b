"""Ways to damage a miniSEED record: bits, cuts, header fields, lengths, splices, extra headers."""

from __future__ import annotations

import random
from collections.abc import Callable

_V2_FIELDS = [(20, 2), (22, 2), (24, 1), (25, 1), (26, 1), (28, 2), (30, 2), (32, 2), (34, 2)]
_V2_FIELDS += [(36, 1), (37, 1), (38, 1), (39, 1), (40, 4), (44, 2), (46, 2)]
_V2_FIELDS += [(48, 2), (50, 2), (52, 1), (53, 1), (54, 1), (56, 2), (58, 2), (60, 1), (61, 1)]
_V3_FIELDS = [(2, 1), (3, 1), (4, 4), (8, 2), (10, 2), (12, 1), (13, 1), (14, 1), (15, 1), (16, 8)]
_V3_FIELDS += [(24, 4), (32, 1), (33, 1), (34, 2), (36, 4)]
_JSON = [
    b'{"FDSN":{"Time":{"LeapSecond":1,"Quality":1e400}}}',
    b'{"FDSN":{"Flags":{"Spikes":[[]],"Glitches":true}}}',
    b'{"FDSN":' * 300 + b"1" + b"}" * 300,
    b'"\xff\xfe LeapSecond',
    b"[" * 2000,
]
_MOST_BYTES = 8192


def mutate(chooser: random.Random, payload: bytes, other: bytes) -> bytes:
    """Damage a record in one to three ways.

    Args:
        chooser: decides; the same state gives the same bytes.
        payload: a record.
        other: another one, for splices.
    """
    damaged = bytearray(payload)
    for _ in range(chooser.choice((1, 1, 1, 2, 3))):
        if not damaged:
            break
        chooser.choice(_WAYS)(chooser, damaged, other)
    if damaged[:2] == b"MS" and len(damaged) >= 40 and chooser.random() < 0.9:
        _mend_checksum(damaged)  # else the checksum hides what lies behind it
    return bytes(damaged[:_MOST_BYTES])


def _flip(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    for _ in range(chooser.choice((1, 1, 2, 8, 64))):
        damaged[chooser.randrange(len(damaged))] ^= 1 << chooser.randrange(8)


def _flip_header(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    for _ in range(chooser.choice((1, 2, 4))):
        damaged[chooser.randrange(min(64, len(damaged)))] ^= 1 << chooser.randrange(8)


def _cut(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    del damaged[chooser.randrange(len(damaged)) :]


def _lengthen(chooser: random.Random, damaged: bytearray, other: bytes) -> None:
    damaged += chooser.choice((bytes(64), b"\xff" * 512, other[:512]))


def _field(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    is_v3 = damaged[:2] == b"MS"
    place, size = chooser.choice(_V3_FIELDS if is_v3 else _V2_FIELDS)
    most = (1 << 8 * size) - 1
    value = chooser.choice((0, 1, most, most >> 1, (most >> 1) + 1, chooser.randint(0, most)))
    damaged[place : place + size] = value.to_bytes(size, chooser.choice(("big", "little")))


def _name(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    place = 40 if damaged[:2] == b"MS" else 8
    for offset in range(chooser.choice((1, 2, 5))):
        letter = chooser.choice(b"ABCXYZ019_:. -?\xc3\x00")
        damaged[place + offset : place + offset + 1] = bytes([letter])


def _rename(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    """Another station that could be one: only these fill the core's places for stations."""
    code = bytes(chooser.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=3))
    place = 40 + len(b"FDSN:XX_") if damaged[:2] == b"MS" else 8
    damaged[place : place + 3] = code


def _shift(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    if damaged[:2] == b"MS":
        damaged[10:12] = chooser.randint(1, 366).to_bytes(2, "little")
        damaged[8:10] = chooser.choice((1900, 1970, 2019, 2020, 2100, 2262)).to_bytes(2, "little")
    else:
        damaged[20:22] = chooser.choice((1, 1970, 2019, 2020, 2021, 2500)).to_bytes(2, "big")
        damaged[22:24] = chooser.randint(1, 366).to_bytes(2, "big")


def _splice(chooser: random.Random, damaged: bytearray, other: bytes) -> None:
    place = chooser.randrange(len(damaged))
    damaged[place:] = other[place:]


def _block(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    place = chooser.randrange(len(damaged))
    size = chooser.choice((4, 64, 256))
    damaged[place : place + size] = chooser.choice((bytes(size), chooser.randbytes(size)))


def _extra(chooser: random.Random, damaged: bytearray, _other: bytes) -> None:
    """Put extra headers into a miniSEED 3 record, with their length."""
    if damaged[:2] != b"MS" or len(damaged) < 40:
        return
    extra = chooser.choice(_JSON)
    begin = 40 + damaged[33]
    old = int.from_bytes(damaged[34:36], "little")
    damaged[begin : begin + old] = extra
    damaged[34:36] = len(extra).to_bytes(2, "little")


_WAYS: list[Callable[[random.Random, bytearray, bytes], None]] = [
    _flip,
    _flip,
    _flip_header,
    _flip_header,
    _cut,
    _lengthen,
    _field,
    _field,
    _field,
    _name,
    *[_rename] * 6,
    _shift,
    _splice,
    _block,
    _extra,
]


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC_TABLE = _crc_table()


def _mend_checksum(damaged: bytearray) -> None:
    """Put in the checksum of miniSEED 3 (CRC-32C over the record with the field at zero)."""
    damaged[28:32] = bytes(4)
    crc = 0xFFFFFFFF
    for byte in damaged:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    damaged[28:32] = (crc ^ 0xFFFFFFFF).to_bytes(4, "little")

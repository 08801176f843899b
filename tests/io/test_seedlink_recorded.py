"""io/seedlink.py against what ringserver 4.5.3 said in recorded conversations."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, Literal

import pytest
from structlog.testing import capture_logs

from tests.io.recorded_peer import CONVERSATIONS, FOLDER, Recording, recorded_peer
from tests.io.seedlink_peers import reader_of
from umamba_rt.wire.mseed import decode_record

pytestmark = pytest.mark.skipif(
    not CONVERSATIONS, reason=f"the recorded conversations are not at {FOLDER}"
)
Log = list[MutableMapping[str, Any]]
CUT, END, SILENT = "Connection closed", "seedlink_closed", "No data for over 1s"


def converse(
    name: str, protocol: Literal["v3", "v4"], *streams: str
) -> tuple[Recording, list[bytes], Log]:
    """Read a recording until the reader has left it and come back; gives packets and log."""
    recording = Recording.read(FOLDER / f"{name}.jsonl")

    async def run() -> list[bytes]:
        payloads: list[bytes] = []
        async with recorded_peer(recording) as (peer, port):
            reader = reader_of(port, *streams, protocol=protocol, idle_timeout_s=1.0)

            async def listen() -> None:
                async for packet in reader.packets():
                    payloads.append(packet.payload)  # noqa: PERF401 - kept when cancelled

            listening = asyncio.create_task(listen())
            async with asyncio.timeout(20):
                while peer.connections < 2:  # noqa: ASYNC110 - a count, not an event
                    await asyncio.sleep(0.01)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            return payloads

    with capture_logs() as log:
        payloads = asyncio.run(run())
    return recording, payloads, log


@pytest.mark.parametrize(
    ("name", "protocol", "streams", "ending"),
    [
        ("v3-data-from-start", "v3", ["CI_CCC:HHZ"], CUT),
        ("v3-fetch", "v3", ["CI_CCC:HH?"], CUT),
        ("v3-live-only", "v3", ["CI_CCC:HHZ"], SILENT),
        ("v3-time-window", "v3", ["CI_CCC:HHZ"], END),
        ("v3-uni-station", "v3", ["CI_CCC:HHZ"], SILENT),
        ("v3-unknown-station", "v3", ["XX_NOPE:???", "CI_CCC:nonsense-selector HHZ"], CUT),
        ("v3-wildcard", "v3", ["*_*"], CUT),
        ("v4-as-miniseed3", "v4", ["CI_CCC:*:3"], CUT),
        ("v4-data-from", "v4", ["CI_CCC:_H_H_Z"], CUT),
        ("v4-time-window-fetch", "v4", ["CI_CCC:HHZ"], END),
        ("v4-errors", "v4", ["XX_NOPE:HHZ", "CI_CCC:HHZ", "CI_CLC:HHZ"], SILENT),
    ],
)
def test_reader_takes_every_packet_and_comes_back(
    name: str, protocol: Literal["v3", "v4"], streams: list[str], ending: str
) -> None:
    recording, payloads, log = converse(name, protocol, *streams)
    assert payloads == recording.packets()
    segments = [decode_record(payload, source=name) for payload in payloads]
    assert all(len(segment.samples) and segment.rate_hz == 100.0 for segment in segments)
    ends = [one for one in log if one["event"] in ("seedlink_closed", "seedlink_failed")]
    assert ending in (ends[0]["event"], ends[0]["reason"])
    connected = next(one for one in log if one["event"] == "seedlink_connected")
    assert connected["protocol"] == protocol.upper()


def test_refused_selector_and_position_are_told_and_leave_the_rest() -> None:
    _, payloads, log = converse(
        "v3-unknown-station", "v3", "XX_NOPE:???", "CI_CCC:nonsense-selector HHZ"
    )
    assert len(payloads) == 32
    assert rejected(log) == ["CI_CCC: SELECT nonsense-selector: no reason given"]
    *_, log = converse("v4-errors", "v4", "XX_NOPE:HHZ", "CI_CCC:HHZ", "CI_CLC:HHZ")
    assert len(rejected(log)) == 1
    assert rejected(log)[0].endswith(": DATA: Invalid sequence number")


def rejected(log: Log) -> list[str]:
    return [str(one["stream"]) for one in log if one["event"] == "seedlink_stream_rejected"]


def test_station_command_that_is_refused_leaves_nothing_to_stay_for() -> None:
    *_, log = converse("v4-order-errors", "v4", "CI_CCC:_H_H_Z")
    failure = next(one for one in log if one["event"] == "seedlink_failed")
    assert failure["reason"] == "No stations accepted"

"""io/server_streams.py: what servers say that they have, and servers that say nothing of use."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.io.recorded_peer import FOLDER, Recording, recorded_peer
from tests.io.seedlink_peers import OPTIONS, Script, scripted
from tests.support import free_port, records_of
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.errors import ServerError
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.io.server_streams import ServerStreams, read_streams, streams_v3, streams_v4
from umamba_rt.wire.fault_switches import parse_faults

RECORDS = sorted(
    [*records_of("AA_ONE"), *records_of("BB_TWO", seed=1)], key=lambda record: record.end_ns
)
NAMES = [f"FDSN:{station}__H_H_{code}" for station in ("AA_ONE", "BB_TWO") for code in "ENZ"]
Protocol = Literal["auto", "v3", "v4"]


def config(port: int, protocol: Protocol = "auto", token_file: str = "") -> SeedLinkConfig:
    return SeedLinkConfig(
        server=f"127.0.0.1:{port}",
        streams=("*_*",),
        protocol=protocol,
        connect_timeout_s=1.0,
        token_file=token_file,
    )


def names(found: ServerStreams) -> list[str]:
    assert found.streams is not None
    return [str(stream) for stream in found.streams]


def of_replay(options: ServerOptions, protocol: Protocol) -> ServerStreams:
    async def run() -> ServerStreams:
        async with ReplayServer(Timeline(RECORDS), options) as server:
            return await read_streams(config(server.port, protocol))

    return asyncio.run(run())


@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_streams_of_our_server(protocol: Protocol) -> None:
    found = of_replay(OPTIONS, protocol)
    assert names(found) == NAMES
    assert found.protocol == protocol
    assert found.greeting.startswith("SeedLink v4.0 (umamba-rt-replay/")


def test_auto_takes_what_the_server_speaks() -> None:
    assert of_replay(OPTIONS, "auto").protocol == "v4"
    v3_only = ServerOptions(faults=parse_faults(["v3-only"]))
    assert of_replay(v3_only, "auto").protocol == "v3"
    with pytest.raises(ServerError):
        of_replay(v3_only, "v4")


@pytest.mark.parametrize("name", ["v3-info", "v4-info"])
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the recorded conversations are not at {FOLDER}")
def test_streams_of_ringserver(name: str) -> None:
    recording = Recording.read(FOLDER / f"{name}.jsonl")
    protocol: Protocol = "v3" if name.startswith("v3") else "v4"

    async def run() -> ServerStreams:
        async with recorded_peer(recording) as (_, port):
            return await read_streams(config(port, protocol))

    found = asyncio.run(run())
    assert found.greeting == "SeedLink v4.0 (RingServer/4.5.3)"
    assert {name.split("_")[0] for name in names(found)} == {"FDSN:CI", "FDSN:PB"}
    assert len(names(found)) == 9


Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def answering_info(answer: bytes) -> Script:
    """A v4 server that answers INFO with these bytes."""

    async def script(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while line := await source.readuntil(b"\r"):
            if line.strip() == b"HELLO":
                sink.write(b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n")
            elif line.strip().startswith(b"INFO"):
                sink.write(answer)
            else:
                sink.write(b"OK\r\n")

    return script


def json_frame(document: object, kind: bytes = b"I") -> bytes:
    body = json.dumps(document).encode()
    return struct.pack("<2sccIQB", b"SE", b"J", kind, len(body), 0, 0) + body


def of_script(script: Script, token_file: str = "") -> ServerStreams:
    async def run() -> ServerStreams:
        async with scripted(script) as port:
            return await read_streams(config(port, token_file=token_file))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            json_frame({"error": {"code": "UNAUTHORIZED", "message": "not for you"}}, b"E"),
            "not for",
        ),
        (json_frame({"error": {}}, b"E"), "no reason given"),
        (b"ERROR UNSUPPORTED no INFO here\r\n", "Expected an INFO reply"),
        (b"nonsense", "Unexpected data in stream"),
    ],
)
def test_server_that_keeps_its_streams_to_itself_is_no_failure(answer: bytes, reason: str) -> None:
    found = of_script(answering_info(answer))
    assert found.streams is None
    assert reason in found.reason


def test_entries_of_another_form_are_left_out() -> None:
    stations = [
        {"id": "AA_ONE", "stream": [{"id": "_H_H_Z"}, {"id": 7}, {}, "x", {"id": "_H_H_" + "é"}]},
        {"id": None, "stream": [{"id": "_H_H_Z"}]},
        {"id": "AA_TWO", "stream": 7},
        {"id": "AA_TWO"},
        7,
    ]
    found = of_script(answering_info(json_frame({"station": stations})))
    assert names(found) == ["FDSN:AA_ONE__H_H_Z"]


@pytest.mark.parametrize("document", [None, 7, [], {}, {"station": {}}, {"seedlink": 7}])
def test_documents_of_another_form_hold_nothing(document: object) -> None:
    assert not list(streams_v3(document))
    assert not list(streams_v4(document))


def test_v3_logs_are_no_streams() -> None:
    streams = [
        {"location": "", "seedname": "HHZ", "type": "D"},
        {"location": "00", "seedname": "HHN"},
        {"location": "", "seedname": "LOG", "type": "L"},
        {"location": "", "seedname": "TOOLONG", "type": "D"},
    ]
    station = {"network": "AA", "name": "ONE", "stream": streams}
    found = [str(one) for one in streams_v3({"seedlink": {"station": [station]}})]
    assert found == ["FDSN:AA_ONE__H_H_Z", "FDSN:AA_ONE_00_H_H_N"]


async def _http(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await source.readline()
    sink.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def _mute(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await source.read()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (_http, "no SeedLink server: 'HTTP/1.1 400 Bad Request'"),
        (_mute, "Timed out connecting"),
        (answering_info(json_frame({})[:-1] + b"["), "Expecting"),
    ],
    ids=["http", "mute", "broken"],
)
def test_server_that_is_none_is_an_error_with_its_name(script: Script, reason: str) -> None:
    with pytest.raises(ServerError) as failed:
        of_script(script)
    assert failed.value.server.startswith("127.0.0.1:")
    assert reason in failed.value.reason


def test_port_where_nobody_listens_is_an_error() -> None:
    with pytest.raises(ServerError, match="Connect call failed"):
        asyncio.run(read_streams(config(free_port())))


def test_login_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    missing = str(tmp_path / "token")
    with pytest.raises(ServerError, match=r"token_file .*: No such file"):
        of_script(_mute, token_file=missing)

"""io/replay_server.py: clients of other makers."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest

from tests.io.replayed import (
    START_NS,
    serve,
    wanted,
)
from umamba_rt.io.replay_server import ReplayServer


def test_obspys_client_streams_and_reads_info() -> None:
    from obspy import Trace
    from obspy.clients.seedlink.easyseedlink import EasySeedLinkClient

    traces: list[Trace] = []

    class EnoughError(Exception):
        """Ends the client's loop; its own ``terminate`` is forgotten by its next round."""

    class Listener(EasySeedLinkClient):  # type: ignore[misc]
        def on_data(self, trace: Trace) -> None:
            traces.append(trace)
            if len(traces) == 12:
                raise EnoughError

    def listen(port: int) -> str:
        # obspy 1.5.1 cannot connect without a timeout, which only the connection takes.
        listener = Listener(f"127.0.0.1:{port}", autoconnect=False)
        listener.conn.timeout = 10
        listener.connect()
        assert listener.has_capability("multistation")
        assert listener.has_info_capability("STREAMS")
        streams = str(listener.get_info("STREAMS"))
        listener.select_stream("CI", "CCC", "HH?")
        listener.select_stream("PB", "B916", "EHZ")
        with pytest.raises(EnoughError):
            listener.run()
        listener.close()
        return streams

    async def test(server: ReplayServer) -> str:
        return await asyncio.to_thread(listen, server.port)

    streams = serve(test)
    assert 'seedname="EHZ"' in streams
    assert {trace.id for trace in traces} == {
        *(f"CI.CCC..HH{c}" for c in "ENZ"),
        "PB.B916..EHZ",
    }
    assert traces[0].stats.starttime.ns == START_NS


@pytest.mark.skipif(shutil.which("slinktool") is None, reason="slinktool is not installed")
def test_slinktool_lists_and_fetches() -> None:
    def ask(*arguments: str) -> str:
        return subprocess.run(
            ["slinktool", *arguments], check=True, capture_output=True, text=True, timeout=10
        ).stdout

    async def test(server: ReplayServer) -> tuple[str, str]:
        where = f"127.0.0.1:{server.port}"
        streams = await asyncio.to_thread(ask, "-Q", where)
        return streams, await asyncio.to_thread(ask, "-p", "-d", "-S", "CI_CCC:HHZ", where)

    streams, packets = serve(test)
    assert "CCC" in streams
    assert packets.count("CI_CCC") == len(wanted("FDSN:CI_CCC__H_H_Z"))

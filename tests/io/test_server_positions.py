"""io/server_positions.py: what is recovered, and what is set aside and why."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.io.seedlink_peers import OPTIONS, read
from tests.support import records_of
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.core.ids import GroupId
from umamba_rt.io.position import Receipt
from umamba_rt.io.replay_server import ReplayServer
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.io.server_buffer import Extent
from umamba_rt.io.server_positions import ServerPositions
from umamba_rt.io.statefile import Position, StateFile
from umamba_rt.wire.record import ReplayRecord

GROUP = GroupId("XX", "A", "", "HH")
NOW_NS = 1_700_000_000 * 10**9
HOUR_NS = 3600 * 10**9


def positions(folder: Path, *stations: str) -> ServerPositions:
    return ServerPositions(stations or ("XX_A", "XX_*"), 10**12, StateFile(folder, "a:1"))


def saved(folder: Path, **of: Position) -> Path:
    file = StateFile(folder, "a:1")
    file.save({"XX_A": of.get("a"), "XX_*": of.get("others")})
    return file.path


def aside(folder: Path) -> list[str]:
    """Kinds of the files that were set aside."""
    return [path.name.split(".state.")[1].rsplit("-", 1)[0] for path in folder.glob("*.state.*")]


def test_positions_are_recovered_moved_and_saved(tmp_path: Path) -> None:
    saved(tmp_path, a=Position(7, NOW_NS))
    made = positions(tmp_path)
    made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    assert made.recovered == {"XX_A": Position(7, NOW_NS)}
    assert made.snapshot() == {"XX_A": Position(7, NOW_NS), "XX_*": None}
    assert made.note(["XX_A", "XX_*"], Receipt(8, 7, 10, 20, GROUP, 0))
    assert not made.note(["XX_A", "XX_*"], Receipt(9, 8, 30, 40, GROUP, 0))
    made.advance(lambda _: 25, 0)
    made.save(made.snapshot())
    again = positions(tmp_path)
    again.recover(NOW_NS, None, HOUR_NS)
    assert again.recovered == {"XX_A": Position(8, 0), "XX_*": Position(8, 0)}


def test_stream_that_is_no_longer_configured_is_left_out(tmp_path: Path) -> None:
    saved(tmp_path, a=Position(7, NOW_NS))
    made = positions(tmp_path, "XX_B")
    made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    assert made.recovered == {}


@pytest.mark.parametrize(
    ("time_ns", "kind"),
    [(NOW_NS + HOUR_NS + 10**9, "future"), (NOW_NS - HOUR_NS - 10**9, "too-old")],
)
def test_position_of_the_wrong_time_is_set_aside_and_others_stay(
    time_ns: int, kind: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, a=Position(7, time_ns), others=Position(9, NOW_NS))
    made = positions(tmp_path)
    with capture_logs() as logs:
        made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    assert made.recovered == {"XX_*": Position(9, NOW_NS)}
    assert made.snapshot() == {"XX_A": None, "XX_*": Position(9, NOW_NS)}
    assert aside(tmp_path) == [kind]
    (warning,) = logs
    assert (warning["event"], warning["file"]) == ("state_set_aside", str(path))
    assert warning["detail"].startswith("XX_A: its packet is of 20")
    assert Path(warning["renamed_to"]).exists()


def test_replay_takes_positions_of_any_age(tmp_path: Path) -> None:
    saved(tmp_path, a=Position(7, 0))
    made = positions(tmp_path)
    made.recover(NOW_NS, None, HOUR_NS)
    assert made.recovered


@pytest.mark.parametrize(
    ("content", "kind"), [(b"garbage", "corrupt"), (b"#V2\n# server b:2\n", "other-server")]
)
def test_file_of_no_use_is_set_aside(content: bytes, kind: str, tmp_path: Path) -> None:
    StateFile(tmp_path, "a:1").path.write_bytes(content)
    made = positions(tmp_path)
    with capture_logs() as logs:
        made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    assert made.recovered == {}
    assert aside(tmp_path) == [kind]
    assert [entry["kind"] for entry in logs] == [kind]


def test_file_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    StateFile(tmp_path, "a:1").path.mkdir()
    made = positions(tmp_path)
    with capture_logs() as logs:
        made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    assert [entry["event"] for entry in logs] == ["state_unreadable"]


def test_positions_without_a_file_are_kept_nowhere(tmp_path: Path) -> None:
    made = ServerPositions(["XX_A"], 0, None)
    made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    made.save({"XX_A": Position(1, None)})
    made.check([])
    assert made.recovered == {}
    assert list(tmp_path.iterdir()) == []


def test_check_refuses_what_the_server_has_not(tmp_path: Path) -> None:
    saved(tmp_path, a=Position(7, NOW_NS), others=Position(900, NOW_NS))
    made = positions(tmp_path)
    made.recover(NOW_NS, HOUR_NS, HOUR_NS)
    with capture_logs() as logs:
        refused = made.check([Extent("XX_A", 100, 500), Extent("XX_B", 200, 600)])
    assert refused == ["XX_A", "XX_*"]
    assert [entry["kind"] for entry in logs] == ["beyond-buffer", "future"]
    assert logs[0]["detail"] == "XX_A: behind packet 7, the server has 100 to 500"
    assert logs[1]["renamed_to"] is None  # it was, for the first one
    assert made.recovered == {}


# -- with a reader and a real server


def reader(folder: Path, port: int, protocol: Any = "auto") -> SeedLinkReader:
    server = f"127.0.0.1:{port}"
    config = SeedLinkConfig(server=server, streams=("AA_ONE",), protocol=protocol)
    return SeedLinkReader(config, ServerPositions(["AA_ONE"], 0, StateFile(folder, server)))


@pytest.mark.parametrize("protocol", ["v3", "v4"])
@pytest.mark.parametrize(
    ("sequence", "first", "kind"),
    [(4, 5, None), (0, 1, None), (10**6, 1, "future")],
)
def test_reader_goes_on_behind_the_position_or_from_live(
    sequence: int, first: int, kind: str | None, protocol: str, tmp_path: Path
) -> None:
    records = records_of(seconds=20)

    async def run() -> list[bytes]:
        async with ReplayServer(Timeline(records), OPTIONS) as server:
            # As after a real run: the time is that of the packet. SeedLink 3 sends it along.
            time_ns = records[sequence - 1].start_ns if 0 < sequence <= len(records) else None
            StateFile(tmp_path, f"127.0.0.1:{server.port}").save(
                {"AA_ONE": Position(sequence, time_ns)}
            )
            one = reader(tmp_path, server.port, protocol)
            assert one.recover(NOW_NS, None, HOUR_NS) == 1
            return await read(one, len(records) - first + 1)

    with capture_logs() as logs:
        payloads = asyncio.run(run())
    assert payloads[0] == records[first - 1].payload
    assert [entry["kind"] for entry in logs if entry["event"] == "state_set_aside"] == (
        [kind] if kind else []
    )


# -- a server that was reset while nobody was connected


class Waiting(Timeline):
    """Takes any number for one that it will come to, and keeps silent until then."""

    def is_plausible(self, number: int, released: int) -> bool:
        """Always."""
        return True


async def over_a_reset(
    folder: Path, protocol: Any, before: Sequence[ReplayRecord], after: Sequence[ReplayRecord]
) -> tuple[list[bytes], int]:
    """What a reader gets of a server that counts anew, and the number that it would resume at."""
    async with ReplayServer(Timeline(before), OPTIONS) as server:
        port = server.port
        config = SeedLinkConfig(
            server=f"127.0.0.1:{port}",
            streams=("AA_ONE",),
            protocol=protocol,
            reconnect_min_s=0.05,
            reconnect_max_s=0.1,
        )
        file = StateFile(folder, config.server)
        one = SeedLinkReader(config, ServerPositions(["AA_ONE"], 0, file))
        packets = one.packets()
        for _ in before:
            one.note(await anext(packets), None, 0)
        await server.close(abort=True)
    payloads = []
    async with ReplayServer(Waiting(after), replace(OPTIONS, port=port)):
        async with asyncio.timeout(20):
            for _ in after:
                packet = await anext(packets)
                one.note(packet, None, 0)
                payloads.append(packet.payload)
        await packets.aclose()  # type: ignore[attr-defined]
    one.positions.advance(lambda _: None, 0)
    position = one.positions.snapshot()["AA_ONE"]
    assert position is not None
    return payloads, position.sequence


@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_reset_server_is_read_from_its_first_packet_on(protocol: str, tmp_path: Path) -> None:
    """It does not wait for a number that would never come, and what came meanwhile is not lost."""
    all_of_them = records_of(seconds=60)
    before, after = all_of_them[: len(all_of_them) * 2 // 3], all_of_them[-9:]
    with capture_logs() as logs:
        payloads, number = asyncio.run(over_a_reset(tmp_path, protocol, before, after))
    assert payloads == [one.payload for one in after]
    assert number == len(after)
    (told,) = [entry for entry in logs if entry["event"] == "seedlink_numbers_anew"]
    assert told["detail"] == f"AA_ONE: behind packet {len(before)}, the server has 1 to 9"


def test_number_that_the_server_still_has_is_gone_on_with(tmp_path: Path) -> None:
    made = positions(tmp_path)
    made.note(["XX_A"], Receipt(7, 6, 10, 20, GROUP, 0))
    with capture_logs() as logs:
        # The next packet may be the first to come; one that has left the buffer is the server's
        # affair; of what a server does not tell nothing is known.
        for extent in (Extent("XX_A", 1, 7), Extent("XX_A", 8, 9), Extent("XX_A", 50, 60)):
            assert made.begin_anew({"XX_A": 7}, [extent]) == {}
        assert made.begin_anew({"XX_A": 7}, [Extent("XX_B", 1, 2)]) == {}
    assert logs == []
    assert made.snapshot()["XX_A"] == Position(6, None)
    with capture_logs() as logs:
        assert made.begin_anew({"XX_A": 7}, [Extent("XX_A", 3, 6)]) == {"XX_A": 2}
    assert [entry["event"] for entry in logs] == ["seedlink_numbers_anew"]
    assert made.snapshot()["XX_A"] is None

"""io/login.py and io/seedlink.py: TLS, logins and IPv6 on real sockets; no secret in any log."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from tests.io.seedlink_peers import OPTIONS, Script, payloads_of, read
from tests.support import records_of
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.errors import UnavailableError
from umamba_rt.io.login import hide, read_login
from umamba_rt.io.replay_server import ReplayServer
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.wire.seedlink_frames import Protocol, data_frame

SECRET = "hunter2-and-more"
RECORDS = records_of(seconds=10)
FRAMES = [
    data_frame(Protocol.V4, number, one.source_id.station_id, one.payload)
    for number, one in enumerate(RECORDS, 1)
]
Judge = Callable[[list[bytes]], bytes]


def config_of(port: int, **keys: Any) -> SeedLinkConfig:
    made = SeedLinkConfig(
        server=f"127.0.0.1:{port}",
        streams=("*_*",),
        connect_timeout_s=2.0,
        reconnect_min_s=0.05,
        reconnect_max_s=0.1,
    )
    return replace(made, **keys)


def accepting(words: list[bytes]) -> bytes:
    return b"OK"


@asynccontextmanager
async def serving(
    script: Script, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """A server whose connections follow the script, encrypted or not; gives its port."""

    async def answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            await script(source, sink)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            sink.close()
            with contextlib.suppress(OSError):
                await sink.wait_closed()

    server = await asyncio.start_server(answer, host, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        handlers = asyncio.all_tasks() - {asyncio.current_task()}
        if handlers:
            await asyncio.wait(handlers, timeout=5)


@asynccontextmanager
async def v4_server(
    judge: Judge = accepting, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A v4 server whose answer to AUTH is the judge's; gives its port and all commands."""
    seen: list[bytes] = []

    async def script(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while line := (await source.readuntil(b"\r")).strip():
            seen.append(line)
            if line == b"HELLO":
                sink.write(b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n")
            elif line == b"END":
                sink.writelines(FRAMES)
            elif line.startswith(b"AUTH"):
                sink.write(judge(line.split()) + b"\r\n")
            elif not line.startswith(b"INFO"):
                sink.write(b"OK\r\n")

    async with serving(script, context, host) as port:
        yield port, seen


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def ca_file(authority: trustme.CA, folder: Path) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def log() -> Any:
    """Everything that is logged, by whatever way and at whatever level."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=structlog.PrintLoggerFactory(text),
        cache_logger_on_first_use=False,
    )
    yield text
    structlog.reset_defaults()
    root.removeHandler(handler)
    root.setLevel(level)


async def first_failure(reader: SeedLinkReader) -> str:
    """What the first failure is said to be."""
    reading = asyncio.create_task(read(reader, 1))
    async with asyncio.timeout(15):
        while not reader.counts.last_failure:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return reader.counts.last_failure


def test_encrypted_server_is_read_where_its_authority_is_trusted(
    authority: trustme.CA, tmp_path: Path
) -> None:
    trusted = ca_file(authority, tmp_path)

    async def run() -> tuple[list[bytes], str]:
        context = server_side(authority, "127.0.0.1")
        async with v4_server(context=context) as (port, _):
            reader = SeedLinkReader(config_of(port, tls=True, tls_ca_file=trusted))
            return await read(reader, len(RECORDS)), reader.counts.protocol

    assert asyncio.run(run()) == (payloads_of(RECORDS), "V4")


@pytest.mark.parametrize(
    ("names", "trusts", "reason"),
    [
        (("127.0.0.1",), False, "certificate verification failed"),
        (("other.example",), True, "IP address mismatch"),
    ],
)
def test_server_that_is_not_the_one_gets_nothing(
    names: tuple[str, ...], trusts: bool, reason: str, authority: trustme.CA, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(SECRET, encoding="utf-8")
    keys = {"tls": True, "user": "me", "password_file": str(tmp_path / "password")}
    if trusts:
        keys["tls_ca_file"] = ca_file(authority, tmp_path)

    async def run() -> tuple[str, list[bytes]]:
        async with v4_server(context=server_side(authority, *names)) as (port, seen):
            return await first_failure(SeedLinkReader(config_of(port, **keys))), seen

    failure, seen = asyncio.run(run())
    assert reason in failure
    assert seen == []


def test_server_that_speaks_no_tls_fails_in_time() -> None:
    async def run() -> str:
        async with v4_server() as (port, _):
            return await first_failure(SeedLinkReader(config_of(port, tls=True)))

    assert asyncio.run(run()).startswith(("Timed out connecting", "Could not connect"))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_authority_file_of_no_use_is_told_at_the_start(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UnavailableError, match=r"ca\.pem"):
        SeedLinkReader(config_of(1, tls=True, tls_ca_file=str(path)))


def test_ipv6_server_is_read() -> None:
    async def run() -> list[bytes]:
        options = replace(OPTIONS, host="::1")
        async with ReplayServer(Timeline(RECORDS), options) as server:
            reader = SeedLinkReader(config_of(0, server=f"[::1]:{server.port}"))
            return await read(reader, len(RECORDS))

    assert asyncio.run(run()) == payloads_of(RECORDS)


def test_ipv6_server_is_read_encrypted(authority: trustme.CA, tmp_path: Path) -> None:
    trusted = ca_file(authority, tmp_path)

    async def run() -> list[bytes]:
        context = server_side(authority, "::1")
        async with v4_server(context=context, host="::1") as (port, _):
            server = f"[::1]:{port}"
            reader = SeedLinkReader(config_of(0, server=server, tls=True, tls_ca_file=trusted))
            return await read(reader, len(RECORDS))

    assert asyncio.run(run()) == payloads_of(RECORDS)


@pytest.mark.parametrize("kind", ["password", "token"])
@pytest.mark.parametrize("source", ["file", "env"])
def test_login_is_sent_and_appears_in_no_log(
    kind: str,
    source: str,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n", encoding="utf-8")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setenv("THE_SECRET", SECRET)
    where = {"file": "$FOLDER/secret", "env": "THE_SECRET"}[source]
    keys = {f"{kind}_{source}": where, **({"user": "me"} if kind == "password" else {})}
    trusted = ca_file(authority, tmp_path)

    async def run() -> tuple[list[bytes], list[bytes]]:
        async with v4_server(context=server_side(authority, "127.0.0.1")) as (port, seen):
            reader = SeedLinkReader(config_of(port, tls=True, tls_ca_file=trusted, **keys))
            return await read(reader, len(RECORDS)), seen

    payloads, seen = asyncio.run(run())
    assert payloads == payloads_of(RECORDS)
    login = f"AUTH USERPASS me {SECRET}" if kind == "password" else f"AUTH JWT {SECRET}"
    assert login.encode() in seen
    assert seen.index(login.encode()) < seen.index(b"END")
    assert "seedlink_connected" in log.getvalue()
    assert SECRET not in log.getvalue()


@pytest.mark.parametrize(
    "answer",
    [
        b"ERROR UNAUTHORIZED no",
        b"ERROR UNAUTHORIZED not with " + SECRET.encode(),
        b"what is " + SECRET.encode(),
        SECRET.encode(),
    ],
)
def test_refused_login_is_told_without_the_secret_and_tried_again(
    answer: bytes, tmp_path: Path, log: io.StringIO
) -> None:
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
    answers = [answer, answer, b"OK"]

    async def run() -> SeedLinkReader:
        async with v4_server(lambda _: answers.pop(0)) as (port, _):
            keys = {"user": "me", "password_file": str(tmp_path / "secret")}
            reader = SeedLinkReader(config_of(port, **keys))
            assert await read(reader, len(RECORDS)) == payloads_of(RECORDS)
            return reader

    reader = asyncio.run(run())
    assert reader.counts.failures == 2
    assert reader.counts.last_failure
    assert SECRET not in reader.counts.last_failure
    assert SECRET not in log.getvalue()
    assert "seedlink_login_unencrypted" in log.getvalue()


def test_secret_that_a_rejection_echoes_is_hidden(tmp_path: Path, log: io.StringIO) -> None:
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")

    async def answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while line := (await source.readuntil(b"\r")).strip():
            if line == b"HELLO":
                sink.write(b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n")
            elif line == b"STATION *_*":
                sink.write(b"ERROR UNAUTHORIZED " + SECRET.encode() + b" may not\r\n")
            elif line == b"END":
                break
            else:
                sink.write(b"OK\r\n")
        sink.writelines(FRAMES)
        await source.read()

    async def run() -> SeedLinkReader:
        async with serving(answer) as port:
            keys = {"token_file": str(tmp_path / "secret"), "streams": ("AA_ONE", "*_*")}
            reader = SeedLinkReader(config_of(port, **keys))
            await read(reader, 1)
            return reader

    reader = asyncio.run(run())
    assert reader.counts.rejected == ["*_*: STATION *_*: [secret] may not"]
    assert SECRET not in log.getvalue()


def test_token_is_read_anew_at_each_connect(tmp_path: Path) -> None:
    """Tokens expire, and are renewed by whoever owns the file."""
    path = tmp_path / "token"
    path.write_text("old", encoding="utf-8")

    def judge(words: list[bytes]) -> bytes:
        path.write_text("new", encoding="utf-8")
        return b"OK" if words[2] == b"new" else b"ERROR UNAUTHORIZED expired"

    async def run() -> int:
        async with v4_server(judge) as (port, _):
            reader = SeedLinkReader(config_of(port, token_file=str(path)))
            await read(reader, 1)
            return reader.counts.failures

    assert asyncio.run(run()) == 1


def test_secret_that_went_away_is_a_failure_of_this_server_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("token", encoding="utf-8")
    reader = SeedLinkReader(config_of(1, token_file=str(path)))
    path.unlink()
    assert "No such file" in asyncio.run(first_failure(reader))


def test_login_at_a_server_of_seedlink_3_is_warned_of(tmp_path: Path, log: io.StringIO) -> None:
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")

    async def answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await source.readline()
        sink.write(b"SeedLink v3.1 (2020.075) :: SLPROTO:3.1\r\nTest\r\n")
        while not (await source.readline()).startswith(b"END"):
            sink.write(b"OK\r\n")
        for number, one in enumerate(RECORDS, 1):
            sink.write(data_frame(Protocol.V3, number, "", one.payload))
        await source.read()

    async def run() -> None:
        async with serving(answer) as port:
            keys = {"token_file": str(tmp_path / "secret")}
            await read(SeedLinkReader(config_of(port, **keys)), 1)

    asyncio.run(run())
    assert "seedlink_login_impossible" in log.getvalue()


@pytest.mark.parametrize("content", [b"", b"two words", b"two\nlines", b"\xc3\xa9", b"x" * 4001])
def test_secret_that_cannot_be_sent_is_told_without_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match=r"token_file .*secret: expected one line") as caught:
        read_login(config_of(1, token_file=str(path)))
    assert not content or content.decode("latin-1") not in str(caught.value)


def test_secret_that_is_nowhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(UnavailableError, match="password_env NOT_SET: no such"):
        read_login(config_of(1, user="me", password_env="NOT_SET"))
    with pytest.raises(UnavailableError, match="No such file"):
        SeedLinkReader(config_of(1, user="me", password_file=str(tmp_path / "none")))


def test_without_a_login_nothing_is_read_or_hidden() -> None:
    assert read_login(config_of(1)) is None
    assert hide("a text", None) == "a text"
    assert hide(f"a {SECRET}", ("me", SECRET)) == "a [secret]"

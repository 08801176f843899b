"""io/access.py and io/zap.py on real sockets: who gets messages, and who gets none."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
from structlog.testing import capture_logs

from tests.endpoints import answering, wait_until
from tests.io.test_publisher import BEAT
from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.config.whole import Config
from umamba_rt.curve import ClientKeys, KeyPair, key_pair, public_key, secure, write_key_pair
from umamba_rt.errors import UnavailableError
from umamba_rt.io.access import Access, Reloaded, open_access
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import Handler, QueryEndpoint

# Long enough for a handshake, which takes 3 ms, and short enough to wait for nothing.
NOTHING_MS = 300


@dataclass(frozen=True)
class Keys:
    """A server's and two clients' files; the second client is not in the list."""

    folder: Path

    def of(self, name: str) -> ClientKeys:
        return ClientKeys(public_key(self.folder / "server"), key_pair(self.folder / name))

    def allow(self, *names: str) -> None:
        lines = [f"{public_key(self.folder / name)}  {name}\n" for name in names]
        (self.folder / "clients").write_text("# who may\n\n" + "".join(lines), encoding="ascii")

    def access(self) -> Access:
        return Access(str(self.folder / "server"), str(self.folder / "clients"))


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    for name in ("server", "one", "two"):
        write_key_pair(tmp_path / name)
    made = Keys(tmp_path)
    made.allow("one")
    return made


@contextmanager
def feed_of(access: Access, address: str = "tcp://127.0.0.1:*") -> Iterator[Publisher]:
    publisher = Publisher(PublisherConfig(address, curve=True), access=access)
    try:
        yield publisher
    finally:
        publisher.close()


@contextmanager
def subscriber(address: str, keys: ClientKeys | None) -> Iterator[zmq.Socket[bytes]]:
    context = zmq.Context()
    reader = context.socket(zmq.SUB)
    reader.set(zmq.LINGER, 0)
    secure(reader, keys)
    reader.set(zmq.SUBSCRIBE, b"")
    reader.connect(address)
    try:
        yield reader
    finally:
        context.destroy(linger=0)


def hears(publisher: Publisher, reader: zmq.Socket[bytes], tries: int = 500) -> bool:
    """Whether one of so many messages, 10 ms apart, comes."""
    for _ in range(tries):
        publisher.send(BEAT)
        if reader.poll(10):
            reader.recv_multipart()
            return True
    return False


def test_client_of_the_list_gets_messages_and_no_other_does(keys: Keys) -> None:
    access = keys.access()
    stranger = KeyPair(*(key.decode() for key in zmq.curve_keypair()))
    wrong_server = ClientKeys(stranger.public, keys.of("one").own)
    with (
        feed_of(access) as publisher,
        subscriber(publisher.address, keys.of("one")) as welcome,
        subscriber(publisher.address, None) as plain,
        subscriber(publisher.address, keys.of("two")) as unlisted,
        subscriber(publisher.address, ClientKeys(access.public_key, stranger)) as unknown,
        subscriber(publisher.address, wrong_server) as mistaken,
    ):
        assert hears(publisher, welcome)
        for _ in range(20):
            assert hears(publisher, welcome)
        for refused in (plain, unlisted, unknown, mistaken):
            assert not refused.poll(NOTHING_MS // 4)
    assert access.refused >= 2


def test_refused_client_is_logged_with_the_key_that_would_have_to_be_listed(keys: Keys) -> None:
    with (
        capture_logs() as log,
        feed_of(keys.access()) as publisher,
        subscriber(publisher.address, keys.of("two")),
    ):
        wait_until(lambda: any(one["event"] == "client_refused" for one in log))
    told = next(one for one in log if one["event"] == "client_refused")
    assert told["key"] == keys.of("two").own.public
    assert told["peer"] == "127.0.0.1"


def test_client_that_is_added_gets_in_without_a_new_connection_of_the_others(keys: Keys) -> None:
    access = keys.access()
    with (
        feed_of(access) as publisher,
        subscriber(publisher.address, keys.of("one")) as first,
        subscriber(publisher.address, keys.of("two")) as second,
    ):
        assert hears(publisher, first)
        monitor = first.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        assert not hears(publisher, second, 20)
        keys.allow("one", "two")
        assert access.adopt(access.read_clients()) == Reloaded(added=1, removed=0)
        assert hears(publisher, second)
        assert not monitor.poll(0)


@pytest.mark.parametrize("place", ["tcp://127.0.0.1:*", "ipc://{tmp}/feed"])
def test_client_that_is_removed_gets_nothing_more(keys: Keys, tmp_path: Path, place: str) -> None:
    keys.allow("one", "two")
    access = keys.access()
    with (
        feed_of(access, place.format(tmp=tmp_path)) as publisher,
        subscriber(publisher.address, keys.of("one")) as stays,
        subscriber(publisher.address, keys.of("two")) as goes,
    ):
        assert hears(publisher, stays)
        assert hears(publisher, goes)
        monitor = goes.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        keys.allow("one")
        assert access.adopt(access.read_clients()) == Reloaded(added=0, removed=1)
        assert monitor.poll(5000), "its connection stands"
        while goes.poll(0):
            goes.recv_multipart()
        wait_until(lambda: hears(publisher, stays, 1))  # comes back by itself
        for _ in range(30):
            assert hears(publisher, stays)
        assert not goes.poll(NOTHING_MS)


def test_list_that_cannot_be_read_leaves_the_former_one(keys: Keys) -> None:
    access = keys.access()
    with (keys.folder / "clients").open("a", encoding="ascii") as file:
        file.write("nonsense\n")
    with pytest.raises(UnavailableError, match="line 4: found no public key"):
        access.adopt(access.read_clients())
    (keys.folder / "clients").unlink()
    with pytest.raises(UnavailableError, match="No such file"):
        access.adopt(access.read_clients())
    with (
        feed_of(access) as publisher,
        subscriber(publisher.address, keys.of("one")) as reader,
    ):
        assert hears(publisher, reader)


def test_files_of_keys_that_are_of_no_use_end_the_start(keys: Keys) -> None:
    (keys.folder / "server").chmod(0o644)
    with pytest.raises(UnavailableError, match=r"access.server_key: .* opens the secret key"):
        keys.access()
    (keys.folder / "server").unlink()
    with pytest.raises(UnavailableError, match=r"access.server_key .*: No such file"):
        keys.access()


def test_variables_in_the_names_are_filled_in(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(keys.folder))
    access = Access("$CREDENTIALS_DIRECTORY/server", "${CREDENTIALS_DIRECTORY}/clients")
    assert access.public_key == public_key(keys.folder / "server")


def test_address_that_asks_for_keys_is_never_bound_without_them() -> None:
    with pytest.raises(ValueError, match="asks for keys"):
        Publisher(PublisherConfig("tcp://127.0.0.1:*", curve=True))


def test_one_address_may_be_plain_beside_one_with_keys(keys: Keys) -> None:
    plain = PublisherConfig("tcp://127.0.0.1:*")
    guarded = PublisherConfig("tcp://127.0.0.1:*", curve=True)
    publisher = Publisher(plain, guarded, access=keys.access())
    with (
        subscriber(publisher.addresses[0], None) as anyone,
        subscriber(publisher.addresses[1], keys.of("one")) as known,
    ):
        assert hears(publisher, anyone)
        assert hears(publisher, known)
    publisher.close()


def served(access: Access) -> AbstractContextManager[QueryEndpoint]:
    handlers: dict[str, Handler] = {"one": lambda _: {"value": 1}}
    return answering(QueryEndpoint("tcp://127.0.0.1:*", handlers, access=access))


def answered(address: str, keys: ClientKeys | None, wait_ms: int) -> bool:
    context = zmq.Context()
    asker = context.socket(zmq.DEALER)
    asker.set(zmq.LINGER, 0)
    secure(asker, keys)
    asker.connect(address)
    asker.send(b'{"request":"one"}')
    try:
        return bool(asker.poll(wait_ms))
    finally:
        asker.close()
        context.term()


def test_query_endpoint_answers_clients_of_the_list_alone(keys: Keys) -> None:
    access = keys.access()
    with served(access) as query:
        assert answered(query.address, keys.of("one"), 5000)
        assert not answered(query.address, None, NOTHING_MS)
        assert not answered(query.address, keys.of("two"), NOTHING_MS)
        keys.allow("two")
        access.adopt(access.read_clients())
        assert answered(query.address, keys.of("two"), 5000)
        assert not answered(query.address, keys.of("one"), NOTHING_MS)
        assert query.counts["answered"] == 2


def _half_greeting(address: str) -> socket.socket:
    """A peer that begins CURVE's handshake with noise.

    Source: ZMTP 3.0, https://rfc.zeromq.org/spec/23: greeting, then a command HELLO.
    """
    raw = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
    raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32))
    raw.sendall(b"\x04\xc8\x05HELLO" + os.urandom(194))
    return raw


@pytest.mark.parametrize("greet", [_half_greeting])
def test_flood_of_false_handshakes_holds_nothing_and_the_known_client_hears_all(
    keys: Keys, greet: Callable[[str], socket.socket]
) -> None:
    with (
        feed_of(keys.access()) as publisher,
        subscriber(publisher.address, keys.of("one")) as reader,
    ):
        assert hears(publisher, reader)
        open_before = len(list(Path("/proc/self/fd").iterdir()))
        flood = []
        for _ in range(300):
            flood.append(greet(publisher.address))
            publisher.send(BEAT)
            assert reader.poll(5000)
            reader.recv_multipart()
        for raw in flood:
            raw.settimeout(10)
            try:
                while raw.recv(4096):
                    pass  # its greeting
            except ConnectionError:
                pass
            raw.close()
        wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= open_before + 2)


def test_endpoints_that_anyone_may_use_are_logged(keys: Keys) -> None:
    public = PublisherConfig("tcp://0.0.0.0:5560", insecure_public=True)
    with capture_logs() as log:
        assert open_access(Config(publisher=(PublisherConfig(), public))) is None
    assert [(one["event"], one["address"]) for one in log] == [
        ("open_to_the_network", "tcp://0.0.0.0:5560")
    ]

"""Who may connect to the daemon's endpoints: its own CURVE keys, and those of its clients."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog
import zmq
from zmq.utils import z85

from umamba_rt.config.access import EndpointConfig, is_open
from umamba_rt.config.whole import Config
from umamba_rt.curve import is_key, key_pair
from umamba_rt.errors import UnavailableError
from umamba_rt.rate_limit import RateLimit

# Refuses even if nobody answers for this domain: a socket without its handler lets nobody in.
_ZAP_DOMAIN = "umamba-rt"
_LOG_S = 10.0
_MAX_LIST_BYTES = 10_000_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What has changed in the list of clients: keys that are new, keys that are gone."""

    added: int
    removed: int


class Access:
    """Keeps the keys; may be used from several threads.

    Attributes:
        refused: handshakes of clients whose key is not in the list.
    """

    def __init__(self, server_key: str, clients: str) -> None:
        """Read both files; ``$VARIABLES`` in their names are filled in.

        Args:
            server_key: the daemon's key pair, of ``umamba-rt keys new``.
            clients: public keys that may connect, one a line; what follows a key, and lines that
                begin with ``#``, are remarks.

        Raises:
            UnavailableError: a file cannot be read, or holds something else.
        """
        self.refused = 0
        self._pair = _read("access.server_key", server_key, key_pair)
        self._list = clients
        self._allowed = _read("access.clients", clients, _client_list)
        self._hang_ups: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._told = RateLimit(_LOG_S)
        self._log = structlog.get_logger()

    @property
    def public_key(self) -> str:
        """What clients need to know."""
        return self._pair.public

    def protect(self, socket: zmq.Socket[bytes], hang_up: Callable[[], None]) -> None:
        """Have a socket take clients of the list alone; to be called before it is bound.

        A ``ZapHandler`` has to run in its context.

        Args:
            socket: a server's.
            hang_up: ends all its connections; called when a key is gone. Who still may, comes back.
        """
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set_string(zmq.CURVE_SECRETKEY, self._pair.secret)
        socket.set_string(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
        socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
        with self._lock:
            self._hang_ups.append(hang_up)

    def admits(self, key: bytes, peer: str) -> bool:
        """Whether a client may connect; refusals are counted and logged.

        Args:
            key: its public key, 32 bytes.
            peer: its address, for the log.
        """
        if key in self._allowed:
            return True
        with self._lock:
            self.refused += 1
            events = self._told.passes()
        if events is not None:
            shown = z85.encode(key).decode() if len(key) == 32 else ""
            self._log.warning("client_refused", peer=peer, key=shown, events=events)
        return False

    def read_clients(self) -> frozenset[bytes]:
        """The list of clients as its file says now, for ``adopt``.

        Raises:
            UnavailableError: it cannot be read, or a line of it holds no key.
        """
        return _read("access.clients", self._list, _client_list)

    def adopt(self, allowed: frozenset[bytes]) -> Reloaded:
        """Go by another list from now on; where a key is gone, all have to log in again.

        A connection does not tell whose it is, so that all are ended; subscribers that still may
        connect are back within a second, and ask for what they missed.
        """
        former, self._allowed = self._allowed, allowed
        change = Reloaded(len(allowed - former), len(former - allowed))
        if change.removed:
            for hang_up in self._hang_ups:
                hang_up()
        self._log.info("clients_reloaded", added=change.added, removed=change.removed)
        return change


def open_access(config: Config) -> Access | None:
    """The keys, if an endpoint asks for them; tells the log of endpoints that anyone may use.

    Raises:
        UnavailableError: a file of keys cannot be read, or holds something else.
    """
    endpoints: list[EndpointConfig] = [*config.publisher, config.query]
    for endpoint in endpoints:
        if is_open(endpoint):
            structlog.get_logger().warning("open_to_the_network", address=endpoint.address)
    if not any(endpoint.curve and endpoint.address for endpoint in endpoints):
        return None
    return Access(config.access.server_key, config.access.clients)


def _read(where: str, name: str, read: Callable[[Path], _T]) -> _T:
    path = Path(os.path.expandvars(name))
    try:
        return read(path)
    except OSError as error:
        raise UnavailableError(f"{where} {path}", error.strerror or str(error)) from error
    except ValueError as error:
        raise UnavailableError(where, str(error)) from error


def _client_list(path: Path) -> frozenset[bytes]:
    """The keys of a list, 32 bytes each.

    Raises:
        ValueError: a line holds no key; names it.
    """
    with path.open("rb") as file:
        text = file.read(_MAX_LIST_BYTES).decode("utf-8", "replace")
    keys = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not is_key(words[0]):
            raise ValueError(f"{path}, line {number}: found no public key of 40 characters of Z85")
        keys.add(z85.decode(words[0]))
    return frozenset(keys)

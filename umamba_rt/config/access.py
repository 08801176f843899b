"""Who may connect to the daemon: the keys of ``[access]``, and what must hold between addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from umamba_rt.config.table import path_key, show
from umamba_rt.errors import ConfigProblem

_LOCAL_NAMES = frozenset({"localhost", "lo"})
OPEN = (
    "let anyone who reaches a non-loopback address connect, without keys; without this or curve\n"
    "such an address is a mistake. Logged at each start"
)
CURVE = "encrypt, and let in the clients of [access] alone (ZeroMQ's CURVE)"


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Keys for the endpoints that ask for ``curve``; ``umamba-rt keys new`` makes them."""

    server_key: str = path_key(
        "file of the daemon's key pair; others may not read it. $VARIABLES are filled in, as in\n"
        '"$CREDENTIALS_DIRECTORY/secret_NAME" of our systemd unit',
        private=True,
    )
    clients: str = path_key(
        "file of the public keys that may connect, one a line, remarks behind it; read again on\n"
        "reload: new keys may connect, and connections of keys that are gone are ended",
    )


class EndpointConfig(Protocol):
    """What the sections of all endpoints have."""

    @property
    def address(self) -> str:
        """Where to bind; empty: the endpoint is off."""

    @property
    def curve(self) -> bool:
        """Whether clients need keys."""

    @property
    def insecure_public(self) -> bool:
        """Whether anyone may connect from elsewhere."""


def is_local(address: str) -> bool:
    """Whether only processes of this machine reach an address, as far as its text tells."""
    if not address.startswith("tcp://"):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, an interface, or * for all of them
        return False


def is_open(endpoint: EndpointConfig) -> bool:
    """Whether anyone in the network may connect."""
    return not endpoint.curve and not is_local(endpoint.address)


def access_contradictions(
    endpoints: Mapping[str, EndpointConfig], access: AccessConfig
) -> list[ConfigProblem]:
    """What is wrong between the endpoints' keys.

    Args:
        endpoints: by the name of their section, as in ``publisher[0]``; those that are on.
        access: the keys of all of them.
    """
    problems = []
    taken: dict[str, str] = {}
    for where, endpoint in endpoints.items():
        address = endpoint.address
        port = address.rpartition(":")[2]
        if port.isdigit() and int(port) > 65535:
            problems.append(ConfigProblem(f"{where}.address", address, "a port up to 65535"))
        if address in taken and not address.endswith(":*"):
            expected = f"another address than {taken[address]}"
            problems.append(ConfigProblem(f"{where}.address", show(address), expected))
        taken.setdefault(address, f"{where}.address")
        if is_open(endpoint) and not endpoint.insecure_public:
            expected = "a loopback address, curve = true, or insecure_public = true"
            problems.append(ConfigProblem(f"{where}.address", show(address), expected))
    if any(endpoint.curve for endpoint in endpoints.values()):
        problems += [
            ConfigProblem(f"access.{name}", '""', "a file, since an endpoint has curve = true")
            for name in ("server_key", "clients")
            if not getattr(access, name)
        ]
    return problems

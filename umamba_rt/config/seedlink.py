"""What the configuration says of a SeedLink server, and what may not contradict in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from umamba_rt.config.table import key, path_key, show
from umamba_rt.errors import ConfigProblem

DEFAULT_SEEDLINK_PORT = 18000
_STREAM = re.compile(r"[A-Z0-9*?-]{1,8}_[A-Z0-9*?-]{1,8}(:[!-9;-~]+( [!-9;-~]+)*)?")
_VARIABLE = re.compile(r"|[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class SeedLinkConfig:
    """A SeedLink server to read from; the block may be repeated."""

    server: str = key(
        "host:port of the server",
        pattern=re.compile(r"(\[[0-9A-Fa-f:.]+\]|[!-9;-?A-Z^-~]+)(:\d{1,5})?"),
        shape="host, host:port or [IPv6]:port",
        example='"127.0.0.1:18000"',
    )
    streams: tuple[str, ...] = key(
        "NET_STA, or NET_STA:SELECTORS; * and ? are wildcards (in SeedLink 3 only where the\n"
        "server allows them). After an interruption a wildcard resumes behind the latest packet\n"
        "of all its stations: name the stations where the server numbers each by itself",
        pattern=_STREAM,
        shape='"NET_STA" or "NET_STA:SELECTORS", as in "CI_CCC:HH?"',
        example='["*_*:HH? HN?"]',
    )
    protocol: Literal["auto", "v3", "v4"] = key("auto takes the newest the server speaks", "auto")
    tls: bool = key("encrypt, and check the server's certificate", False)
    tls_ca_file: str = path_key(
        "PEM file of the certificate authorities to trust; empty: the system's",
    )
    user: str = key(
        "log in by name and password (SeedLink 4); empty: no",
        "",
        pattern=re.compile(r"[!-~]*"),
        shape="ASCII without blanks",
    )
    password_file: str = path_key(
        "file that holds the user's password alone. $VARIABLES are filled in, as in\n"
        '"$CREDENTIALS_DIRECTORY/secret_NAME" of our systemd unit. Read at each connect',
        private=True,
    )
    password_env: str = key(
        "or the environment variable that holds it",
        "",
        pattern=_VARIABLE,
        shape="a variable in capitals",
        private=True,
    )
    token_file: str = path_key(
        "log in by a token (JWT) instead: the file that holds it",
        private=True,
    )
    token_env: str = key(
        "or the environment variable that holds it",
        "",
        pattern=_VARIABLE,
        shape="a variable in capitals",
        private=True,
    )
    connect_timeout_s: float = key("for connecting and for each answer", 15.0, low=0.1, high=600)
    idle_timeout_s: float = key(
        "reconnect after this long without data; nothing is lost, the stream resumes",
        120.0,
        low=1,
        high=86400,
    )
    keepalive_s: float = key("ask the server for a sign of life this often", 30.0, low=1, high=3600)
    reconnect_min_s: float = key("first pause before reconnecting", 0.5, low=0.05, high=600)
    reconnect_max_s: float = key(
        "pauses double up to this; each is shortened at random by up to half",
        60.0,
        low=0.1,
        high=3600,
    )

    @property
    def host(self) -> str:
        """Host name or address, without brackets."""
        return _split_server(self.server)[0]

    @property
    def port(self) -> int:
        """TCP port; SeedLink's own where none is given."""
        return _split_server(self.server)[1]


def seedlink_contradictions(server: SeedLinkConfig, where: str) -> list[ConfigProblem]:
    """What is wrong between keys of a ``[[seedlink]]`` block that are each right."""
    problems = []
    if not 0 < server.port < 65536:
        found = show(server.server)
        problems.append(ConfigProblem(f"{where}.server", found, "a port from 1 to 65535"))
    if server.reconnect_max_s < server.reconnect_min_s:
        found = show(server.reconnect_max_s)
        problems.append(ConfigProblem(f"{where}.reconnect_max_s", found, "reconnect_min_s or more"))
    return problems + _login_contradictions(server, where)


def _login_contradictions(server: SeedLinkConfig, where: str) -> list[ConfigProblem]:
    problems = []
    if server.tls_ca_file and not server.tls:
        found = show(server.tls_ca_file)
        problems.append(ConfigProblem(f"{where}.tls_ca_file", found, "tls = true beside it"))
    passwords = [name for name in ("password_file", "password_env") if getattr(server, name)]
    tokens = [name for name in ("token_file", "token_env") if getattr(server, name)]
    for names in (passwords, tokens):
        if len(names) == 2:
            found = f"{names[0]}, too"
            problems.append(ConfigProblem(f"{where}.{names[1]}", found, "one of the two"))
    if bool(server.user) != bool(passwords):
        expected = "user and password_file or password_env, or none of them"
        problems.append(ConfigProblem(f"{where}.user", show(server.user), expected))
    if passwords and tokens:
        problems.append(ConfigProblem(f"{where}.{tokens[0]}", "a password, too", "one of the two"))
    if server.protocol == "v3" and (passwords or tokens):
        found = '"v3" and a login'
        problems.append(ConfigProblem(f"{where}.protocol", found, '"auto" or "v4"'))
    return problems


def _split_server(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if not colon or port.endswith("]"):
        return server.strip("[]"), DEFAULT_SEEDLINK_PORT
    return host.strip("[]"), int(port)

"""What the configuration says of metrics and health over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from umamba_rt.config.access import EndpointConfig, is_local
from umamba_rt.config.table import key, show
from umamba_rt.defaults import METRICS_ADDRESS
from umamba_rt.errors import ConfigProblem


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Prometheus metrics and health over HTTP: ``/metrics``, ``/healthz``, ``/readyz``."""

    address: str = key(
        "where to listen. Empty: off",
        METRICS_ADDRESS,
        pattern=re.compile(r"((\[[0-9A-Fa-f:.]+\]|[^\s@:\[\]]+):\d{1,5})?"),
        shape="HOST:PORT, [IPv6]:PORT or nothing",
    )
    insecure_public: bool = key(
        "let anyone who reaches a non-loopback address read; without this such an address is a\n"
        "mistake. Logged at each start",
        False,
    )
    max_stations: int = key(
        "most sensors with metrics of their own, the first that came; the sums count all",
        200,
        low=0,
        high=100000,
    )

    @property
    def is_open(self) -> bool:
        """Whether anyone in the network may read."""
        return bool(self.address) and not is_local(f"tcp://{self.address}")


def metrics_contradictions(
    config: MetricsConfig, endpoints: Mapping[str, EndpointConfig]
) -> list[ConfigProblem]:
    """What is wrong between its keys, and with the endpoints, by the name of their section."""
    problems = [
        ConfigProblem(
            "metrics.address", show(config.address), f"another address than {where}.address"
        )
        for where, endpoint in endpoints.items()
        if config.address and endpoint.address == f"tcp://{config.address}"
    ]
    if config.address and int(config.address.rpartition(":")[2]) > 65535:
        problems.append(ConfigProblem("metrics.address", config.address, "a port up to 65535"))
    if config.is_open and not config.insecure_public:
        expected = "a loopback address, or insecure_public = true"
        problems.append(ConfigProblem("metrics.address", show(config.address), expected))
    return problems

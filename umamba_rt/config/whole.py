"""Everything that the daemon can be told: keys, defaults, units and limits, a section a class.

``file`` reads these values from TOML and renders the commented default file from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from umamba_rt.config.access import AccessConfig
from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig, QueryConfig
from umamba_rt.config.events import EventsConfig
from umamba_rt.config.metrics import MetricsConfig
from umamba_rt.config.model import ModelConfig, ModelV1Config
from umamba_rt.config.run import RunConfig, StateConfig
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.config.stations import QualityConfig, StationsConfig
from umamba_rt.config.window import WindowConfig
from umamba_rt.core.pipeline import PipelineSettings
from umamba_rt.core.preference import Preference
from umamba_rt.core.withhold import Defect, WithholdRules


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the daemon is told."""

    seedlink: tuple[SeedLinkConfig, ...] = ()
    run: RunConfig = field(default_factory=RunConfig)
    state: StateConfig = field(default_factory=StateConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    stations: StationsConfig = field(default_factory=StationsConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    model_v1: ModelV1Config = field(default_factory=ModelV1Config)
    publisher: tuple[PublisherConfig, ...] = (PublisherConfig(),)
    query: QueryConfig = field(default_factory=QueryConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    events: EventsConfig = field(default_factory=EventsConfig)
    access: AccessConfig = field(default_factory=AccessConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)

    @property
    def pipeline(self) -> PipelineSettings:
        """The core's part."""
        window, stations = self.window, self.stations
        return PipelineSettings(
            length_s=window.length_s,
            hop_s=window.hop_s,
            max_wait_s=window.max_wait_s,
            max_gap_s=window.max_gap_s,
            reorder_s=window.reorder_s,
            slack_s=window.slack_s,
            stale_after_s=window.stale_after_s,
            max_future_s=window.max_future_s if self.run.mode == "live" else None,
            max_stations=window.max_stations,
            fill=window.fill,
            resend_late=window.resend_late,
            vertical_only=stations.vertical_only,
            withhold=WithholdRules(
                frozenset(cast(tuple[Defect, ...], self.quality.withhold)),
                self.quality.min_timing_quality,
            ),
            preference=Preference(stations.serve, stations.prefer, stations.serve_all),
            trigger=self.events.trigger(window.length_s),
            scan=self.events.scan,
        )

"""The constructor arguments of the two models as frozen values; free of torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias, get_args

from umamba_rt.core.estimate import ModelName
from umamba_rt.core.preprocess import Norm

Pooling: TypeAlias = Literal["avg", "max"]
Readout: TypeAlias = Literal["mean", "end"]

NORMS: tuple[Norm, ...] = get_args(Norm)
POOLINGS: tuple[Pooling, ...] = ("avg", "max")
READOUTS: tuple[Readout, ...] = ("mean", "end")

# A checkpoint's config is read before its tensors: bounds keep a hostile one from
# asking for terabytes. They are far above any net that runs in real time.
MAX_STAGES, MAX_BLOCKS, MAX_WIDTH, MAX_KERNEL, MAX_SAMPLES = 16, 64, 8192, 1023, 10_000_000

# Defaults of the specification that are one number for all stages, however many there are.
_PER_STAGE: dict[str, object] = {"n_blocks_per_stage": 2, "n_conv_per_stage_decoder": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class UMambaConfig:
    """What both models share.

    Attributes:
        in_channels: components of a window.
        sampling_rate: of the window, Hz.
        norm: the preprocessing that the weights want (`umamba_rt.core.preprocess`).
        in_samples: length N of a window; fixes the width of channel-token Mamba layers.
        n_stages: strided stages of the encoder.
        features_per_stage: channels after each stage.
        kernel_size: of every convolution but the 1x1 ones; odd.
        strides: of each stage.
        n_blocks_per_stage: residual blocks of each stage.
        amplitude_features: also take what the normalisation removes (`umamba_rt.core.amplitude`).

    Raises:
        ValueError: on construction; its text lists everything that is wrong.
    """

    name: ClassVar[ModelName]
    lists: ClassVar[tuple[str, ...]] = ("features_per_stage", "strides", "n_blocks_per_stage")

    in_channels: int = 3
    sampling_rate: float = 100.0
    norm: Norm = "std"
    in_samples: int = 3001
    n_stages: int = 4
    features_per_stage: tuple[int, ...] = (8, 16, 32, 64)
    kernel_size: int = 7
    strides: tuple[int, ...] = (2, 2, 2, 2)
    n_blocks_per_stage: tuple[int, ...] = (2, 2, 2, 2)
    amplitude_features: bool = False

    def __post_init__(self) -> None:
        problems = self.problems()
        if problems:
            raise ValueError(f"{self.name} config: " + "; ".join(problems))

    def problems(self) -> list[str]:
        """Say everything that is wrong, one line each; empty for a usable config."""
        found = [
            *_whole("in_channels", self.in_channels, 1, MAX_WIDTH),
            *_whole("in_samples", self.in_samples, 1, MAX_SAMPLES),
            *_whole("n_stages", self.n_stages, 1, MAX_STAGES),
            *_whole("kernel_size", self.kernel_size, 1, MAX_KERNEL),
        ]
        if isinstance(self.kernel_size, int) and self.kernel_size % 2 == 0:
            found.append(f"kernel_size: found {self.kernel_size}, expected an odd number")
        if not _is_number(self.sampling_rate) or not 0 < self.sampling_rate < math.inf:
            found.append(f"sampling_rate: found {self.sampling_rate!r}, expected Hz above 0")
        if self.norm not in NORMS:
            found.append(f"norm: found {self.norm!r}, expected one of {', '.join(NORMS)}")
        for key, highest in (
            ("features_per_stage", MAX_WIDTH),
            ("strides", MAX_KERNEL),
            ("n_blocks_per_stage", MAX_BLOCKS),
        ):
            found += _whole_list(key, getattr(self, key), self.n_stages, highest)
        return found + _truth("amplitude_features", self.amplitude_features)

    def map_lengths(self) -> tuple[int, ...]:
        """Lengths of the maps: the stem's, then each stage's; 3001, 1501, 751, 376, 188."""
        lengths = [self.in_samples]
        for stride in self.strides:
            lengths.append(-(-lengths[-1] // stride))  # odd kernel, half of it as padding
        return tuple(lengths)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Build from plain values: lists may be lists or one number for all stages.

        Args:
            values: keys are the constructor arguments; absent ones take their default.

        Raises:
            ValueError: a key is unknown or a value is not usable; all are listed.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}
        unknown = [f"{key}: unknown key" for key in values if key not in known]
        if unknown:
            raise ValueError(f"{cls.name} config: " + "; ".join(unknown))
        chosen = {key: field.default for key, field in known.items()} | _PER_STAGE | dict(values)
        chosen = {key: chosen[key] for key in known}
        for key in cls.lists:
            chosen[key] = _expanded(chosen[key], cls._list_length(key, chosen))
        return cls(**chosen)  # type: ignore[arg-type]  # __post_init__ checks every type

    @classmethod
    def _list_length(cls, key: str, chosen: Mapping[str, object]) -> int:  # noqa: ARG003
        """How many entries the list ``key`` has when it is given as one number."""
        stages = chosen["n_stages"]
        return stages if isinstance(stages, int) and 0 < stages <= MAX_STAGES else 1

    def to_dict(self) -> dict[str, object]:
        """Plain values that JSON can hold and `from_dict` reads back."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class V2Config(UMambaConfig):
    """Encoder, global pooling, regression head.

    Attributes:
        pooling_type: over time, ``avg`` or ``max``.
        hidden_dims: widths of the head's hidden layers.
        dropout: after each hidden layer, in [0, 1).
    """

    name: ClassVar[ModelName] = "v2"

    pooling_type: Pooling = "avg"
    hidden_dims: tuple[int, ...] = (128, 64)
    dropout: float = 0.3
    lists: ClassVar[tuple[str, ...]] = (*UMambaConfig.lists, "hidden_dims")

    def problems(self) -> list[str]:
        """Say everything that is wrong, one line each; empty for a usable config."""
        found = UMambaConfig.problems(self)
        if self.pooling_type not in POOLINGS:
            expected = ", ".join(POOLINGS)
            found.append(f"pooling_type: found {self.pooling_type!r}, expected one of {expected}")
        found += _whole_list("hidden_dims", self.hidden_dims, None, MAX_WIDTH)
        if not _is_number(self.dropout) or not 0 <= self.dropout < 1:
            found.append(f"dropout: found {self.dropout!r}, expected a number in [0, 1)")
        return found

    @classmethod
    def _list_length(cls, key: str, chosen: Mapping[str, object]) -> int:
        return 1 if key == "hidden_dims" else UMambaConfig._list_length(key, chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Config(UMambaConfig):
    """Encoder and decoder, an estimate for each sample.

    Attributes:
        stem_skip: True: one decoder stage for each encoder stage, the last joined to the stem.
            False: the earlier form, one stage fewer and the last without a skip.
        n_conv_per_stage_decoder: residual blocks of each decoder stage.
        deep_supervision: in training, also return the estimates of the coarser stages.
        readout: what of the curve is the window's magnitude: its mean, as the specification says,
            or that of its last second, for weights trained on 0 before P and the magnitude after.
    """

    name: ClassVar[ModelName] = "v1"

    stem_skip: bool = True
    n_conv_per_stage_decoder: tuple[int, ...] = (2, 2, 2, 2)
    deep_supervision: bool = False
    readout: Readout = "mean"
    lists: ClassVar[tuple[str, ...]] = (*UMambaConfig.lists, "n_conv_per_stage_decoder")

    def problems(self) -> list[str]:
        """Say everything that is wrong, one line each; empty for a usable config."""
        found = UMambaConfig.problems(self)
        for key in ("stem_skip", "deep_supervision"):
            found += _truth(key, getattr(self, key))
        if self.readout not in READOUTS:
            expected = ", ".join(READOUTS)
            found.append(f"readout: found {self.readout!r}, expected one of {expected}")
        if isinstance(self.n_stages, int):
            if self.n_stages < 2 and not self.stem_skip:
                found.append(f"n_stages: found {self.n_stages}, expected 2 or more here")
            found += _whole_list(
                "n_conv_per_stage_decoder",
                self.n_conv_per_stage_decoder,
                self.n_decoder_stages,
                MAX_BLOCKS,
            )
        return found

    @property
    def n_decoder_stages(self) -> int:
        """Stages of the decoder."""
        return self.n_stages if self.stem_skip else self.n_stages - 1

    @classmethod
    def _list_length(cls, key: str, chosen: Mapping[str, object]) -> int:
        stages = UMambaConfig._list_length(key, chosen)
        fewer = key == "n_conv_per_stage_decoder" and chosen["stem_skip"] is False
        return stages - 1 if fewer else stages


ModelConfig: TypeAlias = V1Config | V2Config
CONFIGS: dict[ModelName, type[V1Config] | type[V2Config]] = {"v1": V1Config, "v2": V2Config}


def _truth(key: str, value: object) -> list[str]:
    return [] if isinstance(value, bool) else [f"{key}: found {value!r}, expected true or false"]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expanded(value: object, count: int) -> object:
    """One number becomes ``count`` of them, a list a tuple; anything else is left to the check."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * count
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(value)
    return value


def _whole(key: str, value: object, lowest: int, highest: int) -> list[str]:
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return []
    return [f"{key}: found {value!r}, expected a whole number from {lowest} to {highest}"]


def _whole_list(key: str, value: object, count: int | None, highest: int) -> list[str]:
    """Check a tuple of whole numbers from 1; ``count`` None: of any length."""
    if not isinstance(value, tuple):
        return [f"{key}: found {value!r}, expected whole numbers"]
    found: list[str] = []
    if count is not None and len(value) != count:
        found.append(f"{key}: found {len(value)} entries, expected {count}")
    for item in value:
        found += _whole(key, item, 1, highest)
    return found

"""Constructor arguments found in the free-form config of an earlier checkpoint; free of torch.

Such a config may nest its arguments, spell them otherwise, or hold numpy numbers. An argument that
is overlooked takes its default without a word and gives wrong magnitudes: what looks like one and
is none is therefore an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import CheckpointError
from umamba_rt.models.config import CONFIGS, ModelConfig

_KNOWN = frozenset(field.name for kind in CONFIGS.values() for field in fields(kind))
# Only words that can mean nothing else.
_SYNONYMS = {
    "pooling": "pooling_type",
    "pool_type": "pooling_type",
    "normalization": "norm",
    "normalisation": "norm",
    "n_channels": "in_channels",
    "in_chans": "in_channels",
    "input_channels": "in_channels",
    "features": "features_per_stage",
    "stride": "strides",
    "hidden_dim": "hidden_dims",
    "dropout_rate": "dropout",
}
_RESEMBLING = (
    *("pool", "norm", "feature", "kernel", "stride", "n_stage", "n_block", "hidden", "dropout"),
    *("deep", "stem", "in_channel", "sampling"),
)
_FRACTIONS = ("sampling_rate", "dropout")
_FLAGS = ("deep_supervision", "stem_skip")
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class FoundConfig:
    """What a checkpoint's config says.

    Attributes:
        config: of the model.
        extras: everything that is no constructor argument; nested names are joined with dots.
    """

    config: ModelConfig
    extras: dict[str, object]


def found_config(
    path: str, name: ModelName, given: object, *, encoder_stages: int, decoder_stages: int
) -> FoundConfig:
    """Part constructor arguments, defaults for those absent, from what else a config says.

    Args:
        path: of the file, for messages.
        name: the model that the tensors are of.
        given: the config; None is an empty one.
        encoder_stages: how many the tensors have.
        decoder_stages: how many the tensors have; as many as in the encoder: with a stem skip.

    Raises:
        CheckpointError: it is no dict, holds a key that looks like an argument and is none, says
            two things of one argument, or a value is not usable.
    """
    if given is not None and not isinstance(given, Mapping):
        raise CheckpointError(path, f"config is {type(given).__name__}, expected a dict")
    arguments, extras = _parted(path, given or {})
    kind = CONFIGS[name]
    own = {field.name for field in fields(kind)}
    chosen = {key: value for key, value in arguments.items() if key in own}
    extras |= {key: value for key, value in arguments.items() if key not in own}
    if name == "v1":
        chosen.setdefault("stem_skip", decoder_stages >= encoder_stages)
        _cut_to_decoder(chosen)
    try:
        return FoundConfig(kind.from_dict(chosen), extras)
    except ValueError as error:
        raise CheckpointError(path, "unusable config", tuple(str(error).split("; "))) from error


def _parted(
    path: str, given: Mapping[object, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """Arguments under their own names, and the rest."""
    arguments: dict[str, object] = {}
    extras: dict[str, object] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    for place, item in _leaves(given):
        key = _argument(place)
        if key in _KNOWN:
            value = _plain(key, item)
            if value is None and key == "norm":
                # Elsewhere None is the default; here it may as well have meant "none".
                problems.append(f"{place}: found None, expected std, peak or none")
            elif value is not None and arguments.setdefault(key, value) != value:
                problems.append(f"{place}: {value!r} contradicts {places[key]}: {arguments[key]!r}")
            elif value is not None:
                places.setdefault(key, place)
        elif _resembles(key):
            problems.append(f"{place}: looks like an argument of the model and is none")
        elif isinstance(item, Mapping) and item:
            problems.append(f"{place}: nested too deeply")
        else:
            extras[place] = item
    if problems:
        raise CheckpointError(path, "the config cannot be understood", tuple(problems))
    return arguments, extras


def _argument(place: str) -> str:
    """Name the argument that a key may mean: its last part, or what that is another word for."""
    spelled = place.rpartition(".")[2].lower()
    return _SYNONYMS.get(spelled, spelled)


def _resembles(key: str) -> bool:
    return key.removeprefix("model_").startswith(_RESEMBLING)


def _leaves(given: Mapping[object, object], depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every value that is no dict, with its keys joined by dots.

    A dict in the place of an argument is a value: ``{"norm": {"type": "peak"}}`` is refused.
    """
    for key, item in given.items():
        argument = _argument(str(key))
        is_value = argument in _KNOWN or _resembles(argument)
        if isinstance(item, Mapping) and item and depth < _DEEPEST and not is_value:
            yield from ((f"{key}.{inner}", value) for inner, value in _leaves(item, depth + 1))
        else:
            yield str(key), item


def _plain(key: str, item: object) -> object:
    """Make Python numbers of numpy's, whole numbers of 7.0, flags of 0 and 1, one of equals."""
    to_list = getattr(item, "tolist", None)
    try:
        value = to_list() if callable(to_list) else item
    except (RuntimeError, TypeError):  # a sparse tensor, say: the config's own check refuses it
        return str(item)
    if not isinstance(value, list | tuple):
        return _plain_number(key, value)
    # [[2], [2]]: one number for each of one dimension
    flat = [e[0] if isinstance(e, list | tuple) and len(e) == 1 else e for e in value]
    entries = [_plain_number(key, getattr(e, "item", lambda e=e: e)()) for e in flat]
    if key == "kernel_size" and entries and entries.count(entries[0]) == len(entries):
        return entries[0]
    return entries


def _plain_number(key: str, value: object) -> object:
    if isinstance(value, float) and value.is_integer() and key not in _FRACTIONS:
        value = int(value)
    if key in _FLAGS and isinstance(value, int) and value in (0, 1):
        return bool(value)
    return value


def _cut_to_decoder(chosen: dict[str, object]) -> None:
    """The earlier decoder took a list as long as the encoder's and left its last entry unused."""
    blocks, stages = chosen.get("n_conv_per_stage_decoder"), chosen.get("n_stages", 4)
    if isinstance(blocks, list) and isinstance(stages, int) and chosen["stem_skip"] is False:
        chosen["n_conv_per_stage_decoder"] = blocks[: max(stages - 1, 0)]

"""engine/openvino_graphs.py: where the chain is cut, and what is handed on."""

from __future__ import annotations

from umamba_rt.engine.openvino_graphs import Chain, chain_of
from umamba_rt.engine.weights import weights_of
from umamba_rt.models import untrained

SCAN = {"u", "delta", "gate", "bc"}


def ports(chain: Chain) -> list[tuple[set[str], set[str]]]:
    """Names of the inputs and of the outputs of each graph."""
    return [
        (
            {port.get_any_name() for port in segment.graph.inputs},
            {port.get_any_name() for port in segment.graph.outputs},
        )
        for segment in chain
    ]


def test_v2_is_cut_at_its_two_scans() -> None:
    chain = chain_of(weights_of(untrained("v2")))
    assert ports(chain) == [({"window"}, SCAN), ({"y0"}, SCAN), ({"y1"}, {"values"})]
    sizes = [(part.scan.tokens, part.scan.width) for part in chain if part.scan is not None]
    assert sizes == [(751, 32), (188, 128)]


def test_v1_hands_its_maps_to_the_decoder() -> None:
    chain = chain_of(weights_of(untrained("v1")))
    assert ports(chain) == [
        ({"window"}, SCAN | {"map0", "map1"}),
        ({"y0"}, SCAN | {"map2", "map3"}),
        ({"y1", "map0", "map1", "map2", "map3"}, {"values"}),
    ]

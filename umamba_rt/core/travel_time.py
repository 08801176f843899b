"""When the first P arrives, in a crust of flat layers."""

from __future__ import annotations

import math

# Depth of the top, km, and P velocity, km/s, of iasp91's crust and uppermost mantle.
# Source: Kennett and Engdahl (1991), Geophys. J. Int. 105, 429-465.
IASP91_CRUST = ((0.0, 5.8), (20.0, 6.5), (35.0, 8.04))
Layers = tuple[tuple[float, float], ...]
_SHALLOWEST_KM = 0.01
_BISECTIONS = 60


def first_p_s(distance_km: float, depth_km: float, layers: Layers = IASP91_CRUST) -> float:
    """Travel time of the first P wave: the direct one, or one along the top of a faster layer.

    The earth is flat here: against iasp91 on the sphere the time is right to 0.2 s up to 300 km,
    and grows late beyond.

    Args:
        distance_km: epicentral, along the surface; >= 0.
        depth_km: of the source; what lies above the ground is taken for the ground.
        layers: tops in km, the first 0, and velocities in km/s.
    """
    depth_km = max(depth_km, _SHALLOWEST_KM)
    paths = [_direct_s(distance_km, _above(depth_km, layers))]
    for index, (top_km, velocity) in enumerate(layers):
        if top_km > depth_km and velocity > max(v for _, v in layers[:index]):
            paths.append(_head_s(distance_km, depth_km, top_km, velocity, layers))
    return min(paths)


def _above(depth_km: float, layers: Layers) -> list[tuple[float, float]]:
    """Thickness and velocity of what lies between the ground and a depth."""
    tops = [top for top, _ in layers] + [math.inf]
    return [
        (min(tops[index + 1], depth_km) - top, velocity)
        for index, (top, velocity) in enumerate(layers)
        if top < depth_km
    ]


def _direct_s(distance_km: float, crossed: list[tuple[float, float]]) -> float:
    """The ray that leaves upwards; its slowness is found by bisection, s/km."""
    low, high = 0.0, 1 / max(velocity for _, velocity in crossed)
    for _ in range(_BISECTIONS):
        slowness = (low + high) / 2
        if _reach_km(slowness, crossed) < distance_km:
            low = slowness
        else:
            high = slowness
    cosines = [(h, v, math.sqrt(max(1 - (low * v) ** 2, 1e-18))) for h, v in crossed]
    # The part of the distance that bisection leaves is covered at the ray's own slowness.
    rest_km = distance_km - _reach_km(low, crossed)
    return sum(h / (v * cosine) for h, v, cosine in cosines) + low * rest_km


def _reach_km(slowness: float, crossed: list[tuple[float, float]]) -> float:
    sines = [(h, slowness * v) for h, v in crossed]
    return sum(h * sine / math.sqrt(max(1 - sine**2, 1e-18)) for h, sine in sines)


def _head_s(
    distance_km: float, depth_km: float, top_km: float, velocity: float, layers: Layers
) -> float:
    """The wave along the top of a layer; infinite before it comes to the ground."""
    slowness = 1 / velocity
    up = _above(top_km, layers)
    down = [(h, v) for h, v in _between(depth_km, top_km, layers) if h > 0]
    legs = up + down
    if distance_km < _reach_km(slowness, legs):
        return math.inf
    return distance_km * slowness + sum(h * math.sqrt(1 / v**2 - slowness**2) for h, v in legs)


def _between(upper_km: float, lower_km: float, layers: Layers) -> list[tuple[float, float]]:
    """Thickness and velocity of what lies between two depths."""
    tops = [top for top, _ in layers] + [math.inf]
    return [
        (min(tops[index + 1], lower_km) - max(top, upper_km), velocity)
        for index, (top, velocity) in enumerate(layers)
    ]

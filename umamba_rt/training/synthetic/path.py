"""The path: travel times, geometric spreading and anelastic attenuation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.training.synthetic.grid import COARSE_HZ, Float64Array

DEEP_KM = 35.0


@dataclass(frozen=True, slots=True)
class Path:
    """How waves come from one hypocentre to one station.

    Attributes:
        beta_m_s, alpha_m_s: S and P velocity at the source.
        density_kg_m3: at the source.
        p_s, p_main_s: arrival after the origin of the first P and of the strong P (Pg).
        s_s, s_main_s: the same of S (Sg).
        near_exponent: of the body waves' spreading.
        bend_km: distance beyond which S spreads as R^-0.5.
        q_0, q_exponent: ``Q_S = q_0 f^q_exponent``.
        q_ratio: Q_P over Q_S.
        kappa_scale: of this path's share of P in S attenuation at the site.
    """

    beta_m_s: float
    alpha_m_s: float
    density_kg_m3: float
    p_s: float
    p_main_s: float
    s_s: float
    s_main_s: float
    near_exponent: float
    bend_km: float
    q_0: float
    q_exponent: float
    q_ratio: float

    def log_spreading(self, distance_km: Float64Array, *, shear: bool) -> Float64Array:
        """Natural log of the geometric spreading, 0 at 1 km.

        Source: R^-1 to 40-90 km and R^-0.5 beyond for S and Lg, after Atkinson and Silva
        (2000), BSSA 90; P keeps spreading as a body wave.
        """
        log_r = np.log(np.maximum(distance_km, 1.0))
        log_bend = np.log(self.bend_km)
        beyond = 0.5 if shear else 1.1
        near = np.minimum(log_r, log_bend)
        far = np.maximum(log_r - log_bend, 0.0)
        return np.asarray(-self.near_exponent * near - beyond * far)

    def log_attenuation(self, distance_km: float, *, shear: bool) -> Float64Array:
        """Natural log of the anelastic attenuation, ``-pi f R / (Q(f) v)``, on ``COARSE_HZ``."""
        quality = self.q_0 * np.maximum(COARSE_HZ, 0.2) ** self.q_exponent
        velocity_km_s = (self.beta_m_s if shear else self.alpha_m_s) / 1e3
        if not shear:
            quality = quality * self.q_ratio
        return np.asarray(-np.pi * COARSE_HZ * distance_km / (quality * velocity_km_s))


def draw_path(rng: np.random.Generator, epicentral_km: float, depth_km: float) -> Path:
    """A crust, or a mantle above a deep source.

    Travel times: a direct wave whose mean velocity grows with distance, and a head wave along
    a Moho at 35 km under 8 km/s, which comes first beyond about 150 km.

    Source of Q: 180 f^0.45 for western North America (Atkinson and Silva 2000); deep paths
    avoid the crust and lose less.
    """
    ratio = rng.normal(1.74, 0.03)
    distance = float(np.hypot(epicentral_km, depth_km))
    deep = depth_km > DEEP_KM
    scale = rng.normal(1.0, 0.025)
    if deep:
        velocity = scale * (6.6 + 0.010 * depth_km)
        beta, density = 4.3e3, 3200.0
    else:
        velocity = scale * (5.2 + 1.0 * (1.0 - np.exp(-distance / 30.0)))
        beta, density = rng.normal(3.5, 0.1) * 1e3, 2750.0
    direct = distance / velocity
    head = epicentral_km / (8.0 * scale) + rng.normal(7.1, 0.5) - 0.1 * depth_km
    first = direct if deep or epicentral_km < 60.0 else min(direct, head)
    return Path(
        beta_m_s=beta,
        alpha_m_s=beta * ratio,
        density_kg_m3=density,
        p_s=first,
        p_main_s=direct,
        s_s=first * ratio,
        s_main_s=direct * ratio,
        near_exponent=rng.normal(1.0, 0.03),
        bend_km=1e4 if deep else rng.uniform(40.0, 90.0),
        q_0=rng.lognormal(np.log(420.0 if deep else 170.0), 0.3),
        q_exponent=float(np.clip(rng.normal(0.5, 0.08), 0.3, 0.7)),
        q_ratio=rng.uniform(0.7, 1.5),
    )

"""Numbers of dropout in closed form that every engine shares; free of torch."""

from __future__ import annotations

import math

DROPPED = 0.1  # share of the units that is left out
NOISE = math.sqrt(DROPPED / (1 - DROPPED))  # of a unit's value, over that value
LEAK = 0.01  # of torch's LeakyReLU
LOGISTIC = 1.702  # a logistic function of 1.702 x is the normal distribution's to 0.01
LEAST = 1e-12  # under the noise of a unit that is fed with zeros alone

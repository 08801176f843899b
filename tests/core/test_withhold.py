"""core/withhold.py: which quality withholds a window, and why it says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from umamba_rt.core.quality import Quality
from umamba_rt.core.reasons import Reason
from umamba_rt.core.withhold import NOTHING_WITHHELD, Defect, Verdict, WithholdRules

GOOD = Quality(0.0, 0, 0.0, False, 10.0, 100.0, "ZNE", True, timing_quality=50)
BAD = replace(GOOD, clipped=True, flat_s=2.5, spikes=3, dc_step=True, timing_quality=0)
ALL = WithholdRules(frozenset({"clipped", "flat", "spikes", "dc_step"}), 50)


def test_without_rules_nothing_is_withheld() -> None:
    assert NOTHING_WITHHELD.judge(BAD) is None


def test_a_good_window_passes_all_rules() -> None:
    assert ALL.judge(GOOD) is None


@pytest.mark.parametrize(
    ("defect", "verdict"),
    [
        ("clipped", Verdict(Reason.WITHHELD_CLIPPED, "clipped")),
        ("flat", Verdict(Reason.WITHHELD_FLAT, "flat for 2.5 s")),
        ("spikes", Verdict(Reason.WITHHELD_SPIKES, "3 spikes")),
        ("dc_step", Verdict(Reason.WITHHELD_DC_STEP, "its level jumps")),
    ],
)
def test_each_defect_withholds_alone(defect: Defect, verdict: Verdict) -> None:
    rules = WithholdRules(frozenset({defect}))
    assert rules.judge(BAD) == verdict
    assert rules.judge(GOOD) is None


def test_timing_comes_first_and_one_that_is_not_known_passes() -> None:
    assert ALL.judge(BAD) == Verdict(Reason.WITHHELD_TIMING, "timing quality 0 %")
    assert ALL.judge(replace(GOOD, timing_quality=49)) is not None
    assert ALL.judge(replace(GOOD, timing_quality=None)) is None

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.wire.seedlink_select import (
    Selector,
    Subscription,
    find_subscription,
    glob,
    legacy_id,
    station_pattern,
    stream_id,
)

HHZ = SourceId.from_nslc("CI", "CCC", "", "HHZ")
HHZ_10 = SourceId.from_nslc("CI", "CCC", "10", "HHZ")
HNE_00 = SourceId.from_nslc("PB", "B916", "00", "HNE")


def test_identifiers_are_those_of_the_protocols() -> None:
    assert (stream_id(HHZ), stream_id(HHZ_10)) == ("_H_H_Z", "10_H_H_Z")
    assert (legacy_id(HHZ), legacy_id(HHZ_10)) == ("--HHZ", "10HHZ")


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("HHZ", {HHZ, HHZ_10}),
        ("HH?", {HHZ, HHZ_10}),
        ("???", {HHZ, HHZ_10, HNE_00}),
        ("*", {HHZ, HHZ_10, HNE_00}),
        ("--HHZ", {HHZ}),
        ("10HHZ.D", {HHZ_10}),
        ("?0???", {HHZ_10, HNE_00}),
        ("HHZ.E", set()),
        (".D", {HHZ, HHZ_10, HNE_00}),
        ("D", {HHZ, HHZ_10, HNE_00}),
        ("L", set()),
        ("BHZ", set()),
    ],
)
def test_v3_selector_matches(text: str, matched: set[SourceId]) -> None:
    selector = Selector.parse_v3(text)
    assert not selector.negative
    assert {s for s in (HHZ, HHZ_10, HNE_00) if selector.matches(s)} == matched


@pytest.mark.parametrize(
    "text", ["nonsense-selector", "", "!", "HHZ.X", "H[Z", "HH", "HHZ.DD", "H Z", "ñHZ"]
)
def test_bad_v3_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="selector"):
        Selector.parse_v3(text)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("_H_H_Z", {HHZ}),
        ("*_H_H_Z", {HHZ, HHZ_10}),
        ("*Z", {HHZ, HHZ_10}),
        ("??_H_?_*", {HHZ_10, HNE_00}),
        ("*.2", {HHZ, HHZ_10, HNE_00}),
        ("*.2D", {HHZ, HHZ_10, HNE_00}),
        ("*_H_H_Z.D", {HHZ, HHZ_10}),
        ("*_H_H_Z.L", set()),
        ("*.3", set()),
        ("*.?E", set()),
        ("*:native", {HHZ, HHZ_10, HNE_00}),
        ("HHZ", set()),
    ],
)
def test_v4_selector_matches(text: str, matched: set[SourceId]) -> None:
    assert {s for s in (HHZ, HHZ_10, HNE_00) if Selector.parse_v4(text).matches(s)} == matched


@pytest.mark.parametrize("text", ["bad!selector", "!*:native", "a[b]", "", ":native", "*" * 65])
def test_bad_v4_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="selector"):
        Selector.parse_v4(text)


def test_filter_that_converts_is_refused() -> None:
    with pytest.raises(LookupError, match="3"):
        Selector.parse_v4("*:3")


def subscription(*selectors: str, station: str = "*") -> Subscription:
    return Subscription(station, tuple(Selector.parse_v4(text) for text in selectors))


def test_without_selectors_every_stream_is_wanted() -> None:
    assert subscription().wants(HHZ)


def test_negative_selector_beats_a_positive_one() -> None:
    assert subscription("*_H_*", "!10_*").wants(HHZ)
    assert not subscription("*_H_*", "!10_*").wants(HHZ_10)


def test_negative_selectors_alone_let_the_rest_through() -> None:
    assert subscription("!10_*").wants(HHZ)
    assert not subscription("!10_*").wants(HHZ_10)


def test_first_station_command_that_matches_owns_the_station() -> None:
    asked = (subscription("*_H_N_*", station="CI_CCC"), subscription(station="*"))
    assert find_subscription(asked, HNE_00) == 1
    assert find_subscription(asked, HHZ) is None
    assert find_subscription(asked[:1], HNE_00) is None


@pytest.mark.parametrize("text", ["", "CI CCC", "CI_[C]", "CI__CCC", "é", "*" * 65])
def test_what_is_no_station_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="station"):
        station_pattern(text)


@given(st.text("ab*?[]!", max_size=40), st.text("ab[]!", max_size=20))
def test_glob_agrees_with_its_definition(pattern: str, name: str) -> None:
    def matches(p: str, n: str) -> bool:
        reached = {0}
        for sign in p:
            if sign == "*":
                reached = set(range(min(reached), len(n) + 1)) if reached else set()
            else:
                reached = {i + 1 for i in reached if i < len(n) and sign in ("?", n[i])}
        return len(n) in reached

    assert bool(glob(pattern).match(name)) == matches(pattern, name)


@given(st.text(max_size=30))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    for parse in (Selector.parse_v3, Selector.parse_v4):
        with contextlib.suppress(ValueError, LookupError):
            parse(text).matches(HHZ)

"""whole.py, file.py, table.py: what may be written, what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.config.file import load, parse, render_default
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.config.whole import Config
from umamba_rt.core.preference import Preference
from umamba_rt.core.withhold import NOTHING_WITHHELD, WithholdRules
from umamba_rt.errors import ConfigError, UnavailableError

GOOD = """
[[seedlink]]
server = "127.0.0.1:18000"
streams = ["CI_CCC:HH? HN?", "CI_*"]
[window]
hop_s = 0.5
[model]
threads = 2
"""


def problems(text: str, environment: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environment or {}, where="test.toml")
    assert str(caught.value).startswith("test.toml: ")
    return {one.key: (one.found, one.expected) for one in caught.value.problems}


def test_values_and_defaults_come_through() -> None:
    config = parse(GOOD, {}, where="test.toml")
    assert config.seedlink == (
        SeedLinkConfig(server="127.0.0.1:18000", streams=("CI_CCC:HH? HN?", "CI_*")),
    )
    assert config.window.hop_s == 0.5
    assert config.model.threads == 2
    assert config.pipeline.rules.hop == 50
    assert config.pipeline.rules.length == 3001


def test_three_mistakes_are_told_at_once_with_key_found_and_expected() -> None:
    told = problems(GOOD.replace("0.5", "-1").replace("threads = 2", 'threads = "two"\nseeed = 1'))
    assert told == {
        "window.hop_s": ("-1", "a number from 0.01 to 600, a multiple of 0.01"),
        "model.threads": ('"two"', "a whole number from 0 to 1024"),
        "model.seeed": ("unknown key", '"seed"?'),
    }


def test_mistakes_between_keys_are_told_beside_those_of_other_sections() -> None:
    text = """
[[seedlink]]
server = "127.0.0.1:99999"
streams = ["CI_*"]
[[seedlink]]
server = "127.0.0.1"
streams = []
[[seedlink]]
server = "127.0.0.1"
streams = ["CI_*"]
tls_ca_file = "ca.pem"
[window]
max_gap_s = 30
[[publisher]]
format = "xml"
[[publisher]]
address = "tcp://0.0.0.0:5560"
[model]
seeed = 1
"""
    assert problems(text).keys() == {
        "seedlink[0].server",
        "seedlink[1].streams",
        "seedlink[2].tls_ca_file",
        "window.max_gap_s",
        "publisher[0].format",
        "publisher[1].address",
        "model.seeed",
    }


def test_nothing_is_made_up_about_a_section_that_is_wrong_by_itself() -> None:
    text = '[window]\nlength_s = "60"\nmax_gap_s = 30\n[query]\naddress = 5\n'
    text += '[[publisher]]\naddress = "tcp://127.0.0.1:5561"\n'
    assert problems(text).keys() == {"window.length_s", "query.address"}


def test_a_missing_server_is_told_beside_the_other_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text("[window]\nhop_s = 0\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {}, needs_server=True)
    assert {one.key for one in caught.value.problems} == {"seedlink", "window.hop_s"}


def test_a_byte_order_mark_before_the_text_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(path, {}) == parse(GOOD, {}, where="test.toml")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[windoww]", "windoww"),
        ("window = 3", "window"),
        ("[window]\nhop_s = true", "window.hop_s"),
        ("[window]\nhop_s = nan", "window.hop_s"),
        ("[window]\nhop_s = 0.333", "window.hop_s"),
        ("[window]\nmax_gap_s = 30.0", "window.max_gap_s"),
        ("[model]\nseed = 1.5", "model.seed"),
        ("[model]\ncheckpoint = 1", "model.checkpoint"),
        ("[model_v1]\nenabled = 1", "model_v1.enabled"),
        ('[publisher]\naddress = "127.0.0.1:5560"', "publisher[0].address"),
        ('[publisher]\naddress = "tcp://127.0.0.1:70000"', "publisher[0].address"),
        ('[query]\naddress = "tcp://127.0.0.1:70000"', "query.address"),
        ('[query]\naddress = "tcp://127.0.0.1:5560"', "query.address"),
        ("[query]\naddress = false", "query.address"),
        ("[query]\nrequests_hz = 0", "query.requests_hz"),
        ('[run]\nmode = "fast"', "run.mode"),
        ("seedlink = 1", "seedlink"),
        ("[seedlink]", "seedlink"),
        ('[[seedlink]]\nserver = "a b"\nstreams = ["A_B"]', "seedlink[0].server"),
        ('[[seedlink]]\nserver = "a:70000"\nstreams = ["A_B"]', "seedlink[0].server"),
        ('[[seedlink]]\nserver = "a"\nstreams = []', "seedlink[0].streams"),
        ('[[seedlink]]\nserver = "a"\nstreams = ["A.B"]', "seedlink[0].streams"),
        ('[[seedlink]]\nserver = "a"\nstreams = [3]', "seedlink[0].streams"),
        ('[[seedlink]]\nserver = "a"', "seedlink[0].streams"),
        (
            '[[seedlink]]\nserver = "a"\nstreams = ["A_B"]\nreconnect_max_s = 0.2',
            "seedlink[0].reconnect_max_s",
        ),
        ("[window", "(file)"),
    ],
)
def test_each_mistake_names_its_key(text: str, key: str) -> None:
    told = problems(text)
    assert list(told) == [key]
    found, expected = told[key]
    assert found
    assert expected


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [
        ("geofon.gfz.de", "geofon.gfz.de", 18000),
        ("127.0.0.1:18500", "127.0.0.1", 18500),
        ("[::1]:18001", "::1", 18001),
        ("[::1]", "::1", 18000),
    ],
)
def test_server_is_split_into_host_and_port(server: str, host: str, port: int) -> None:
    text = f'[[seedlink]]\nserver = "{server}"\nstreams = ["A_B"]'
    (made,) = parse(text, {}, where="test.toml").seedlink
    assert (made.host, made.port) == (host, port)


def test_environment_overrides_the_file() -> None:
    environment = {
        "UMAMBA_RT_WINDOW__HOP_S": "2",
        "UMAMBA_RT_MODEL__CHECKPOINT": "/a/b.safetensors",
        "UMAMBA_RT_MODEL_V1__ENABLED": "true",
        "UMAMBA_RT_SEEDLINK__STREAMS": '["GE_*"]',
        "HOME": "/root",
    }
    config = parse(GOOD, environment, where="test.toml")
    assert config.window.hop_s == 2.0
    assert config.model.checkpoint == "/a/b.safetensors"
    assert config.model_v1.enabled
    assert config.seedlink[0].streams == ("GE_*",)


def test_query_endpoint_can_be_switched_off_or_find_its_own_port() -> None:
    off = parse(GOOD, {"UMAMBA_RT_QUERY__ADDRESS": ""}, where="test.toml")
    assert off.query.address == ""
    text = '[publisher]\naddress = "tcp://[::1]:*"\n[query]\naddress = "tcp://[::1]:*"'
    assert parse(text, {}, where="test.toml").query.address == "tcp://[::1]:*"


def test_environment_alone_can_name_the_server() -> None:
    environment = {"UMAMBA_RT_SEEDLINK__SERVER": "a:1", "UMAMBA_RT_SEEDLINK__STREAMS": '["A_B"]'}
    assert parse("", environment, where="test.toml").seedlink[0].port == 1


def test_mistakes_of_the_environment_are_told_too() -> None:
    told = problems(GOOD, {"UMAMBA_RT_WINDOWS__HOP_S": "2", "UMAMBA_RT_RUN__MODE": "fast"})
    assert told["UMAMBA_RT_WINDOWS__HOP_S"][0] == "section 'windows'"
    assert told["run.mode"][0] == '"fast"'


def test_default_file_is_the_definition_and_is_good() -> None:
    text = (ROOT / "config" / "umamba-rt.toml").read_text(encoding="utf-8")
    assert text == render_default(), "make it anew: `make generated`"
    config = parse(text, {}, where="default")
    assert config == Config(seedlink=config.seedlink)


def test_defaults_that_the_file_shows_are_those_that_hold() -> None:
    lines = render_default().splitlines()
    shown = [line.removeprefix("# ") if " = " in line else line for line in lines]
    active = "\n".join(line for line in shown if line.startswith("[") or " = " in line)
    active = "\n".join(line for line in active.splitlines() if not line.startswith("The"))
    config = parse(active, {}, where="uncommented")
    assert config == Config(seedlink=config.seedlink)


def test_example_for_a_public_server_is_good() -> None:
    config = load(ROOT / "config" / "geofon.toml", {})
    assert config.seedlink[0].host == "geofon.gfz.de"


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="none"):
        load(tmp_path / "none.toml", {})


def test_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigError, match="byte 2 is not UTF-8"):
        load(path, {})


@pytest.mark.parametrize(
    "text",
    [
        "[model]\nseed = " + "9" * 5000,
        '[model]\ncheckpoint = "a\\u0000b"',
        '[publisher]\naddress = "tcp://127.0.0.1:99999"',
        '[[seedlink]]\nserver = "a"\nstreams = ["A_B\\n"]',
        '[[seedlink]]\nserver = "a"\nstreams = ["A_B:HH\u00e9"]',
    ],
)
def test_extreme_values_are_mistakes_not_crashes(text: str) -> None:
    assert len(problems(text)) == 1


def test_brackets_without_end_are_a_mistake_of_the_file_or_of_their_variable() -> None:
    assert problems("a = " + "[" * 5000).keys() == {"(file)"}
    assert problems(GOOD, {"UMAMBA_RT_WINDOW__HOP_S": "[" * 5000}).keys() == {"window.hop_s"}


def test_a_variable_holds_one_value() -> None:
    assert problems(GOOD, {"UMAMBA_RT_WINDOW__HOP_S": "1\nx = 2"}).keys() == {"window.hop_s"}


def test_station_codes_may_hold_dashes() -> None:
    text = '[[seedlink]]\nserver = "a"\nstreams = ["XX_ST-1:HH?"]'
    assert parse(text, {}, where="test.toml").seedlink[0].streams == ("XX_ST-1:HH?",)


STATIONS = """
[window]
fill = "zero"
[stations]
vertical_only = "repeat-z"
serve = "per-instrument"
prefer = ["00.HH", "--.B?", "*"]
serve_all = ["CI_W*"]
[quality]
withhold = ["flat", "dc_step"]
min_timing_quality = 40
"""


def test_stations_and_quality_reach_the_core() -> None:
    pipeline = parse(STATIONS, {}, where="test.toml").pipeline
    assert pipeline.preference == Preference("per-instrument", ("00.HH", "--.B?", "*"), ("CI_W*",))
    assert pipeline.withhold == WithholdRules(frozenset({"flat", "dc_step"}), 40)
    rules = pipeline.sensor_rules
    assert (rules.fill, rules.vertical_only, rules.window.max_gap) == ("zero", "repeat-z", 50)


def test_by_default_all_sensors_are_served_and_nothing_is_withheld() -> None:
    pipeline = parse("", {}, where="test.toml").pipeline
    assert pipeline.preference == Preference("all", ("HH", "BH", "EH", "HN"))
    assert pipeline.withhold == NOTHING_WITHHELD
    assert (pipeline.fill, pipeline.vertical_only) == ("linear", "skip")


def test_without_filling_no_gap_is_allowed() -> None:
    config = parse('[window]\nfill = "none"\nmax_gap_s = 0.5', {}, where="test.toml")
    assert config.pipeline.rules.max_gap == 0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[window]\nfill = "cubic"', "window.fill"),
        ('[stations]\nserve = "best"', "stations.serve"),
        ("[stations]\nprefer = []", "stations.prefer"),
        ('[stations]\nprefer = ["H.H.H"]', "stations.prefer"),
        ('[stations]\nserve_all = ["CI"]', "stations.serve_all"),
        ('[quality]\nwithhold = ["spike"]', "quality.withhold"),
        ('[quality]\nwithhold = "flat"', "quality.withhold"),
        ("[quality]\nmin_timing_quality = 101", "quality.min_timing_quality"),
    ],
)
def test_mistakes_about_stations_and_quality_name_their_key(text: str, key: str) -> None:
    assert list(problems(text)) == [key]


def test_an_empty_list_is_good_only_where_it_is_the_default() -> None:
    config = parse("[quality]\nwithhold = []\n[stations]\nserve_all = []", {}, where="test.toml")
    assert (config.quality.withhold, config.stations.serve_all) == ((), ())
    ((_, expected),) = problems("[stations]\nprefer = []").values()
    assert expected == 'a list of "CODE" or "LOCATION.CODE", as in "HH" or "00.B?"'


def test_lists_can_be_set_by_the_environment() -> None:
    names = {"UMAMBA_RT_QUALITY__WITHHOLD": '["clipped"]', "UMAMBA_RT_STATIONS__SERVE": "preferred"}
    config = parse("", names, where="test.toml")
    assert config.quality.withhold == ("clipped",)
    assert config.stations.serve == "preferred"


def test_feed_may_have_several_addresses_each_with_its_topics() -> None:
    text = """
    [[publisher]]
    [[publisher]]
    address = "ipc:///run/umamba-rt/events"
    format = "msgpack"
    topics = ["event.", "heartbeat"]
    high_water_mark = 100
    """
    plain, events = parse(text, {}, where="test.toml").publisher
    assert plain == PublisherConfig()
    assert (events.format, events.topics, events.high_water_mark) == (
        "msgpack",
        ("event.", "heartbeat"),
        100,
    )


def test_one_address_may_be_a_plain_table_and_none_is_the_default() -> None:
    (made,) = parse('[publisher]\nformat = "msgpack"', {}, where="test.toml").publisher
    assert made == PublisherConfig(format="msgpack")
    assert parse("", {}, where="test.toml").publisher == (PublisherConfig(),)
    changed = parse("", {"UMAMBA_RT_PUBLISHER__FORMAT": "msgpack"}, where="test.toml")
    assert changed.publisher == (made,)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("publisher = []", "publisher"),
        ("publisher = 3", "publisher"),
        ("[[publisher]]\n[[publisher]]", "publisher[1].address"),
        ("[publisher]\ntopics = [3]", "publisher[0].topics"),
        ('[publisher]\ntopics = [""]', "publisher[0].topics"),
    ],
)
def test_mistakes_about_the_feeds_addresses_name_their_key(text: str, key: str) -> None:
    assert list(problems(text)) == [key]


def test_line_of_a_mistake_is_told_for_a_plain_table_too() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("[publisher]\n\nformat = 3", {}, where="test.toml")
    assert [one.origin for one in caught.value.problems] == ["line 3"]


def test_metrics_need_an_address_of_their_own() -> None:
    text = GOOD + '[metrics]\naddress = "127.0.0.1:5561"\n'
    assert problems(text) == {
        "metrics.address": ('"127.0.0.1:5561"', "another address than query.address")
    }

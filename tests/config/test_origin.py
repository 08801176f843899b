"""origin.py, and what file.py says of lines, variables and secrets in mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from umamba_rt.config.file import load, locating, parse
from umamba_rt.config.origin import Origins
from umamba_rt.errors import ConfigError, ConfigProblem

WRONG = """\
[[seedlink]]
server = "127.0.0.1:18000"
streams = ["A_B"]
[[seedlink]]
server = "127.0.0.1:18001"
keepalive_s = 0
[window]
hop_s = -1
max_gap_s = 0.5
[modell]
[run]
mode = "life"
"""


def told(text: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environment or {}, where="test.toml")
    return [str(problem) for problem in caught.value.problems]


def test_every_mistake_is_told_with_its_line_in_their_order() -> None:
    assert [text.partition(", expected")[0] for text in told(WRONG)] == [
        "line 4: seedlink[1].streams: found nothing",
        "line 6: seedlink[1].keepalive_s: found 0",
        "line 8: window.hop_s: found -1",
        "line 10: modell: found unknown section",
        'line 12: run.mode: found "life"',
    ]


def test_mistake_of_the_environment_is_told_with_its_variable() -> None:
    good = WRONG.partition('[[seedlink]]\nserver = "127.0.0.1:18001"')[0]
    environment = {"UMAMBA_RT_RUN__MODE": "fast", "UMAMBA_RT_SEEDLINK__TLS": "maybe"}
    assert sorted(told(good, environment)) == [
        'UMAMBA_RT_RUN__MODE: run.mode: found "fast", expected one of "live", "replay"',
        'UMAMBA_RT_SEEDLINK__TLS: seedlink[0].tls: found "maybe", expected true or false',
    ]


def test_near_miss_is_suggested_for_keys_sections_and_choices() -> None:
    text = "\n".join(told("[windw]\n[window]\nhopp_s = 1.0\nfill = 'liner'\n"))
    assert 'expected "window"?' in text
    assert 'expected "hop_s"?' in text
    assert 'one of "linear", "zero", "none": "linear"?' in text


def test_key_in_another_section_is_told_where_it_belongs() -> None:
    assert told("[model]\nhop_s = 1.0\n") == [
        "line 2: model.hop_s: found unknown key, expected it in [window]"
    ]


def test_text_that_is_no_toml_is_told_with_its_line() -> None:
    (problem,) = told("[run]\nmode = live\n")
    assert problem.startswith("line 2: (file): found Invalid value")


def test_contradiction_between_keys_has_the_line_of_the_one_it_names() -> None:
    text = "[window]\nlength_s = 20.0\n\nmax_gap_s = 20.0"
    assert told(text)[0].startswith("line 4: window.max_gap_s")


def test_byte_that_is_not_utf8_has_a_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[run]\n\n# \xe9\n")
    with pytest.raises(ConfigError, match=r"line 3: .* byte 9 is not UTF-8"):
        load(path, {})


def test_mistake_that_only_the_model_shows_gets_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("\n[window]\nlength_s = 20.0\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught, locating(path, {}):
        raise ConfigError("[model] checkpoint", (ConfigProblem("window.length_s", "20", "30"),))
    assert str(caught.value) == (
        f"{path}, [model] checkpoint: 1 problem(s)\n"
        "  line 3: window.length_s: found 20, expected 30"
    )


def test_origin_of_a_default_is_empty_and_a_variable_comes_before_a_line() -> None:
    origins = Origins(WRONG, {"UMAMBA_RT_WINDOW__HOP_S": "1", "HOME": "/"})
    assert origins.of("window.hop_s") == "UMAMBA_RT_WINDOW__HOP_S"
    assert origins.of("window.max_gap_s") == "line 9"
    assert origins.of("window.fill") == ""
    assert origins.of("seedlink[1].server") == "line 5"


SECRET = "Hunter2.s3cret"


@pytest.mark.parametrize(
    "keys",
    [
        f'password = "{SECRET}"',
        f'token_env = "{SECRET}"',
        'token_env = "Hunter2s3cret"',
        f'password_file = "{SECRET}"',
        f'token_file = "{SECRET}"',
        f'password_file = ["{SECRET}"]',
        f'server = "me:{SECRET}@host:18000"',
        f'server = "{SECRET}@host"',
        f'server = "me:a/{SECRET}@host"',
    ],
)
def test_secret_at_a_wrong_place_is_refused_and_not_repeated(keys: str) -> None:
    block = '[[seedlink]]\nstreams = ["A_B"]\n' + keys + "\n"
    if "server" not in keys:
        block += 'server = "a"\n'
    text = "\n".join(told(block))
    assert "line 3: " in text
    assert "Hunter2" not in text


@pytest.mark.parametrize("section", ["publisher", "query"])
def test_addresses_take_no_password(section: str) -> None:
    variables = {f"UMAMBA_RT_{section.upper()}__ADDRESS": f"tcp://me:{SECRET}@127.0.0.1:5560"}
    text = "\n".join(told("", variables))
    assert '"tcp://[hidden]@127.0.0.1:5560"' in text
    assert SECRET not in text


@pytest.mark.parametrize("address", ["0.0.0.0:5562", "[::]:5562", "myhost:5562"])
def test_metrics_beyond_the_loopback_are_asked_for_by_name(address: str) -> None:
    text = f'[metrics]\naddress = "{address}"\n'
    assert told(text)[0].startswith(f'line 2: metrics.address: found "{address}"')
    assert parse(text + "insecure_public = true", {}, where="test.toml").metrics.is_open


@pytest.mark.parametrize("address", ["", "localhost:5562", "[::1]:0", "127.0.0.2:9"])
def test_metrics_on_the_loopback_need_no_word(address: str) -> None:
    assert not parse(f'[metrics]\naddress = "{address}"', {}, where="test.toml").metrics.is_open


def test_port_of_metrics_has_a_limit() -> None:
    assert "a port up to 65535" in told('[metrics]\naddress = "127.0.0.1:70000"')[0]

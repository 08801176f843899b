"""seedlink.py: what a [[seedlink]] block's login and TLS may not contradict."""

from __future__ import annotations

import pytest

from umamba_rt.config.file import parse
from umamba_rt.errors import ConfigError

BLOCK = '[[seedlink]]\nserver = "a"\nstreams = ["A_B"]\n'


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ('tls_ca_file = "ca.pem"', "tls_ca_file"),
        ('user = "me"', "user"),
        ('password_env = "P"', "user"),
        ('user = "me"\npassword_env = "P"\npassword_file = "./p"', "password_env"),
        ('token_env = "T"\ntoken_file = "./t"', "token_env"),
        ('user = "me"\npassword_env = "P"\ntoken_env = "T"', "token_env"),
        ('protocol = "v3"\ntoken_env = "T"', "protocol"),
        ('user = "two words"\npassword_env = "P"', "user"),
        ('token_env = "A-B"', "token_env"),
        ('password = "in the clear"', "password"),
    ],
)
def test_contradiction_names_its_key(keys: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(BLOCK + keys, {}, where="test.toml")
    assert {problem.key for problem in caught.value.problems} == {f"seedlink[0].{wrong}"}


@pytest.mark.parametrize(
    "keys",
    [
        'tls = true\ntls_ca_file = "ca.pem"',
        'user = "me"\npassword_file = "$CREDENTIALS_DIRECTORY/seedlink"',
        'protocol = "v4"\ntoken_env = "TOKEN"',
    ],
)
def test_whole_login_is_taken(keys: str) -> None:
    (server,) = parse(BLOCK + keys, {}, where="test.toml").seedlink
    assert server.host == "a"

"""access.py: which addresses are open to the network, and what must then be said."""

from __future__ import annotations

import pytest

from umamba_rt.config.access import is_local
from umamba_rt.config.file import parse
from umamba_rt.errors import ConfigError

KEYS = '[access]\nserver_key = "/etc/umamba-rt/feed"\nclients = "/etc/umamba-rt/clients"\n'


def problems(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, {}, where="test.toml")
    return {one.key: one.expected for one in caught.value.problems}


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp://127.0.0.1:5560", True),
        ("tcp://127.8.9.1:*", True),
        ("tcp://[::1]:5560", True),
        ("tcp://localhost:5560", True),
        ("tcp://lo:5560", True),
        ("ipc:///run/feed", True),
        ("inproc://feed", True),
        ("tcp://*:5560", False),
        ("tcp://0.0.0.0:5560", False),
        ("tcp://[::]:5560", False),
        ("tcp://192.168.1.2:5560", False),
        ("tcp://eth0:5560", False),
        ("tcp://feed.example.org:5560", False),
        ("tcp://localhost.example.org:5560", False),
        ("tcp://127.0.0.1.example.org:5560", False),
    ],
)
def test_loopback_is_told_from_the_network(address: str, local: bool) -> None:
    assert is_local(address) is local


@pytest.mark.parametrize("section", ["[[publisher]]", "[query]"])
def test_address_of_the_network_needs_keys_or_a_word_for_it(section: str) -> None:
    text = f'{section}\naddress = "tcp://0.0.0.0:5000"\n'
    ((key, expected),) = problems(text).items()
    assert key.endswith(".address")
    assert expected == "a loopback address, curve = true, or insecure_public = true"
    parse(text + "insecure_public = true", {}, where="test.toml")
    parse(f"{text}curve = true\n{KEYS}", {}, where="test.toml")


def test_a_query_endpoint_that_is_off_is_no_address() -> None:
    assert parse('[query]\naddress = ""', {}, where="test.toml").query.address == ""


def test_keys_without_files_are_mistakes_named_at_once() -> None:
    assert set(problems("[publisher]\ncurve = true")) == {"access.server_key", "access.clients"}
    assert set(problems('[query]\ncurve = true\n[access]\nclients = "c"')) == {"access.server_key"}


def test_each_endpoint_has_an_address_of_its_own() -> None:
    same = 'address = "tcp://127.0.0.1:5000"\n'
    text = f"[[publisher]]\n{same}[[publisher]]\n{same}[query]\n{same}"
    assert problems(text) == {
        "publisher[1].address": "another address than publisher[0].address",
        "query.address": "another address than publisher[0].address",
    }
    anywhere = same.replace("5000", "*")
    parse(f"[[publisher]]\n{anywhere}[[publisher]]\n{anywhere}", {}, where="test.toml")

"""cli.py and commands/: as processes, with their exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.support import ROOT, children_cpu_s, free_port
from umamba_rt.cli import guarded
from umamba_rt.io.publisher import Publisher
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.models.seeded import untrained

SERVER = '[[seedlink]]\nserver = "127.0.0.1:1"\nstreams = ["A_B"]\n'


def umamba_rt(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "umamba_rt", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment or None, check=False
    )


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "umamba-rt.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "words", [[], ["run"], ["check"], ["listen"], ["stations"], ["models"], ["models", "info"]]
)
def test_help_is_quick_and_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from umamba_rt.cli import main\n"
        f"try: main({[*words, '--help']!r})\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'obspy', 'numba', 'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    before_s = children_cpu_s()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    taken_s = children_cpu_s() - before_s
    assert done.returncode == 0, done.stderr
    assert "usage: umamba-rt" in done.stdout
    assert taken_s < 0.5


@pytest.mark.parametrize(
    "words",
    [
        ["fly"],
        [],
        ["run", "a", "b"],
        ["models", "info", "file", "--untrained", "v2"],
        ["listen", "--count", "0"],
        ["listen", "--timeout-s", "nan"],
        ["listen", "--minimum-magnitude", "nan"],
    ],
)
def test_usage_error_ends_with_64(words: list[str]) -> None:
    done = umamba_rt(*words)
    assert done.returncode == 64
    assert "usage:" in done.stderr


def test_check_prints_what_a_good_configuration_asks_for() -> None:
    done = umamba_rt("check", ROOT / "config" / "umamba-rt.toml")
    assert done.returncode == 0
    assert "127.0.0.1:18000" in done.stdout
    assert "model v2   version v2" in done.stdout
    assert "trained" in done.stdout
    assert done.stderr == ""


def test_check_says_that_random_weights_give_no_magnitudes(tmp_path: Path) -> None:
    done = umamba_rt("check", config(tmp_path, f"{SERVER}[model]\ncheckpoint = 'untrained'\n"))
    assert done.returncode == 0
    assert "random weights: its numbers are no magnitudes" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        SERVER + '[model]\ncheckpoint = "/etc/passwd"\n',
        SERVER + "[window]\nlength_s = 20.0\n",
        SERVER + '[publisher]\naddress = "tcp://127.0.0.1:99999"\n',
    ],
    ids=["no server", "no checkpoint", "another length", "no port"],
)
def test_check_refuses_what_run_refuses(text: str, tmp_path: Path) -> None:
    path = config(tmp_path, text)
    for verb in ("check", "run"):
        assert umamba_rt(verb, path).returncode == 78


def test_error_that_nobody_foresaw_is_our_bug_and_ends_with_70(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def action() -> int:
        raise KeyError("unforeseen")

    assert guarded("umamba-rt", action) == 70
    told = capsys.readouterr().err
    assert "KeyError: 'unforeseen'" in told
    assert "this is a bug of umamba-rt" in told


@pytest.mark.parametrize("verb", ["run", "check"])
def test_three_mistakes_and_no_server_are_listed_and_end_with_78(verb: str, tmp_path: Path) -> None:
    path = config(tmp_path, '[window]\nhop_s = 0\nhopp = 1\n[run]\nmode = "x"\n')
    done = umamba_rt(verb, path)
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    assert lines[0] == f"umamba-rt: {path}: 4 problem(s)"
    assert [line.partition(": found ")[0].strip() for line in lines[1:]] == [
        "seedlink",
        "line 2: window.hop_s",
        "line 3: window.hopp",
        "line 5: run.mode",
    ]


def test_under_systemd_what_keeps_it_from_starting_is_a_line_of_json_each(tmp_path: Path) -> None:
    path = config(tmp_path, SERVER + '[window]\nhop_s = 0\n[run]\nmode = "x"\n')
    with (tmp_path / "journal").open("w+", encoding="utf-8") as journal:
        status = os.fstat(journal.fileno())
        done = subprocess.run(
            [sys.executable, "-m", "umamba_rt", "run", str(path)],
            stderr=journal,
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
            check=False,
        )
        journal.seek(0)
        lines = [json.loads(line) for line in journal]
    assert done.returncode == 78
    assert [(line["event"], line["level"], line["status"]) for line in lines] == [
        ("start_failed", "error", 78)
    ] * 2
    assert lines[0]["reason"].startswith(f"{path}: line 5: window.hop_s: found 0")


def test_run_without_a_server_ends_with_78(tmp_path: Path) -> None:
    done = umamba_rt("run", config(tmp_path, ""))
    assert done.returncode == 78
    assert "at least one [[seedlink]] block" in done.stderr


@pytest.mark.parametrize("verb", ["run", "check"])
def test_missing_files_are_named_and_end_with_69(verb: str, tmp_path: Path) -> None:
    done = umamba_rt(verb, tmp_path / "none.toml")
    assert done.returncode == 69
    assert "none.toml: No such file or directory" in done.stderr
    path = config(tmp_path, f'{SERVER}[model]\ncheckpoint = "{tmp_path}/none.safetensors"\n')
    done = umamba_rt(verb, path)
    assert done.returncode == 69
    assert "none.safetensors" in done.stderr


def test_address_in_use_ends_with_69(tmp_path: Path) -> None:
    holder = Publisher(f"tcp://127.0.0.1:{free_port()}")
    path = config(tmp_path, f'{SERVER}[publisher]\naddress = "{holder.address}"\n')
    done = umamba_rt("run", path)
    holder.close()
    assert done.returncode == 69
    assert f"publisher.address {holder.address}" in done.stderr


def test_checkpoint_of_another_model_or_shape_ends_with_78(tmp_path: Path) -> None:
    v1 = tmp_path / "v1.safetensors"
    model = untrained("v1", 0)
    save(v1, model, CheckpointFacts("v1", "test", True, Preprocessing.of(model.config)))
    done = umamba_rt("run", config(tmp_path, f'{SERVER}[model]\ncheckpoint = "{v1}"\n'))
    assert done.returncode == 78
    assert f"{v1}: holds v1, expected v2" in done.stderr
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(v1.read_bytes()[:5000])
    done = umamba_rt("run", config(tmp_path, f'{SERVER}[model]\ncheckpoint = "{damaged}"\n'))
    assert done.returncode == 78
    assert "damaged.safetensors" in done.stderr
    done = umamba_rt(
        "run",
        config(
            tmp_path,
            f'{SERVER}[window]\nlength_s = 20.0\n[publisher]\naddress = "ipc://{tmp_path}/f"\n',
        ),
    )
    assert done.returncode == 78
    assert "window.length_s: found 20, expected 30 (at 100 Hz)" in done.stderr


def test_models_info_counts_every_block_and_says_what_is_untrained() -> None:
    done = umamba_rt("models", "info", "--untrained", "v2")
    assert done.returncode == 0
    assert "191,313" in done.stdout
    assert "trained         NO" in done.stdout
    blocks = [line.split() for line in done.stdout.splitlines() if line.startswith("    ")]
    assert sum(int(count.replace(",", "")) for _, count in blocks) == 191_313


def test_models_info_without_a_file_tells_of_the_packages_own() -> None:
    done = umamba_rt("models", "info")
    assert done.returncode == 0, done.stderr
    assert "v2.safetensors" in done.stdout
    assert "trained         yes" in done.stdout
    assert "norm std, and amplitude features" in done.stdout


def test_models_convert_and_info_of_an_old_file(tmp_path: Path) -> None:
    model = untrained("v2", 3)
    old, new = tmp_path / "old.pt", tmp_path / "new.safetensors"
    content = {"model_state_dict": model.state_dict(), "config": {}, "epoch": 4, "val_loss": 0.5}
    torch.save(content, old)
    done = umamba_rt("models", "convert", old, new)
    assert done.returncode == 0, done.stderr
    sha256 = load_checkpoint(new).identity.sha256
    assert sha256 in done.stdout
    shown = umamba_rt("models", "info", new).stdout
    assert sha256 in shown
    assert "trained         yes" in shown
    assert '"epoch":4' in shown.replace(" ", "")


def test_models_convert_to_a_place_that_cannot_be_written_ends_with_69(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    model = untrained("v2", 0)
    save(good, model, CheckpointFacts("v2", "test", True, Preprocessing.of(model.config)))
    for target in (tmp_path / "no" / "such" / "dir.safetensors", Path("/dev/full/x")):
        done = umamba_rt("models", "convert", good, target)
        assert done.returncode == 69
        assert str(target) in done.stderr


def test_listen_prints_lines_and_json() -> None:
    from tests.io.test_publisher import BEAT, ESTIMATE

    feed = Publisher("tcp://127.0.0.1:*")
    for words, marks in (
        ([], ["M   4.50", "CI.CCC.--.HH", "heartbeat  up 1 s"]),
        (["--json"], ['"topic":"magnitude.v2.CI.CCC.--.HH"', '"topic":"heartbeat"']),
    ):
        command = [sys.executable, "-m", "umamba_rt", "listen", "--address", feed.address]
        with subprocess.Popen(
            [*command, "--count", "4", *words], stdout=subprocess.PIPE, text=True
        ) as process:
            while process.poll() is None:
                feed.send(BEAT)
                feed.send(ESTIMATE)
                time.sleep(0.01)  # a pace, not a wait: the listener connects when it does
            text = process.stdout.read() if process.stdout else ""
        assert process.returncode == 0
        lines = text.splitlines()
        assert len(lines) == 4
        for mark in marks:
            assert any(mark in line for line in lines), (mark, lines)
        if words:
            assert all("schema" in json.loads(line) for line in lines)
    feed.close()


def test_listen_where_nobody_sends_ends_with_69() -> None:
    done = umamba_rt("listen", "--address", f"tcp://127.0.0.1:{free_port()}", "--timeout-s", "0.2")
    assert done.returncode == 69
    assert "no message within 0.2 s" in done.stderr


def test_listen_at_no_address_ends_with_69() -> None:
    done = umamba_rt("listen", "--address", "bogus")
    assert done.returncode == 69
    assert done.stderr.startswith("umamba-rt: bogus: ")


@pytest.mark.parametrize("number", ["-1", "99999999999999999999999"])
def test_seed_beyond_the_configurations_limits_is_a_usage_error(number: str) -> None:
    done = umamba_rt("models", "info", "--untrained", "v1", "--seed", number)
    assert done.returncode == 64
    assert "--seed" in done.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{SERVER}tls = true\ntls_ca_file = '/nowhere'\n", "tls_ca_file /nowhere"),
        (f"{SERVER}user = 'u'\npassword_file = '/nowhere'\n", "password_file /nowhere"),
        (
            f"{SERVER}[publisher]\ncurve = true\n[access]\nserver_key = '/nowhere'\n"
            "clients = '/nowhere'\n",
            "access.server_key /nowhere",
        ),
    ],
    ids=["certificates", "password", "keys"],
)
def test_check_reads_the_secrets_that_run_needs(text: str, what: str, tmp_path: Path) -> None:
    path = config(tmp_path, text)
    for verb in ("check", "run"):
        done = umamba_rt(verb, path)
        assert done.returncode == 69, done.stderr
        assert what in done.stderr


def test_check_names_the_secrets_that_the_service_alone_knows(tmp_path: Path) -> None:
    text = f"""{SERVER}user = "u"
password_file = "$NO_SUCH_DIRECTORY/seedlink"
[publisher]
curve = true
[access]
server_key = "$NO_SUCH_DIRECTORY/feed"
clients = "/nowhere"
"""
    done = umamba_rt("check", config(tmp_path, text))
    assert done.returncode == 0, done.stderr
    for name in ("$NO_SUCH_DIRECTORY/seedlink", "$NO_SUCH_DIRECTORY/feed"):
        assert f"not read   {name}" in done.stdout

"""training/synthetic_pool.py: made once, the same however many made it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.errors import UnavailableError
from umamba_rt.training.synthetic.generate import generate
from umamba_rt.training.synthetic_pool import make_pool, noise_library


def test_records_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    one = make_pool(tmp_path / "a", 6, 3, None, workers=1)
    two = make_pool(tmp_path / "b", 6, 3, None, workers=2)
    assert len(one) == len(two) == 6
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
        assert a.magnitude == b.magnitude or (math.isnan(a.magnitude) and math.isnan(b.magnitude))


def test_a_record_is_the_generators_own(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, 5, 7, None, workers=1)
    for k, record_ in enumerate(pool):
        made = generate(np.random.default_rng((7, k)))
        np.testing.assert_array_equal(record_.samples, made.samples)
        assert record_.unit == made.unit
        if made.p_sample < 0:
            assert record_.is_noise
            assert math.isnan(record_.magnitude)
        else:
            assert (record_.p_sample, record_.magnitude) == (made.p_sample, made.magnitude)
    assert [r.trace_name for r in pool[1:3]] == ["synthetic1", "synthetic2"]


def test_a_pool_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    make_pool(tmp_path, 4, 1, None, workers=1)
    (home,) = tmp_path.iterdir()
    before = (home / "samples.npy").stat().st_mtime_ns
    make_pool(tmp_path, 4, 1, None, workers=1)
    assert (home / "samples.npy").stat().st_mtime_ns == before
    make_pool(tmp_path, 4, 2, None, workers=1)
    make_pool(tmp_path, 4, 1, noise_library([record()]), workers=1)
    assert len(list(tmp_path.iterdir())) == 3


def test_noise_is_what_stands_before_the_onset() -> None:
    noise = record(p_sample=math.nan, samples=4000, source_id="n")
    short, counts = record(p_sample=1000.0), record(unit="counts")
    library = noise_library([record(), noise, short, counts])
    assert library is not None
    assert [a.shape for a in library.of_unit("m/s")] == [(3, 2900), (3, 4000)]
    assert library.of_unit("m/s^2") == ()
    assert max(np.abs(a).max() for a in library.of_unit("m/s")) < 1e-6  # 1e-5 from P on
    assert noise_library([short]) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="file"):
        make_pool(tmp_path / "file", 1, 1, None, workers=1)

from __future__ import annotations

import math
import multiprocessing
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support import SHARED
from tests.training.seisbench_folders import FORMAT, ramp, row, write_folder
from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training.seisbench_format import LabelledRecord, SeisBenchDataset
from umamba_rt.training.split import events_in_several_splits, split_of_event

REAL = SHARED / "data" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real records are not at {REAL}")


def one(
    folder: Path, *, data_format: dict[str, object] | None = None, **cells: object
) -> LabelledRecord:
    """The only record of a folder with one plain trace."""
    data_format = {**FORMAT, **(data_format or {})}
    write_folder(folder, [row("a", **cells)], {"a": ramp()}, data_format)
    (record,) = SeisBenchDataset(folder)
    return record


def test_trace_name_addresses_a_row_of_a_bucket(tmp_path: Path) -> None:
    bucket = np.stack([ramp(), ramp() + 7000, np.zeros((3, 400), np.float32)])
    rows = [row("b$1,:3,:250"), row("b$0,:,50:300"), row("b$-3, :3, ::")]
    write_folder(tmp_path, rows, {"b": bucket})
    first, second, third = SeisBenchDataset(tmp_path)
    assert np.array_equal(first.samples, bucket[1, :3, :250])
    assert np.array_equal(second.samples, bucket[0, :, 50:300])
    assert np.array_equal(third.samples, bucket[0])


@pytest.mark.parametrize("order", ["CW", "WC", "NCW", "cw"])
def test_dimension_order_is_obeyed(tmp_path: Path, order: str) -> None:
    stored = ramp().T if order == "WC" else ramp()
    write_folder(tmp_path, [row("a")], {"a": stored}, {**FORMAT, "dimension_order": order})
    assert np.array_equal(SeisBenchDataset(tmp_path)[0].samples, ramp())


@pytest.mark.parametrize(
    ("order", "zne"),
    [
        ("ENZ", (2, 1, 0)),
        ("12Z", (2, 0, 1)),
        ("NEZ", (2, 0, 1)),
        ("Z23", (0, 1, 2)),
        ("XYZ", (2, 0, 1)),
        ("RTZ", (2, 0, 1)),
    ],
)
def test_components_come_in_the_order_zne(tmp_path: Path, order: str, zne: tuple[int, ...]) -> None:
    record = one(tmp_path, data_format={"component_order": order})
    assert np.array_equal(record.samples, ramp()[list(zne)])


def test_order_of_a_row_goes_before_that_of_the_file(tmp_path: Path) -> None:
    record = one(tmp_path, trace_component_order="ENZ")
    assert np.array_equal(record.samples, ramp()[[2, 1, 0]])


def test_missing_component_is_zeros_and_a_fourth_is_left(tmp_path: Path) -> None:
    rows = [row("a", trace_component_order="Z"), row("b", trace_component_order="ZNEH")]
    write_folder(tmp_path, rows, {"a": ramp(rows=1), "b": ramp(rows=4)})
    lone, four = SeisBenchDataset(tmp_path)
    assert np.array_equal(lone.samples[0], ramp()[0])
    assert not lone.samples[1:].any()
    assert np.array_equal(four.samples, ramp(rows=4)[:3])


def test_padding_behind_a_trace_is_none_of_it(tmp_path: Path) -> None:
    write_folder(
        tmp_path, [row("a", trace_npts=250), row("b", trace_npts="")], {"a": ramp(), "b": ramp()}
    )
    padded, whole = SeisBenchDataset(tmp_path)
    assert np.array_equal(padded.samples, ramp()[:, :250])
    assert np.array_equal(whole.samples, ramp())


def test_samples_beyond_float32_are_interpolated(tmp_path: Path) -> None:
    stored = ramp().astype(np.float64)
    stored[2, 7] = 1e300
    write_folder(tmp_path, [row("a")], {"a": stored})
    assert np.array_equal(SeisBenchDataset(tmp_path)[0].samples, ramp())


def test_samples_that_are_not_finite_are_interpolated(tmp_path: Path) -> None:
    stored = ramp()
    stored[0, 10], stored[1, :] = np.nan, np.inf
    write_folder(tmp_path, [row("a")], {"a": stored})
    samples = SeisBenchDataset(tmp_path)[0].samples
    assert samples[0, 10] == 10
    assert not samples[1].any()


@pytest.mark.parametrize("rate_hz", [20, 50, 200, 31.25])
def test_other_rates_come_at_100_hz_with_the_onset_in_place(tmp_path: Path, rate_hz: float) -> None:
    seconds = np.arange(int(60 * rate_hz)) / rate_hz
    pulse = np.exp(-(((seconds - 30) / 0.3) ** 2))
    rows = [row("a", trace_p_arrival_sample=30 * rate_hz, trace_s_arrival_sample=31 * rate_hz)]
    data_format = {**FORMAT, "sampling_rate": rate_hz}
    write_folder(tmp_path, rows, {"a": np.stack([pulse] * 3)}, data_format)
    record = SeisBenchDataset(tmp_path)[0]
    assert (record.p_sample, record.s_sample) == (3000, 3100)
    assert record.native_rate_hz == rate_hz
    expected = np.exp(-(((np.arange(record.samples.shape[1]) / 100 - 30) / 0.3) ** 2))
    assert np.abs(record.samples - expected).max() < 2e-3


def test_rate_of_a_row_goes_before_interval_and_file(tmp_path: Path) -> None:
    assert one(tmp_path / "1", trace_sampling_rate_hz=50).p_sample == 200
    assert one(tmp_path / "2", trace_dt_s=0.02).p_sample == 200
    assert one(tmp_path / "3", trace_sampling_rate_hz="").p_sample == 100
    assert one(tmp_path / "4", trace_native_rate_hz=20).native_rate_hz == 20


@pytest.mark.parametrize(
    ("stored", "unit", "factor"),
    [("mps", "m/s", 1), ("mps2", "m/s^2", 1), ("km/s", "m/s", 1000), ("counts", "counts", 1),
     ("none/normalized", "counts", 1), ("g", "m/s^2", 9.80665)],
)  # fmt: skip
def test_units_are_brought_to_metres(tmp_path: Path, stored: str, unit: str, factor: float) -> None:
    for number, cells in enumerate(
        ({}, {"trace_unit": stored}, {"trace_deconvolved_units": stored})
    ):
        record = one(tmp_path / str(number), data_format={"unit": "" if cells else stored}, **cells)
        assert record.unit == unit
        assert np.allclose(record.samples, ramp() * factor)


def test_column_names_of_the_known_data_sets(tmp_path: Path) -> None:
    stead = one(
        tmp_path / "stead", trace_p_arrival_sample=120.5, trace_snr_db="[56.0 55.  48.]",
        trace_channel="HHZ", trace_category="earthquake_local", source_depth_km="None",
    )  # fmt: skip
    assert (stead.p_sample, stead.snr_db, stead.channel) == (120.5, 53, "HH")
    assert math.isnan(stead.depth_km)
    ethz = one(
        tmp_path / "ethz", trace_p_arrival_sample="", trace_Pn_arrival_sample="130.0",
        trace_Pg_arrival_sample="150.0", trace_Sg_arrival_sample=220,
    )  # fmt: skip
    assert (ethz.p_sample, ethz.s_sample) == (130, 220)
    instance = one(
        tmp_path / "instance", trace_p_arrival_sample=None, trace_P_arrival_sample=90,
        path_ep_distance_km=41.5, station_channels="HN", trace_Z_snr_db=12.5,
    )  # fmt: skip
    assert (instance.p_sample, instance.distance_km) == (90, 41.5)
    assert (instance.channel, instance.snr_db) == ("HN", 12.5)


def test_network_na_is_a_network(tmp_path: Path) -> None:
    record = one(tmp_path, station_network_code="NA", path_ep_distance_km="NA")
    assert record.network == "NA"
    assert math.isnan(record.distance_km)


def test_noise_has_neither_onset_nor_magnitude(tmp_path: Path) -> None:
    record = one(tmp_path, trace_category="noise", source_id="", trace_p_arrival_sample="")
    assert record.is_noise
    assert math.isnan(record.magnitude)


def test_table_of_noise_alone_needs_names_only(tmp_path: Path) -> None:
    write_folder(tmp_path, [{"trace_name": "a", "station_code": "X"}], {"a": ramp()})
    assert SeisBenchDataset(tmp_path)[0].is_noise


def test_earthquake_without_onset_or_magnitude_is_no_noise_and_is_counted(tmp_path: Path) -> None:
    rows = [row("a", trace_p_arrival_sample=""), row("a", source_magnitude="nan"), row("a")]
    write_folder(tmp_path, rows, {"a": ramp()})
    dataset = SeisBenchDataset(tmp_path)
    assert (len(dataset), dataset.unusable) == (1, 2)


@pytest.mark.parametrize("listed", [True, False])
def test_chunks_are_one_data_set(tmp_path: Path, listed: bool) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()}, chunk="_2001")
    write_folder(tmp_path, [row("a", source_magnitude=2)], {"a": ramp() + 5}, chunk="_2002")
    if listed:
        (tmp_path / "chunks").write_text("_2002\n_2001\n")
    first, second = SeisBenchDataset(tmp_path)
    assert (first.magnitude, second.magnitude) == (4.5, 2)
    assert np.array_equal(first.samples + 5, second.samples)


def test_row_with_a_magnitude_alone_is_no_noise(tmp_path: Path) -> None:
    rows = [row("a"), {"trace_name": "a", "source_magnitude": 3.0}]
    dataset = SeisBenchDataset(write_folder(tmp_path, rows, {"a": ramp()}))
    assert (len(dataset), dataset.unusable) == (1, 1)


def test_number_that_no_earthquake_has_is_a_magnitude_not_known(tmp_path: Path) -> None:
    rows = [row("a", source_magnitude=-9999), row("a", source_magnitude=-1.2)]
    dataset = SeisBenchDataset(write_folder(tmp_path, rows, {"a": ramp()}))
    assert [header.magnitude for header in dataset.headers] == [-1.2]
    assert dataset.unusable == 1


@pytest.mark.parametrize("rate_hz", [0.001, 1e9])
def test_rate_that_no_seismograph_has_is_named(tmp_path: Path, rate_hz: float) -> None:
    write_folder(tmp_path, [row("a", trace_sampling_rate_hz=rate_hz)], {"a": ramp()})
    with pytest.raises(DatasetError, match="row 2, column trace_sampling_rate_hz"):
        SeisBenchDataset(tmp_path)


def test_table_that_is_no_csv_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a", note="x" * 200_000)], {"a": ramp()})
    with pytest.raises(DatasetError, match="is no CSV"):
        SeisBenchDataset(tmp_path)


def test_split_of_the_file_is_kept_where_no_event_is_cut(tmp_path: Path) -> None:
    rows = [row("a", split="test"), row("a", source_id="ev2", split="validation")]
    write_folder(tmp_path, rows, {"a": ramp()})
    dataset = SeisBenchDataset(tmp_path)
    assert dataset.split_rule == "file"
    assert [record.split for record in dataset] == ["test", "dev"]
    assert len(dataset.select("test")) == 1


@pytest.mark.parametrize("splits", [("train", "test"), ("train", "")])
def test_split_is_by_event_where_the_file_has_none_or_cuts_one(
    tmp_path: Path, splits: tuple[str, str]
) -> None:
    events = [f"ev{number}" for number in range(40)]
    rows = [row("a", source_id=event, split=split) for event in events for split in splits]
    write_folder(tmp_path, rows, {"a": ramp()})
    dataset = SeisBenchDataset(tmp_path)
    assert dataset.split_rule == "event hash"
    pairs = [(header.source_id, header.split) for header in dataset.headers]
    assert not events_in_several_splits(pairs)
    assert all(split == split_of_event(event) for event, split in pairs)


def test_dataset_can_be_pickled_after_reading(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    dataset = SeisBenchDataset(tmp_path)
    assert np.array_equal(dataset[0].samples, pickle.loads(pickle.dumps(dataset))[0].samples)


def test_missing_folder_or_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such folder"):
        SeisBenchDataset(tmp_path / "none")
    with pytest.raises(UnavailableError, match=r"holds no metadata\.csv"):
        SeisBenchDataset(tmp_path)
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    (tmp_path / "waveforms.hdf5").unlink()
    with pytest.raises(UnavailableError, match=r"holds no waveforms\.hdf5"):
        SeisBenchDataset(tmp_path)


@pytest.mark.parametrize("column", ["trace_name", "source_magnitude", "trace_p_arrival_sample"])
def test_missing_column_is_named(tmp_path: Path, column: str) -> None:
    cells = row("a")
    del cells[column]
    write_folder(tmp_path, [cells], {"a": ramp()})
    with pytest.raises(DatasetError, match=rf"metadata\.csv, column {column}: is not there"):
        SeisBenchDataset(tmp_path)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"source_magnitude": "big"}, "row 3, column source_magnitude: 'big' is no number"),
        ({"trace_p_arrival_sample": "inf"}, "row 3, column trace_p_arrival_sample"),
        ({"trace_snr_db": "[1 two]"}, "row 3, column trace_snr_db: 'two' is no number"),
        ({"clipped": "perhaps"}, "row 3, column clipped: 'perhaps' is no truth value"),
        ({"trace_sampling_rate_hz": "-5"}, "row 3, column trace_sampling_rate_hz"),
        ({"trace_name": ""}, "row 3, column trace_name: empty"),
        ({"split": "holdout"}, "column split: .*'holdout' is none of train, dev, test"),
    ],
)
def test_bad_cell_is_named_by_row_and_column(
    tmp_path: Path, cells: dict[str, object], message: str
) -> None:
    write_folder(tmp_path, [row("a"), row("a") | cells], {"a": ramp()})
    with pytest.raises(DatasetError, match=message):
        SeisBenchDataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "trace 'none' cannot be read"),
        ("a$9,:3,:5", "cannot be read"),
        ("a$x", "cannot be read"),
        ("a$0", "dimension order"),
        ("a$:2", "has 2 component"),
    ],
)
def test_trace_that_is_not_there_is_named(tmp_path: Path, name: str, message: str) -> None:
    write_folder(tmp_path, [row(name)], {"a": ramp()})
    with pytest.raises(DatasetError, match=message):
        SeisBenchDataset(tmp_path)[0]


def test_damaged_waveform_file_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    (tmp_path / "waveforms.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(UnavailableError, match=r"waveforms\.hdf5"):
        SeisBenchDataset(tmp_path)
    with h5py.File(tmp_path / "waveforms.hdf5", "w"):
        pass
    with pytest.raises(DatasetError, match="has no group 'data'"):
        SeisBenchDataset(tmp_path)


@pytest.mark.parametrize("split", ["most", ""])
def test_selecting_a_split_that_is_none_is_a_mistake(tmp_path: Path, split: str) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    with pytest.raises(ValueError, match="none of train, dev, test, all"):
        SeisBenchDataset(tmp_path).select(split)


def test_table_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    (tmp_path / "metadata.csv").write_bytes(b"trace_name,caf\xe9\n")
    with pytest.raises(DatasetError, match=r"metadata\.csv: is not UTF-8"):
        SeisBenchDataset(tmp_path)


def test_other_tables_beside_an_unchunked_set_are_left(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    (tmp_path / "metadata_old.csv").write_text("no table\n")
    assert len(SeisBenchDataset(tmp_path)) == 1


def test_chunk_that_is_listed_but_not_there_is_unavailable(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a")], {"a": ramp()})
    (tmp_path / "chunks").write_text("_gone\n")
    with pytest.raises(UnavailableError, match=r"waveforms_gone\.hdf5"):
        SeisBenchDataset(tmp_path)


def test_dataset_reads_in_a_forked_process(tmp_path: Path) -> None:
    bucket = np.stack([ramp() + 1000 * number for number in range(8)])
    write_folder(tmp_path, [row(f"b${number},:3,:400") for number in range(8)], {"b": bucket})
    dataset = SeisBenchDataset(tmp_path)
    assert dataset[0].samples[0, 0] == 0  # the file is open from here on
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(dataset.__getitem__, range(8))
    assert [record.samples[0, 0] for record in found] == [1000 * number for number in range(8)]


@pytest.mark.filterwarnings("ignore")  # pandas' and seisbench's own
@pytest.mark.parametrize(
    ("components", "dimensions", "places"),
    [
        ("ZNE", "CW", ("b$1,:3,:250", "b$0,:,50:300", "plain")),
        ("ENZ", "WC", ("b$1,:250", "b$0,50:300,:", "plain")),
        ("Z", "CW", ("b$1", "b$-2,:,::2", "plain")),
    ],
)
def test_seisbench_itself_reads_the_same(
    tmp_path: Path, components: str, dimensions: str, places: tuple[str, ...]
) -> None:
    sbd = pytest.importorskip("seisbench.data", reason="seisbench is not installed")
    one = ramp(rows=len(components))
    one = one.T if dimensions == "WC" else one
    data_format = {**FORMAT, "component_order": components, "dimension_order": dimensions}
    for chunk in ("_1", "_2"):
        arrays = {"b": np.stack([one, one + 5000]), "plain": -one}
        write_folder(tmp_path, [row(place) for place in places], arrays, data_format, chunk)
    theirs = sbd.WaveformDataset(tmp_path, component_order="ZNE", dimension_order="NCW")
    ours = SeisBenchDataset(tmp_path)
    assert len(theirs) == len(ours) == 6
    for index, record in enumerate(ours):
        assert np.array_equal(record.samples, theirs.get_sample(index)[0])


@needs_real
def test_no_event_of_the_real_records_is_in_two_splits() -> None:
    headers = [
        header
        for name in ("real", "real_extra")
        for header in SeisBenchDataset(SHARED / "data" / name).headers
    ]
    assert len(headers) == 873 + 130
    pairs = [(header.source_id, header.split) for header in headers]
    assert not events_in_several_splits(pairs)


@needs_real
def test_real_records_read_as_their_readme_says() -> None:
    dataset = SeisBenchDataset(REAL)
    assert dataset.split_rule == "file"
    counts = {split: len(dataset.select(split)) for split in ("train", "dev", "test")}
    assert counts == {"train": 542, "dev": 108, "test": 223}
    assert sum(header.unit == "m/s" for header in dataset.headers) == 537
    for record in dataset.select(where=lambda header: header.part == "gmprocess"):
        assert 0 < record.p_sample < record.samples.shape[1]
        assert np.isfinite(record.samples).all()

"""seisbench_models: annotate and classify give the daemon's numbers, through SeisBench."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from obspy import read
from seisbench.models import WaveformModel

from tests.models.legacy_files import legacy_state, write_pt
from tests.seisbench_models.cases import by_end, differences, fed, stream_of, write_weights
from tests.support import RIDGECREST, needs_shared
from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import ChannelEpoch, Inventory
from umamba_rt.core.preprocess import prepare
from umamba_rt.engine import load_engine
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.io.archive import ArchiveChoice, demo_records, read_archive
from umamba_rt.io.stationxml import read_inventory
from umamba_rt.models import load
from umamba_rt.models.shipped import shipped
from umamba_rt.seisbench_models import UMambaMagV1, UMambaMagV2
from umamba_rt.seisbench_models.benchmark import station_stream, time_annotate

# 2019-07-04 17:33:40 to 17:35:10 UTC: the M6.4 of 17:33:49.
M64_NS = (1_562_261_620 * 10**9, 1_562_261_710 * 10**9)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def v2_path(folder: Path) -> Path:
    return write_weights(folder, "v2", amplitude_features=True, pooling_type="max")


@pytest.fixture(scope="module")
def v1_path(folder: Path) -> Path:
    return write_weights(folder, "v1")


@pytest.fixture(scope="module")
def v2(v2_path: Path) -> UMambaMagV2:
    return UMambaMagV2.from_checkpoint(v2_path)


@pytest.fixture(scope="module")
def v1(v1_path: Path) -> UMambaMagV1:
    return UMambaMagV1.from_checkpoint(v1_path)


def test_both_models_annotate_the_demo_data_as_the_daemon_does(
    v2: UMambaMagV2, v1: UMambaMagV1, v2_path: Path, v1_path: Path
) -> None:
    # A station of 50 Hz: the way to 100 Hz is the same, too.
    start_ns = 1_274_977_443 * 10**9
    choice = ArchiveChoice(select=("BW.UH3.*",), end_ns=start_ns + 60 * 10**9)
    archive = demo_records(choice)
    stream = stream_of(archive)
    of_v2 = by_end(v2.annotate(stream))
    assert len(of_v2) > 20
    assert np.ptp(list(of_v2.values())) > 1e-3
    assert max(differences(of_v2, fed(archive, v2_path, "v2"))) < 1e-4
    of_v1 = by_end(v1.by_window().annotate(stream))
    expected = fed(archive, v1_path, "v1")
    assert max(differences(of_v1, expected)) < 1e-4
    assert v1.classify(stream).magnitude == pytest.approx(max(expected.values()), abs=1e-4)


@needs_shared
@pytest.mark.parametrize("station", ["CI/CLC", "PB/B916"])  # B916: horizontals 1 and 2
def test_ridgecrest_station_with_its_metadata_reads_as_in_the_daemon(
    v2: UMambaMagV2, v2_path: Path, station: str
) -> None:
    archive = read_archive([RIDGECREST / "2019" / station], ArchiveChoice(*M64_NS))
    inventory = read_inventory(RIDGECREST.parent / "stations.xml")
    annotations = v2.annotate(stream_of(archive), known=inventory)
    expected = fed(archive, v2_path, "v2", inventory)
    assert len(expected) > 50
    assert max(differences(by_end(annotations), expected)) < 1e-4
    (found,) = v2.classify(stream_of(archive), known=inventory).sensors
    assert (found.unit, found.n_windows) == ("m/s", len(by_end(annotations)))
    assert found.magnitude == pytest.approx(max(by_end(annotations).values()), abs=1e-5)
    assert expected[found.window_end.ns] == pytest.approx(found.magnitude, abs=1e-4)


def test_curve_of_v1_is_the_engines_at_every_sample(v1: UMambaMagV1, v1_path: Path) -> None:
    stream = station_stream(seconds=65)
    start = v1.annotate(stream, overlap=0)[0].stats.starttime
    stream.trim(start, start + 30)
    (curve,) = v1.annotate(stream, overlap=0)
    counts = np.stack([trace.data for trace in stream])[None].astype(np.float32)
    made = prepare(counts, [COUNTS], "std", amplitude=False)
    output = load_engine(v1_path, name="v1", threads=1).run(made)
    assert output.evolution is not None
    assert np.abs(curve.data - output.evolution[0]).max() < 1e-4
    found = v1.classify(stream, stride=1)
    assert found.magnitude == pytest.approx(output.magnitude[0], abs=1e-4)


def test_overlapping_curves_are_averaged_and_their_blind_ends_left_out(v1: UMambaMagV1) -> None:
    stream = station_stream(seconds=40)
    (curve,) = v1.annotate(stream)
    (one,) = v1.annotate(stream.slice(endtime=stream[0].stats.starttime + 30))
    (two,) = v1.annotate(stream.slice(starttime=stream[0].stats.starttime + 10))
    assert np.allclose(curve.data[:1000], one.data[:1000], atol=1e-5)
    assert np.allclose(curve.data[1000:3001], (one.data[1000:] + two.data[:2001]) / 2, atol=1e-5)
    (blind,) = v1.annotate(stream, blinding=(500, 200))
    assert blind.stats.starttime == curve.stats.starttime + 5
    assert len(blind.data) == len(curve.data) - 700
    assert np.allclose(blind.data[:1000], one.data[500:1500], atol=1e-5)


def test_window_magnitudes_join_as_asked(v2: UMambaMagV2) -> None:
    stream = station_stream(seconds=35)
    values = next(iter(v2.annotate(stream))).data
    assert len(values) == 6
    for how, expected in (
        ("max", values.max()),
        ("median", np.median(values)),
        ("last", values[-1]),
    ):
        assert v2.classify(stream, aggregate=how).magnitude == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="aggregate: found 'mode', expected one of max, median"):
        v2.classify(stream, aggregate="mode")


def test_two_sensors_of_a_location_are_two_and_join_by_the_median(v2: UMambaMagV2) -> None:
    alone = station_stream(seconds=32)
    other = station_stream(seconds=32, seed=1)
    for trace in other:
        trace.stats.channel = "HN" + trace.stats.channel[-1]
    found = v2.annotate(alone + other)
    assert [trace.stats.channel for trace in found] == ["UMambaMagV2_HH", "UMambaMagV2_HN"]
    for trace, stream in zip(found, (alone, other), strict=True):
        assert np.allclose(trace.data, v2.annotate(stream)[0].data, atol=1e-5)
    joined = v2.classify(alone + other)
    each = [sensor.magnitude for sensor in joined.sensors]
    assert [sensor.sensor for sensor in joined.sensors] == ["AA.ONE..HH", "AA.ONE..HN"]
    assert joined.magnitude == pytest.approx(np.mean(each))


def test_amplitude_needs_a_calibration_and_its_lack_is_said(
    v2: UMambaMagV2, v2_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stream = station_stream(seconds=30)
    counts = np.stack([trace.data for trace in stream])[None].astype(np.float32)
    engine = load_engine(v2_path, name="v2", threads=1)
    known = Calibration("m/s", (1e8, 2e8, 3e8))
    for given in (known, COUNTS):
        expected = engine.run(prepare(counts, [given], "std", amplitude=True)).magnitude[0]
        caplog.clear()
        found = v2.classify(stream, known=given)
        assert found.magnitude == pytest.approx(expected, abs=1e-4)
        assert found.sensors[0].unit == given.unit
        is_told = "AA.ONE..HH: no sensitivity is known" in caplog.text
        assert is_told == (given is COUNTS)
    channels = [SourceId("AA", "ONE", "", "H", "H", component) for component in "ZNE"]
    of_network = Inventory(
        tuple(
            ChannelEpoch(channel, None, None, None, None, "m/s", per_unit, 0, 0, 0)
            for channel, per_unit in zip(channels, known.counts_per_unit, strict=True)
        )
    )
    v2.known = of_network
    try:
        assert v2.classify(stream).sensors[0].unit == "m/s"
    finally:
        v2.known = Inventory()
    with pytest.raises(TypeError, match=r"known: found .*expected an Inventory or a Calibration"):
        v2.annotate(stream, known="m/s")


def test_no_window_reaches_over_a_gap(v2: UMambaMagV2) -> None:
    whole = station_stream(seconds=80)
    start = whole[0].stats.starttime
    cut = whole.slice(endtime=start + 40) + whole.slice(starttime=start + 42)
    expected = by_end(v2.annotate(whole))
    for stream in (cut, cut.copy().merge()):  # two traces each, and masked samples
        found = by_end(v2.annotate(stream))
        missing = [end for end in expected if end not in found]
        assert missing == [(start + 41 + k).ns for k in range(31)]
        assert all(abs(found[end] - expected[end]) < 1e-4 for end in found)


def test_missing_component_gives_nothing_unless_zeros_are_asked_for(v2: UMambaMagV2) -> None:
    two = station_stream(seconds=31)[:2]
    assert len(v2.annotate(two)) == 0
    assert len(v2.annotate(two, strict=False)) == 1


def test_too_short_a_stream_and_too_slow_a_channel_have_no_magnitude(
    v2: UMambaMagV2, caplog: pytest.LogCaptureFixture
) -> None:
    assert np.isnan(v2.classify(read()).magnitude)  # obspy's example has 3,000 samples
    slow = station_stream(seconds=400)
    for trace in slow:
        trace.stats.sampling_rate = 1.0
    assert v2.classify(slow).sensors == []
    assert "AA.ONE..HHZ left out: 1 Hz, expected 20 to 500 Hz" in caplog.text


def test_arguments_that_cannot_be_are_named(v1: UMambaMagV1, v2: UMambaMagV2) -> None:
    stream = station_stream(seconds=31)
    with pytest.raises(ValueError, match="stride: found 0, expected a whole number"):
        v2.annotate(stream, stride=0)
    with pytest.raises(ValueError, match="overlap: found 3001, expected 0 to below 3001"):
        v1.annotate(stream, overlap=3001)
    with pytest.raises(ValueError, match=r"blinding: found \(3000, 1\), expected two numbers"):
        v1.annotate(stream, blinding=(3000, 1))
    with pytest.raises(ValueError, match="stacking: found 'sum', expected one of avg, max"):
        v1.annotate(stream, stacking="sum")
    with pytest.raises(ValueError, match="deep_supervision: unknown key"):
        UMambaMagV2(deep_supervision=False)
    with pytest.raises(ValueError, match="found 50 Hz, 3 components, expected 100 Hz"):
        UMambaMagV2(sampling_rate=50.0)


def test_outputs_have_the_shapes_of_the_specification(v1: UMambaMagV1, v2: UMambaMagV2) -> None:
    x = torch.zeros(2, 3, 3001)
    assert isinstance(v1, WaveformModel)
    assert isinstance(v2, WaveformModel)
    assert v1(x).shape == (2, 3001)
    assert v1.annotate_batch_post(v1(x), None, {}).shape == (2, 3001, 1)
    assert v2(x).shape == (2,)
    assert v2.annotate_batch_post(v2(x), None, {}).shape == (2, 1)
    assert v2.annotate_batch_pre(x, {}).samples.shape == x.shape


def test_fresh_model_trains_and_annotating_leaves_it_in_training(tmp_path: Path) -> None:
    model = UMambaMagV1(features_per_stage=[2, 2, 2, 2], deep_supervision=True)
    model.annotate(station_stream(seconds=30))
    assert model.training
    outputs = model(torch.randn(2, 3, 3001))
    loss = torch.stack([y.mean() for y in outputs]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in model.encoder.parameters())


def test_old_checkpoints_load_by_their_own_names(v1: UMambaMagV1, tmp_path: Path) -> None:
    path = write_pt(tmp_path / "best.pt", legacy_state(v1))
    found = UMambaMagV1.from_checkpoint(path)
    assert found.identity is not None
    assert found.identity.sha256 == load(path).identity.sha256  # type: ignore[union-attr]
    for key, value in load(path).state_dict().items():
        assert torch.equal(found.state_dict()[key], value)
    with pytest.raises(CheckpointError, match="holds v1, expected v2"):
        UMambaMagV2.from_checkpoint(path)


def test_model_saved_by_seisbench_comes_back(v2: UMambaMagV2, tmp_path: Path) -> None:
    v2.save(tmp_path / "mine", weights_docstring="random")  # type: ignore[operator]  # no types
    found = UMambaMagV2.load(tmp_path / "mine")
    assert found.weights_docstring == "random"
    stream = station_stream(seconds=31)
    assert found.classify(stream).magnitude == v2.classify(stream).magnitude


@pytest.mark.parametrize("kind", [UMambaMagV1, UMambaMagV2])
def test_only_shipped_weights_have_a_name(kind: type[UMambaMagV1 | UMambaMagV2]) -> None:
    with pytest.raises(UnavailableError, match=f"stead: no such weights of {kind.architecture}"):
        kind.from_pretrained("stead")
    path = shipped(kind.architecture)
    assert kind.list_pretrained() == ([] if path is None else ["shipped"])
    if path is not None:
        assert kind.from_pretrained().identity == load(path).identity


def test_timing_counts_the_windows_of_both_models(v1: UMambaMagV1, v2: UMambaMagV2) -> None:
    stream = station_stream(seconds=50)
    assert time_annotate(v2, stream).windows == 21
    assert time_annotate(v1, stream).windows == 3
    timing = time_annotate(v1.by_window(), stream, stride=500)
    assert timing.windows == 5
    assert timing.windows_per_s == pytest.approx(5 / timing.elapsed_s)

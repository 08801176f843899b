from __future__ import annotations

import bz2
import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pymseed import MS3Record, MS3TraceList

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.errors import UnavailableError
from umamba_rt.io.archive import ArchiveChoice, demo_records, read_archive
from umamba_rt.io.obspy_source import read_demo
from umamba_rt.wire.record import NS, ReplayRecord, pack_segment

RIDGECREST = Path(__file__).parents[2].parent / "shared" / "data" / "ridgecrest" / "sds"
START_NS = 1562258999997986000
MINUTE = 6000


def noise(count: int, seed: int = 0) -> SampleArray:
    integers: SampleArray = np.random.default_rng(seed).integers(-999, 999, count).astype(np.int32)
    return integers


def write(path: Path, *segments: Segment) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(r.payload for s in segments for r in pack_segment(s)))
    return path


def channel(name: str, count: int = MINUTE, start_ns: int = START_NS, seed: int = 0) -> Segment:
    return Segment(SourceId.parse(name), start_ns, 100.0, noise(count, seed))


def samples_of(records: tuple[ReplayRecord, ...], name: str) -> SampleArray:
    pieces = [
        MS3Record.parse(r.payload, unpack_data=True).np_datasamples.copy()
        for r in records
        if str(r.source_id) == name
    ]
    joined: SampleArray = np.concatenate(pieces)
    return joined


HHZ, HHN, EHZ = "FDSN:CI_CCC__H_H_Z", "FDSN:CI_CCC__H_H_N", "FDSN:PB_B916_00_E_H_Z"


def test_records_come_in_the_order_of_their_last_samples(tmp_path: Path) -> None:
    write(tmp_path / "a", channel(HHZ), channel(EHZ, seed=1))
    write(tmp_path / "b", channel(HHN, seed=2))
    records = read_archive([tmp_path / "b", tmp_path / "a"]).records
    keys = [(r.end_ns, str(r.source_id), r.start_ns) for r in records]
    assert keys == sorted(keys)
    assert {str(r.source_id) for r in records} == {HHZ, HHN, EHZ}


def test_same_archive_gives_the_same_records_whatever_the_order_of_files(tmp_path: Path) -> None:
    files = [write(tmp_path / name[-1], channel(name)) for name in (HHZ, HHN)]
    assert read_archive(files).records == read_archive(files[::-1]).records


def test_gapless_records_are_packed_again_as_one_run(tmp_path: Path) -> None:
    write(tmp_path / "short", *[channel(HHZ, 50, START_NS + k * NS // 2, k) for k in range(40)])
    records = read_archive([tmp_path]).records
    assert len(records) < 20
    expected = np.concatenate([noise(50, k) for k in range(40)])
    np.testing.assert_array_equal(samples_of(records, HHZ), expected)


def test_gap_begins_a_new_run_with_its_own_phase(tmp_path: Path) -> None:
    second_ns = START_NS + 61 * NS + 3_000_000
    write(tmp_path / "gap", channel(HHZ), channel(HHZ, start_ns=second_ns, seed=1))
    records = read_archive([tmp_path]).records
    assert second_ns in {r.start_ns for r in records}
    assert samples_of(records, HHZ).size == 2 * MINUTE


def test_millisecond_of_jitter_is_kept_and_not_averaged_away(tmp_path: Path) -> None:
    late_ns = START_NS + 60 * NS + 1_000_000
    write(tmp_path / "jitter", channel(HHZ), channel(HHZ, start_ns=late_ns))
    assert late_ns in {r.start_ns for r in read_archive([tmp_path]).records}


def test_start_and_end_cut_at_the_sample(tmp_path: Path) -> None:
    write(tmp_path / "a", channel(HHZ))
    choice = ArchiveChoice(START_NS + 10 * NS, START_NS + 20 * NS)
    records = read_archive([tmp_path], choice).records
    assert (records[0].start_ns, records[-1].end_ns) == (
        START_NS + 10 * NS,
        START_NS + 20 * NS - NS // 100,
    )
    np.testing.assert_array_equal(samples_of(records, HHZ), noise(MINUTE)[1000:2000])


def test_bound_between_samples_takes_the_next_one(tmp_path: Path) -> None:
    write(tmp_path / "a", channel(HHZ))
    records = read_archive([tmp_path], ArchiveChoice(start_ns=START_NS + 1000)).records
    assert records[0].start_ns == START_NS + NS // 100


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (("CI.*",), {HHZ, HHN}),
        (("*.HHZ", "PB.*"), {HHZ, EHZ}),
        (("CI.CCC.--.HHN",), {HHN}),
        (("CI.CCC..HHN",), {HHN}),
        (("*.*.00.*",), {EHZ}),
    ],
)
def test_select_takes_globs(tmp_path: Path, globs: tuple[str, ...], names: set[str]) -> None:
    write(tmp_path / "a", channel(HHZ), channel(HHN), channel(EHZ))
    records = read_archive([tmp_path], ArchiveChoice(select=globs)).records
    assert {str(r.source_id) for r in records} == names


def test_files_of_a_folder_that_are_no_waveforms_are_left_out_with_a_warning(
    tmp_path: Path,
) -> None:
    write(tmp_path / "2019/CI/CCC/HHZ.D/good", channel(HHZ))
    (tmp_path / "README").write_text("no waveforms here")
    (tmp_path / "empty").touch()
    archive = read_archive([tmp_path])
    assert {str(r.source_id) for r in archive.records} == {HHZ}
    assert [w.split(":")[0].rsplit("/")[-1] for w in archive.warnings] == ["README", "empty"]


def test_file_that_is_still_being_written_is_served_up_to_its_cut_record(tmp_path: Path) -> None:
    cut = write(tmp_path / "cut", channel(HHZ))
    whole = read_archive([cut]).records
    cut.write_bytes(cut.read_bytes()[:-100])
    archive = read_archive([cut])
    assert len(archive.records) == len(whole) - 1
    size = 512 * len(whole)
    assert archive.warnings == (f"{cut}: no record in bytes {size - 512} to {size - 101}",)


def test_zeros_in_the_middle_of_a_file_lose_no_record(tmp_path: Path) -> None:
    damaged = write(tmp_path / "zeros", channel(HHZ))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:1024] + bytes(512) + content[1024:])
    archive = read_archive([damaged])
    assert samples_of(archive.records, HHZ).tolist() == noise(MINUTE).tolist()
    assert archive.warnings == (f"{damaged}: no record in bytes 1024 to 1535",)


@pytest.mark.parametrize("put_in", [b"\xff" * 700, b"\0" * 33, b"MS\x03" * 21])
def test_damage_of_any_length_loses_no_record_behind_it(tmp_path: Path, put_in: bytes) -> None:
    damaged = write(tmp_path / "put_in", channel(HHZ))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:1024] + put_in + content[1024:])
    archive = read_archive([damaged])
    assert archive.records == read_archive([write(tmp_path / "whole", channel(HHZ))]).records
    assert archive.warnings == (f"{damaged}: no record in bytes 1024 to {1023 + len(put_in)}",)


def test_record_with_damaged_steim_frames_becomes_a_gap_with_a_warning(tmp_path: Path) -> None:
    damaged = write(tmp_path / "flipped", channel(HHZ))
    content = bytearray(damaged.read_bytes())
    content[512 + 64 + 16] ^= 0x55  # a difference of the second record
    damaged.write_bytes(content)
    archive = read_archive([damaged])
    (warning,) = archive.warnings
    assert warning.startswith(f"{damaged}, byte 512: record refused: {HHZ}: Steim ends at")
    first = MS3Record.parse(bytes(content[:512])).samplecnt
    second = MS3Record.parse(bytes(content[512:1024])).samplecnt
    kept = samples_of(archive.records, HHZ).tolist()
    assert kept == noise(MINUTE).tolist()[:first] + noise(MINUTE).tolist()[first + second :]


def test_compressed_file_is_read(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", channel(HHZ))
    packed = tmp_path / "packed.mseed.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert samples_of(read_archive([packed]).records, HHZ).tolist() == noise(MINUTE).tolist()


def test_damage_inside_a_compressed_file_is_not_laundered(tmp_path: Path) -> None:
    content = bytearray(write(tmp_path / "plain", channel(HHZ)).read_bytes())
    content[512 + 64 + 16] ^= 0x55
    packed = tmp_path / "packed.mseed.bz2"
    packed.write_bytes(bz2.compress(bytes(content)))
    archive = read_archive([packed])
    assert samples_of(archive.records, HHZ).size < MINUTE
    (warning,) = archive.warnings
    assert warning.startswith(f"{packed}, byte 512: record refused: {HHZ}: Steim ends at")


def test_compressed_file_that_is_too_large_damaged_or_packed_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write(tmp_path / "plain", channel(HHZ)).read_bytes()
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(gzip.compress(content)))
    with pytest.raises(UnavailableError, match=r"packed.gz: compressed twice"):
        read_archive([packed])
    packed.write_bytes(gzip.compress(content)[:-100])
    with pytest.raises(UnavailableError, match=r"packed.gz: Compressed file ended"):
        read_archive([packed])
    zipped = tmp_path / "packed.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("plain", content)
    assert samples_of(read_archive([zipped]).records, HHZ).tolist() == noise(MINUTE).tolist()
    packed.write_bytes(gzip.compress(content))
    monkeypatch.setattr("umamba_rt.io.unpack.MAX_UNPACKED_BYTES", 1000)
    for file in (packed, zipped):
        with pytest.raises(UnavailableError, match="over 1000 bytes"):
            read_archive([file])


def test_numbers_that_no_record_holds_are_left_out_with_a_warning(tmp_path: Path) -> None:
    from obspy import Stream, Trace

    header = {"network": "CI", "station": "CCC", "sampling_rate": 100.0}
    wide = Trace(noise(100).astype(np.int64) * 10**9, {**header, "channel": "HHE"})
    huge = Trace(noise(100).astype(np.float64) * 1e40, {**header, "channel": "HHN"})
    good = Trace(noise(100), {**header, "channel": "HHZ"})
    Stream([wide, huge, good]).write(str(tmp_path / "all.pickle"), format="PICKLE")
    archive = read_archive([tmp_path / "all.pickle"])
    assert {str(r.source_id) for r in archive.records} == {HHZ}
    assert [w.rpartition(": ")[2] for w in archive.warnings] == [
        "integers beyond 32 bits",
        "samples beyond the range of float32",
    ]


def test_named_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no waveforms here")
    with pytest.raises(UnavailableError, match=r"notes.txt: .*Unknown format"):
        read_archive([bad])
    with pytest.raises(UnavailableError, match="missing: no such file"):
        read_archive([tmp_path / "missing"])


def test_unreadable_file_is_an_error_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = write(tmp_path / "secret", channel(HHZ))

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnavailableError, match="secret: Permission denied"):
        read_archive([secret])


def test_nothing_left_is_an_error_that_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("no waveforms here")
    with pytest.raises(UnavailableError, match=r"no record to serve; .*README: left out"):
        read_archive([tmp_path])
    write(tmp_path / "a", channel(HHZ))
    with pytest.raises(UnavailableError, match="no record to serve"):
        read_archive([tmp_path], ArchiveChoice(select=("XX.*",)))
    with pytest.raises(UnavailableError, match="no record to serve"):
        read_archive([tmp_path], ArchiveChoice(start_ns=START_NS + 3600 * NS))


def test_log_records_are_passed_over(tmp_path: Path) -> None:
    log = MS3Record(reclen=512, encoding=0)
    log.formatversion, log.sourceid, log.samprate = 2, "FDSN:CI_CCC__L_O_G", 0
    log.starttime = START_NS
    write(tmp_path / "a", channel(HHZ))
    (tmp_path / "log").write_bytes(b"".join(log.generate("all is well", "t")))
    archive = read_archive([tmp_path])
    assert {str(r.source_id) for r in archive.records} == {HHZ}
    assert archive.warnings == ()


def test_miniseed_3_is_read(tmp_path: Path) -> None:
    packer = MS3Record(reclen=4096, encoding=11)
    packer.formatversion, packer.sourceid, packer.samprate = 3, HHZ, 100.0
    packer.starttime = START_NS
    (tmp_path / "v3").write_bytes(b"".join(packer.generate(noise(MINUTE), "i")))
    records = read_archive([tmp_path / "v3"]).records
    np.testing.assert_array_equal(samples_of(records, HHZ), noise(MINUTE))


def test_other_formats_are_read_by_obspy_gap_by_gap(tmp_path: Path) -> None:
    from obspy import Stream, Trace, UTCDateTime

    header = {"network": "CI", "station": "CCC", "channel": "HHZ", "sampling_rate": 100.0}
    start = UTCDateTime(2019, 7, 4, 16, 50)
    first = Trace(noise(1000), {**header, "starttime": start})
    wide = Trace(noise(500).astype(np.float64), {**header, "channel": "HHN", "starttime": start})
    later = Trace(noise(1000, 1), {**header, "starttime": start + 30})
    Stream([first, wide, later]).write(str(tmp_path / "all.pickle"), format="PICKLE")
    records = read_archive([tmp_path / "all.pickle"]).records
    np.testing.assert_array_equal(
        samples_of(records, HHZ), np.concatenate([noise(1000), noise(1000, 1)])
    )
    np.testing.assert_array_equal(samples_of(records, HHN), noise(500).astype(np.float32))


def test_trace_without_a_channel_code_is_left_out(tmp_path: Path) -> None:
    from obspy import Stream, Trace

    Stream([Trace(noise(100))]).write(str(tmp_path / "nameless.pickle"), format="PICKLE")
    with pytest.raises(UnavailableError, match=r"nameless.pickle: .*not a channel"):
        read_archive([tmp_path / "nameless.pickle"])


def test_demo_is_four_minutes_of_five_stations_that_begin_together() -> None:
    records = demo_records().records
    stations = {r.source_id.station for r in records}
    assert stations == {"UH1", "UH2", "UH3", "UH4", "RJOB"}
    starts_ns = {
        name: min(r.start_ns for r in records if r.source_id.station == name) for name in stations
    }
    assert max(starts_ns.values()) - min(starts_ns.values()) < NS
    span_s = (records[-1].end_ns - min(starts_ns.values())) / NS
    assert 225 < span_s < 240


def test_demo_keeps_the_phase_of_rjob() -> None:
    from obspy import read

    phases = {s.start_ns % NS for s in read_demo() if s.source_id.station == "RJOB"}
    assert phases == {read()[0].stats.starttime.ns % NS}


def test_demo_without_obspys_test_data_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("umamba_rt.io.obspy_source.find_spec", lambda _name: None)
    with pytest.raises(UnavailableError, match="no such test data"):
        demo_records()


@pytest.mark.skipif(not RIDGECREST.is_dir(), reason="../shared/data/ridgecrest is not here")
def test_real_archive_comes_through_sample_for_sample() -> None:
    records = read_archive([RIDGECREST], ArchiveChoice(select=("CI.CCC.*", "PB.B916.*"))).records
    for record in records:
        header = MS3Record.parse(record.payload)
        assert (header.starttime, header.endtime) == (record.start_ns, record.end_ns)
    for file in sorted((RIDGECREST / "2019" / "CI" / "CCC").rglob("*.185")):
        (trace,) = MS3TraceList.from_file(str(file), unpack_data=True)
        (run,) = trace
        np.testing.assert_array_equal(samples_of(records, trace.sourceid), run.np_datasamples)
        ours = [r for r in records if str(r.source_id) == trace.sourceid]
        assert (ours[0].start_ns, ours[-1].end_ns) == (run.starttime, run.endtime)

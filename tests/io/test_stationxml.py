"""io/stationxml.py: real files, damaged files, and everything that networks leave out."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import RIDGECREST, needs_shared
from umamba_rt.core.ids import SourceId
from umamba_rt.errors import InventoryError, UnavailableError
from umamba_rt.io.stationxml import find_beside, read_inventory

NS = 10**9
AT = 1_562_261_640 * NS
HHZ = SourceId.from_nslc("XX", "ABC", "", "HHZ")

CHANNEL = """
<Channel code="{code}" locationCode="{location}" startDate="2015-01-01T00:00:00Z">
 <Latitude>35.5</Latitude><Longitude>-117.25</Longitude><Elevation>670.0</Elevation>
 <Depth>10.0</Depth>{orientation}<SampleRate>100.0</SampleRate>{response}
</Channel>"""
SENSITIVITY = """
<Response><InstrumentSensitivity><Value>{value}</Value><Frequency>1.0</Frequency>
 <InputUnits><Name>{units}</Name></InputUnits><OutputUnits><Name>counts</Name></OutputUnits>
</InstrumentSensitivity></Response>"""
UP = "<Azimuth>0.0</Azimuth><Dip>-90.0</Dip>"


def channel(
    code: str = "HHZ",
    *,
    location: str = "",
    orientation: str = UP,
    value: float | None = 6e8,
    units: str = "m/s",
) -> str:
    response = "" if value is None else SENSITIVITY.format(value=value, units=units)
    return CHANNEL.format(code=code, location=location, orientation=orientation, response=response)


def write(folder: Path, *channels: str, name: str = "stations.xml") -> Path:
    path = folder / name
    path.write_text(
        '<?xml version="1.0"?><FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" '
        'schemaVersion="1.2"><Source>test</Source><Created>2020-01-01T00:00:00Z</Created>'
        '<Network code="XX"><Station code="ABC"><Latitude>35.5</Latitude>'
        "<Longitude>-117.25</Longitude><Elevation>670.0</Elevation><Site><Name>A</Name></Site>"
        + "".join(channels)
        + "</Station></Network></FDSNStationXML>",
        encoding="utf-8",
    )
    return path


def test_a_channel_has_its_place_time_orientation_and_sensitivity(tmp_path: Path) -> None:
    inventory = read_inventory(write(tmp_path, channel(location="00")))
    (epoch,) = inventory.epochs
    assert str(epoch.source_id) == "FDSN:XX_ABC_00_H_H_Z"
    assert (epoch.start_ns, epoch.end_ns) == (1_420_070_400 * NS, None)
    assert (epoch.azimuth_deg, epoch.dip_deg) == (0.0, -90.0)
    assert (epoch.unit, epoch.counts_per_unit) == ("m/s", 6e8)
    assert (epoch.latitude_deg, epoch.longitude_deg, epoch.elevation_m) == (35.5, -117.25, 670.0)
    assert inventory.notes == ()


@pytest.mark.parametrize(
    ("units", "unit", "counts_per_unit"),
    [
        ("m/s", "m/s", 8.0),
        ("M/S", "m/s", 8.0),
        ("nm/s", "m/s", 8e9),
        ("cm/s", "m/s", 800.0),
        ("m/s**2", "m/s^2", 8.0),
        ("M/S**2", "m/s^2", 8.0),
        ("m/s/s", "m/s^2", 8.0),
        ("m/s^2", "m/s^2", 8.0),
        ("m/s2", "m/s^2", 8.0),
        ("m/(s**2)", "m/s^2", 8.0),
        ("mm/s**2", "m/s^2", 8000.0),
    ],
)
def test_units_are_known_by_the_names_that_networks_write(
    tmp_path: Path, units: str, unit: str, counts_per_unit: float
) -> None:
    inventory = read_inventory(write(tmp_path, channel(value=8.0, units=units)))
    (epoch,) = inventory.epochs
    assert epoch.unit == unit
    assert epoch.counts_per_unit == pytest.approx(counts_per_unit, rel=1e-12)
    assert inventory.notes == ()


@pytest.mark.parametrize(
    ("value", "units", "note"),
    [
        (8.0, "m", "sensitivity in m, not m/s or m/s^2"),
        (8.0, "Pa", "sensitivity in Pa, not m/s or m/s^2"),
        (0.0, "m/s", "no overall sensitivity"),
        (float("nan"), "m/s", "no overall sensitivity"),
        (None, "", "no overall sensitivity"),
    ],
)
def test_a_sensitivity_that_cannot_be_used_leaves_counts_and_a_note(
    tmp_path: Path, value: float | None, units: str, note: str
) -> None:
    inventory = read_inventory(write(tmp_path, channel(value=value, units=units)))
    (epoch,) = inventory.epochs
    assert (epoch.unit, epoch.counts_per_unit) == ("counts", 1.0)
    assert (epoch.azimuth_deg, epoch.dip_deg) == (0.0, -90.0)
    assert f"XX.ABC..HHZ: {note}; used as counts" in inventory.notes


def test_a_negative_sensitivity_is_the_opposite_direction(tmp_path: Path) -> None:
    east = "<Azimuth>270.0</Azimuth><Dip>10.0</Dip>"
    path = write(tmp_path, channel(value=-5.0), channel("HHE", orientation=east, value=-5.0))
    inventory = read_inventory(path)
    directions = [(epoch.azimuth_deg, epoch.dip_deg) for epoch in inventory.epochs]
    assert directions == [(180.0, 90.0), (90.0, -10.0)]
    assert [epoch.counts_per_unit for epoch in inventory.epochs] == [5.0, 5.0]
    assert any("negative sensitivity" in note for note in inventory.notes)


@pytest.mark.parametrize("orientation", ["", "<Azimuth>0.0</Azimuth>", "<Dip>-90.0</Dip>"])
def test_an_orientation_may_be_missing(tmp_path: Path, orientation: str) -> None:
    (epoch,) = read_inventory(write(tmp_path, channel(orientation=orientation, value=-5.0))).epochs
    assert None in (epoch.azimuth_deg, epoch.dip_deg)
    assert epoch.counts_per_unit == 5.0


def test_a_code_that_no_stream_has_is_noted_and_the_rest_is_read(tmp_path: Path) -> None:
    inventory = read_inventory(write(tmp_path, channel("LONGCODE"), channel()))
    assert [epoch.source_id for epoch in inventory.epochs] == [HHZ]
    assert any("LONGCODE left out: not a channel" in note for note in inventory.notes)


def test_a_folder_is_read_with_what_lies_below_and_other_xml_is_passed_over(tmp_path: Path) -> None:
    below = tmp_path / "more" / "files"
    below.mkdir(parents=True)
    write(tmp_path, channel("HHZ"), name="b.xml")
    write(below, channel("HNZ"), name="a.xml")
    (tmp_path / "catalogue.xml").write_text("<q:quakeml xmlns:q='x'/>", encoding="utf-8")
    (tmp_path / "broken.xml").write_text("no xml", encoding="utf-8")
    (tmp_path / "empty.xml").touch()
    channels = {epoch.source_id.channel for epoch in read_inventory(tmp_path).epochs}
    assert channels == {"HHZ", "HNZ"}


@pytest.mark.parametrize("text", ["", "no xml", "<quakeml/>"])
def test_a_file_that_is_no_stationxml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "what.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InventoryError, match=r"what\.xml: root element is .*FDSNStationXML"):
        read_inventory(path)


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, channel())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InventoryError, match=r"stations\.xml: XMLSyntaxError"):
        read_inventory(path)
    path.write_text("<FDSNStationXML><Network/></FDSNStationXML>", encoding="utf-8")
    with pytest.raises(InventoryError, match=r"stations\.xml: "):
        read_inventory(tmp_path)


def test_what_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"none\.xml: No such file"):
        read_inventory(tmp_path / "none.xml")
    # As a folder that may not be entered, which nothing keeps root from.
    with pytest.raises(UnavailableError, match="File name too long"):
        read_inventory(tmp_path / ("x" * 300))
    with pytest.raises(UnavailableError, match=r"no \.xml file in it is FDSNStationXML"):
        read_inventory(tmp_path)


def test_files_in_and_beside_an_archive_are_found_and_none_further_away(tmp_path: Path) -> None:
    archive = tmp_path / "area" / "sds"
    (archive / "2019").mkdir(parents=True)
    inside, beside = write(archive, channel()), write(archive.parent, channel())
    write(tmp_path, channel())
    write(archive / "2019", channel())
    (archive / "catalogue.xml").write_text("<quakeml/>", encoding="utf-8")
    assert find_beside([archive]) == sorted([inside, beside])
    assert find_beside([archive, archive]) == sorted([inside, beside])
    assert find_beside([archive.parent / "one.mseed"]) == [beside]
    assert find_beside([]) == []


@needs_shared
def test_ridgecrest_is_read_whole_and_quickly() -> None:
    (path,) = find_beside([RIDGECREST])
    import obspy  # noqa: F401 - its import is not what is timed

    began_s = time.perf_counter()
    inventory = read_inventory(path)
    assert time.perf_counter() - began_s < 1.5
    assert len({epoch.source_id.station for epoch in inventory.epochs}) == 13
    units = {epoch.source_id.group.band_source: epoch.unit for epoch in inventory.epochs}
    assert (units["HN"], units["EH"]) == ("m/s^2", "m/s")
    unknown = {epoch.source_id.station for epoch in inventory.epochs if epoch.unit == "counts"}
    assert unknown == {"WBS", "WOR"}
    assert len(inventory.notes) == 6


def test_obspy_is_imported_only_for_a_file() -> None:
    code = (
        "import sys, umamba_rt.commands.run, umamba_rt.io.stationxml;"
        "sys.exit('obspy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

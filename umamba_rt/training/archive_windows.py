"""Windows of an archive, cut by the daemon's own core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from umamba_rt.core.inventory import Inventory
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.window import Window
from umamba_rt.errors import RecordError
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.io.stationxml import find_beside, read_files, read_inventory


def inventory_of(archives: Sequence[Path], named: Path | None) -> Inventory:
    """The StationXML that is named, else what lies in or beside the archives.

    Raises:
        UnavailableError: what is named cannot be read.
        InventoryError: a file is damaged.
    """
    return read_inventory(named) if named is not None else read_files(find_beside(archives))


def archive_windows(
    archives: Sequence[Path],
    inventory: Inventory,
    *,
    length_s: float,
    hop_s: float,
    choice: ArchiveChoice | None = None,
) -> Iterator[Window]:
    """Cut an archive into windows on the UTC grid, in the order of their time.

    Args:
        archives: folders and files.
        inventory: what is known of the channels.
        length_s: of a window, which has one sample more.
        hop_s: from one window to the next.
        choice: which part; None: all.

    Raises:
        UnavailableError: an archive cannot be read, or holds nothing.
    """
    settings = PipelineSettings(length_s=length_s, hop_s=hop_s, max_future_s=None)
    ingest = Ingest(Pipeline(settings, inventory), DataClock())
    for record in read_archive(archives, choice).records:
        try:
            outcome = ingest.record(record.payload, source=str(record.source_id))
        except RecordError:
            continue  # the archive's reader made these records: only its bytes could be at fault
        yield from outcome.windows
    yield from ingest.finish().windows

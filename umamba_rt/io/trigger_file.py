"""The triggers' state on disk, so that a restart changes no onset."""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog

from umamba_rt.core.trigger_bank import SavedTriggers, require_usable


class TriggerFile:
    """One JSON file, written anew as a whole and renamed into place.

    What it says need not be of the same moment as the ledger: the triggers pass over samples that
    they have seen, and the first windows of a run hold 30 s of those before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> SavedTriggers | None:
        """What the last run left; None, with a warning, where it cannot be used."""
        try:
            saved = msgspec.json.decode(self.path.read_bytes(), type=SavedTriggers)
            require_usable(saved)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            structlog.get_logger().warning(
                "triggers_unreadable", file=str(self.path), reason=str(error)
            )
            return None
        return saved

    def save(self, saved: SavedTriggers) -> None:
        """Replace the file.

        Raises:
            OSError: it cannot be written.
        """
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_bytes(msgspec.json.encode(saved))
        beside.replace(self.path)

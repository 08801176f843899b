"""SeisBench makes a folder for downloads as it is imported: not in the home directory."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

_CACHE = TemporaryDirectory(prefix="seisbench-")
os.environ["SEISBENCH_CACHE_ROOT"] = _CACHE.name

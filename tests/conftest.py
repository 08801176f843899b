"""What every test may use, and what the whole run says at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_TOLD = "told"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have the run's summary say a line: tests that run beside others have no terminal."""
    return lambda line: record_property(_TOLD, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests had to tell, whether they passed or not."""
    reports = [one for some in terminalreporter.stats.values() for one in some]
    properties = (
        pair
        for one in reports
        if isinstance(one, pytest.TestReport) and one.when == "call"
        for pair in one.user_properties
    )
    lines = sorted(str(value) for name, value in properties if name == _TOLD)
    if lines:
        terminalreporter.section("told by the tests")
        for line in lines:
            terminalreporter.write_line(line)

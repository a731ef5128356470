"""What every test shares: nothing is skipped in silence, nothing touches a user's own store."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.postgres import cluster

# Laws are tried on the same examples in every test run, on new ones in every trial: nobody's `make test` is a lottery.
settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("trials", deadline=None, print_blob=True)
settings.load_profile("trials" if os.environ.get("FILLWELL_TRIALS") == "1" else "test")

REQUIRE_ALL = os.environ.get("FILLWELL_REQUIRE_ALL") == "1"


#: Files that take longest: begun first, so that no worker is left with one of them when the others are done.
LONGEST = (
    "test_running_desk.py", "test_presses.py", "test_accessible.py", "test_real_files.py", "test_trials.py",
    "test_sandbox.py", "test_whole_queue.py", "test_exceptions.py", "test_browser.py",
    "test_chart_clicks.py", "test_laws.py", "test_kill.py", "test_mending_browser.py",
    "test_hazards.py", "test_connecting.py", "test_writing.py", "test_faults.py", "test_reading.py",
    "test_history.py", "test_real.py",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; within a file and among the others the order stays random."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(LONGEST)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where everything must run, a skip is a failure that says what was missing."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although FILLWELL_REQUIRE_ALL=1: {call.excinfo}"
    return report


@pytest.fixture
def datasets() -> Path:
    """The folder of real data sets, or a skip that says how to get it."""
    folder = os.environ.get("FILLWELL_DATASETS")
    if not folder:
        pytest.skip("set FILLWELL_DATASETS to the folder that holds online_retail/, dataco/, …")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a private PostgreSQL, or a skip that says how to get one."""
    with cluster() as url:
        yield url

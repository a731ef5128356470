"""What will run out: 7,000 items with a year of daily demand, as after every publication of a shop of that size."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Result, median_seconds, result
from forecasting.projection import project
from tests.forecasting.factories import NOW, a_world

ITEMS, DAYS, RUNS = 7_000, 365, 5


def run() -> list[Result]:
    """Measure seconds per projection."""
    facts = a_world(2, ITEMS, days=DAYS, low=0.02, high=2.0).facts(np.full(ITEMS, 20))
    project(facts, now=NOW)  # what is imported late is imported
    return [
        result(
            f"stockout risk of {ITEMS:,} items over a year of days",
            ours=median_seconds(lambda: project(facts, now=NOW), runs=RUNS),
            peer=None,
            unit="s",
            peer_name=None,
            packages=("polars", "numpy"),
        )
    ]

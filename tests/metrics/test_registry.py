"""The registry is whole, says what it must, and its reference page is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics import catalogue
from metrics.metric import Metric
from metrics.reference import reference
from metrics.registry import FAMILIES, METRICS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_every_file_of_the_catalogue_is_registered() -> None:
    files = {path.stem for folder in catalogue.__path__ for path in Path(folder).glob("*.py")} - {"__init__"}
    assert {family.__name__.rpartition(".")[2] for family in FAMILIES} == files


def test_no_two_metrics_share_a_name() -> None:
    assert len(METRICS) == sum(len(family.METRICS) for family in FAMILIES)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_says_what_it_is(metric: Metric) -> None:
    assert metric.definition.strip()
    assert "Example:" in metric.definition
    assert metric.formula
    assert metric.needs
    assert metric.dimensions
    assert all(name in METRICS for name in (*metric.beside, *filter(None, [metric.coverage])))
    assert (metric.unit == "percent") <= (metric.denominator is not None)
    assert (metric.unit == "money") <= metric.monetary
    assert metric.monetary <= ("currency" in metric.dimensions)


def test_the_reference_page_is_what_the_registry_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: fillwell metrics reference > docs/reference/metrics.md"
    )

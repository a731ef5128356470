"""The reference page of all metrics, made from the registry: `fillwell metrics reference`."""

from __future__ import annotations

from itertools import groupby

from metrics.metric import PERIODS, Metric
from metrics.registry import FAMILIES

_HEAD = """\
# Metrics

Made from the registry by `fillwell metrics reference > docs/reference/metrics.md`; a test holds it up to date.

Windows are half-open, [from, to), with days that begin at midnight in the business time zone. A metric without a time
basis is the state at one moment. A percentage is a ratio of sums, never a mean of ratios. Money is never added over
currencies. Every metric with a time basis can also be split by {periods}; `category`, `supplier` and `item`
are what the catalogue says today.

State: the gravest that applies. *not_armed*: data it needs is missing. *unknown*: all that could tell is silent.
*no_data*: nothing in question. *stale*: a source is silent. *provisional*: it will still change. *restated*: late data
changed what was shown. *value*: none of these.
"""


def reference() -> str:
    """Write the page: a section a family, with its definition and a table of its metrics."""
    sections = [_section(family.METRICS) for family in FAMILIES]
    return "\n".join([_HEAD.format(periods=", ".join(f"`{period}`" for period in PERIODS)), *sections])


def _section(metrics: tuple[Metric, ...]) -> str:
    said = metrics[0].definition.strip()
    title = said.partition(":")[0]
    tables = [_table(list(alike)) for _, alike in groupby(metrics, key=_shared)]
    return "\n".join([f"## {title}", "", said, "", *tables])


def _shared(metric: Metric) -> tuple[str, str, tuple[str, ...]]:
    return metric.grain, metric.time or "at one moment", metric.dimensions


def _table(metrics: list[Metric]) -> str:
    grain, time, dimensions = _shared(metrics[0])
    split = f"Dimensions: {', '.join(f'`{name}`' for name in dimensions)}"
    basis = f"`{time}`" if metrics[0].time else time
    rows = [
        f"| `{m.name}` {m.label} | {m.formula} | {m.unit} | {m.good} | {', '.join(need.name for need in m.needs)} "
        f"| {m.owner}, {m.version} |"
        for m in metrics
    ]
    lines = [
        f"Grain: {grain}. Time basis: {basis}. {split}{'' if metrics[0].additive else ' (not additive)'}.",
        "",
        "| metric | formula | unit | good | needs | owner, version |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)

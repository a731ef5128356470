"""All metrics by name. Adding one is a file in `catalogue/`, a line here and a test."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from data.errors import RequestError
from metrics.catalogue import (
    backorder,
    cancellation,
    days_of_supply,
    first_pass_fill,
    freshness,
    late_orders,
    margin,
    net_sales_placed,
    on_time_fill,
    order_aging,
    orders,
    oversell,
    promises,
    returns,
    stockout,
    told_late,
)
from metrics.metric import Metric

FAMILIES = (
    first_pass_fill,
    on_time_fill,
    promises,
    order_aging,
    late_orders,
    told_late,
    backorder,
    cancellation,
    orders,
    net_sales_placed,
    margin,
    returns,
    stockout,
    days_of_supply,
    oversell,
    freshness,
)

METRICS: Mapping[str, Metric] = {metric.name: metric for family in FAMILIES for metric in family.METRICS}


def find(name: str) -> Metric:
    """Find a metric by its name.

    Raises:
        RequestError: there is none; the message names the ones most like it.
    """
    if name in METRICS:
        return METRICS[name]
    alike = get_close_matches(name, METRICS, n=3, cutoff=0.5)
    close = alike or [other for other in METRICS if name and name in other][:3]
    hint = f"did you mean {' or '.join(close)}?" if close else "`fillwell metrics list` names all"
    raise RequestError(f"there is no metric {name!r}; {hint}")

"""How much to order, or to move: order up to a level, and the arithmetic that explains it line by line.

Periodic review: the level covers demand over lead time and review period with the probability that margin and holding
cost call for (newsvendor), or with the user's own target. An order is at least worth its own cost (EOQ) and the
supplier's minimum, comes in whole packs, and is capped by the cover the user allows. Position nets what is coming,
the desk's own proposals included. Another location's excess is moved before anything is bought.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from forecasting.demand import Bools, Floats, Ints
from forecasting.textbook import critical_ratio, economic_order_quantity

Step = tuple[str, float | int | str, str]  #: label, value, unit


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the user decides about replenishment."""

    service_level: float | None = None  #: probability of no shortage in a cycle; None: the newsvendor's own
    review_days: int = 7  #: how often orders are placed
    holding_rate: float = 0.25  #: of the unit cost, a year
    order_cost_minor: int = 500  #: of one order line: placing, receiving, putting away
    maximum_cover_days: int = 180
    lowest_level: float = 0.5
    highest_level: float = 0.98  #: beyond it a forecast's tail is not known well enough to be paid for
    assumed_level: float = 0.95  #: where margin or cost is unknown
    transfer_risk: float = 0.2  #: stock is moved only where P(stockout) is at least this; else buying is in time


@dataclass(frozen=True)
class Plan:
    """What to do, by series."""

    level: Floats  #: probability of no shortage
    order_up_to: Floats
    position: Floats
    economic: Floats
    most: Floats  #: whole units that the cover allowed leaves room for
    need: Floats  #: units up to the level, 0 where the position reaches it
    elsewhere: Floats  #: the most that one other location of the item has beyond its own level
    order: Ints  #: in packs, at least the minimum; 0 where nothing is needed
    transfer: Ints
    source: Ints  #: series that gives the transfer; -1 where none


def service_level(policy: Policy, margin_minor: Floats, cost_minor: Floats) -> Floats:
    """Give the service level: the target, or the critical ratio of lost margin and a review period's holding cost."""
    if policy.service_level is not None:
        return np.full(margin_minor.size, policy.service_level)
    holding = np.maximum(cost_minor * policy.holding_rate * policy.review_days / 365.0, 1e-6)
    ratio = critical_ratio(holding, np.maximum(margin_minor, 0.0))
    bounded = np.clip(ratio, policy.lowest_level, policy.highest_level)
    return np.where(np.isfinite(bounded), bounded, policy.assumed_level)


def rounded_order(need: Floats, economic: Floats, moq: Ints, pack: Ints, most: Floats) -> Ints:
    """Round a need up to what can be ordered: worth its cost, at least the minimum, whole packs, not beyond `most`.

    The cap gives way to the supplier's minimum and to a pack: less cannot be bought.
    """
    size = np.maximum(pack, 1)
    least = np.ceil(np.maximum(moq, 1) / size) * size
    wanted = np.ceil(np.maximum(np.minimum(np.maximum(need, economic), np.maximum(most, 0.0)), 0.0) / size) * size
    return np.asarray(np.where(need > 0, np.maximum(wanted, least), 0)).astype(np.int64)


def plan(
    policy: Policy,
    *,
    item: Ints,
    level: Floats,
    order_up_to: Floats,
    position: Floats,
    spare: Floats,
    per_day: Floats,
    moq: Ints,
    pack: Ints,
    cost_minor: Floats,
    risk: Floats,
    urgency: Floats,
) -> Plan:
    """Decide for every series; `spare` is what it could give today, `urgency` who is served first."""
    need = np.where(per_day > 0, np.ceil(np.maximum(order_up_to - position, 0.0)), 0.0)
    holding = np.maximum(cost_minor * policy.holding_rate / 365.0, 1e-9)
    eoq = economic_order_quantity(np.full(need.size, float(policy.order_cost_minor)), per_day, holding)
    economic = np.where(np.isfinite(eoq), np.floor(eoq), 0.0)
    most = np.floor(
        np.maximum(per_day * policy.maximum_cover_days - np.where(np.isfinite(position), position, 0.0), 0.0)
    )
    order = rounded_order(need, economic, moq, pack, most)
    to_give = np.where(need > 0, 0.0, np.floor(np.maximum(spare, 0.0)))
    transfer, source = _transfers(item, need, to_give, risk >= policy.transfer_risk, urgency)
    return Plan(level, order_up_to, position, economic, most, need, _most(item, to_give), order, transfer, source)


def _most(item: Ints, to_give: Floats) -> Floats:
    """Give the largest excess of each item's locations; one in need has none itself, so to it this is another's."""
    largest = np.zeros(int(item.max(initial=-1)) + 1)
    np.maximum.at(largest, item, to_give)
    return np.asarray(largest[item])


def _transfers(item: Ints, need: Floats, to_give: Floats, at_risk: Bools, urgency: Floats) -> tuple[Ints, Ints]:
    """Serve needs from the excess of other locations of the item, the most urgent first, nothing given twice."""
    transfer, source = np.zeros(need.size, dtype=np.int64), np.full(need.size, -1, dtype=np.int64)
    left = to_give.copy()
    givers: dict[int, list[int]] = {}
    for giver in np.flatnonzero(left >= 1).tolist():
        givers.setdefault(int(item[giver]), []).append(giver)
    for taker in sorted(np.flatnonzero((need > 0) & at_risk).tolist(), key=lambda s: (-urgency[s], s)):
        others = givers.get(int(item[taker]), [])
        best = max(others, key=lambda s: (left[s], -s), default=None)
        if best is not None and left[best] >= need[taker]:
            transfer[taker], source[taker] = int(need[taker]), best
            left[best] -= need[taker]
    return transfer, source


def arithmetic(steps: list[Step]) -> str:
    """Write the steps of a suggestion as JSON: a list of [label, value, unit], in the order in which they are read."""
    return json.dumps(steps, ensure_ascii=False, separators=(",", ":"))

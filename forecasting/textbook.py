"""Classical formulas that replenishment rests on, as in Snyder and Shen, Fundamentals of Supply Chain Theory."""

from __future__ import annotations

import numpy as np

from forecasting.demand import Floats


def critical_ratio(holding: Floats, shortage: Floats) -> Floats:
    """Give the probability of not running short at which one unit more costs as much as it saves (newsvendor, 4.3)."""
    return np.asarray(shortage / (shortage + holding))


def newsvendor_cost(holding: Floats, shortage: Floats, level: Floats, mean: Floats, short: Floats) -> Floats:
    """Give the expected cost of a stock level: units left over and units short (`short`, E[(demand - level)+])."""
    return np.asarray(holding * (level - mean + short) + shortage * short)


def economic_order_quantity(order_cost: Floats, demand: Floats, holding: Floats) -> Floats:
    """Give the order size at which ordering costs as much as holding, both per the same period (EOQ, 3.1)."""
    return np.asarray(np.sqrt(2.0 * order_cost * demand / holding))

"""Reference values that a fold reads beside its entity's events: costs by effective date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from data.events import Cost
from data.money import is_same_currency


@dataclass(frozen=True)
class Reference:
    """Costs of items, in the order in which they took effect, and the currency in which each item's are stated."""

    costs: Mapping[str, Sequence[Cost]] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)

    def unit_cost(self, sku: str, on: date, currency: str) -> Decimal | None:
        """Give the unit cost in force on a day, in a currency; None where none is known, or only in another currency.

        A day before the first known cost takes that first one: *current cost used for history*.
        """
        costs = self.costs.get(sku)
        if not costs or not is_same_currency(self.currencies.get(sku), currency):
            return None
        position = bisect_right(costs, on, key=lambda cost: cost.effective_from)
        return costs[max(position - 1, 0)].unit_cost

"""An item put together from all that was said of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from data.events import ItemStated
from data.fold.settle import Stated, of_type


def whole_item(held: Iterable[Stated]) -> ItemStated | None:
    """Merge what systems and files say of one item; its costs are in the order in which they took effect.

    The first connection by name that states a field is believed; costs may stand apart, a row for each day. All of its
    money is in one currency, that of its costs where they name one: what is stated in another is left out.
    """
    stated = of_type(held, ItemStated)
    if not stated:
        return None
    named_in = [item.currency for item in sorted(stated, key=lambda item: not item.costs) if item.currency]
    currency = next(iter(named_in), "")
    priced = [item for item in stated if item.currency in ("", currency)]
    costs = {cost.effective_from: cost for item in reversed(priced) for cost in item.costs}
    named = next((item for item in stated if item.name), stated[0])
    return msgspec.structs.replace(
        named,
        category=next((item.category for item in stated if item.category), None),
        supplier=next((item.supplier for item in stated if item.supplier), None),
        list_price=next((item.list_price for item in priced if item.list_price is not None), None),
        currency=currency,
        costs=tuple(costs[day] for day in sorted(costs)),
    )

"""What we know beside what the remote systems say, field by field, each read by its own client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import polars as pl

from tests.counterparts import merchant
from tests.counterparts.conftest import Market
from tests.counterparts.judge_medusa import Raw
from tests.counterparts.ours import ERP, SHOP, Ours

Told = Mapping[Any, object]  #: what is compared, by its key
Pair = tuple[Told, Told]  #: (what the remote says, what we know)
Differing = dict[object, tuple[object, object]]
UNPAID = ("not_paid", "awaiting", "canceled")


@dataclass(frozen=True)
class Remote:
    """What both systems say at one moment, each list asked for once."""

    market: Market
    order: str | None = None  #: of the orders, only this one is asked for

    @cached_property
    def orders(self) -> list[Raw]:
        """Give the storefront's orders, without drafts."""
        if self.order is not None:
            return [self.market.shop.order(self.order)]
        return [order for order in self.market.shop.orders() if order["status"] != "draft"]

    @cached_property
    def sales(self) -> list[Raw]:
        """Give the ERP's sales, without what comes back: that is a sale of its own there, and a return here."""
        fields = (
            "reference",
            "state",
            "total_amount",
            "origin",
            *(f"lines.{f}" for f in ("product.code", "quantity", "amount")),
        )
        return [sale for sale in self.market.erp.rows("sale.sale", [], fields) if not sale["origin"]]


def differences(mine: Ours, market: Market, systems: Collection[str] = (SHOP, ERP)) -> dict[str, Differing]:
    """Compare everything that is read of these systems and give what differs: (what the remote says, what we know)."""
    remote = Remote(market)
    return _different({name: check(mine, remote) for one in systems for name, check in CHECKS_OF[one].items()})


def order_differences(mine: Ours, market: Market, order: str) -> dict[str, Differing]:
    """Compare one order of the storefront with what we know of it, and all levels: two hundred orders take seconds."""
    remote = Remote(market, order)
    [entity] = map(_order, remote.orders)
    pairs = {name: CHECKS[name](mine, remote) for name in ("order lines", "order totals", "payments")}
    of_it = {name: (_about(entity, told), _about(entity, known)) for name, (told, known) in pairs.items()}
    return _different({**of_it, "levels": levels(mine, remote)})


def _about(entity: str, told: Told) -> Told:
    return {key: value for key, value in told.items() if entity in (key, key[0])}


def _different(pairs: Mapping[str, Pair]) -> dict[str, Differing]:
    found = {name: differing(pair) for name, pair in pairs.items()}
    return {name: different for name, different in found.items() if different}


def differing(pair: Pair) -> Differing:
    """Give what is not the same on both sides, by its key."""
    remote, known = pair
    keys = {*remote, *known}
    return {key: (remote.get(key), known.get(key)) for key in keys if remote.get(key) != known.get(key)}


def order_lines(mine: Ours, remote: Remote) -> Pair:
    """Compare every line of every order with the storefront's."""
    wanted = {
        (_order(order), line["variant_sku"]): (
            int(line["detail"]["quantity"]),
            cents(line["unit_price"]),
            order["sales_channel_id"],
            _when(order["created_at"]),
            order["currency_code"].upper(),
            order["status"] == "canceled",
            order["payment_status"] not in UNPAID,
        )
        for order in remote.orders
        for line in order["items"]
    }
    lines = mine.rows("order_line").with_columns(pl.col("placed_at").dt.truncate("1ms"))
    found = {
        (row["entity"], row["sku"]): (
            row["ordered_units"],
            row["unit_price_minor"],
            row["channel"],
            row["placed_at"],
            row["currency"],
            row["cancelled_units"] == row["ordered_units"],
            row["paid"],
        )
        for row in lines.iter_rows(named=True)
    }
    return wanted, found


def order_totals(mine: Ours, remote: Remote) -> Pair:
    """Compare what every order was charged: the storefront itself lowers its total by what comes back."""
    wanted = {
        _order(order): sum(cents(line["unit_price"]) * line["detail"]["quantity"] for line in order["items"])
        + sum(cents(method["amount"]) for method in order["shipping_methods"])
        for order in remote.orders
    }
    return wanted, {row["entity"]: row["total_minor"] for row in mine.rows("order_total").iter_rows(named=True)}


def payments(mine: Ours, remote: Remote) -> Pair:
    """Compare every movement of money with the storefront's."""
    wanted: Counter[tuple[str, str, int]] = Counter()
    for payment in remote.market.shop.payments():
        order = _order(payment["payment_collection"]["order"])
        for kind, moved in (("capture", payment["captures"]), ("refund", payment["refunds"])):
            for one in moved or ():
                wanted[order, kind, cents(one["amount"])] += 1
    rows = mine.rows("payment").filter(pl.col("kind") != "fee").iter_rows(named=True)
    return wanted, Counter((row["entity"], row["kind"], row["amount_minor"]) for row in rows)


def levels(mine: Ours, remote: Remote) -> Pair:
    """Compare every level, and beside it what its live reservations hold."""
    code = {key: name for name, key in remote.market.shop.locations().items()}
    sku_of = {key: sku for sku, key in remote.market.merchant.shop.items.items()}
    held: Counter[tuple[str, str]] = Counter()
    for reservation in remote.market.shop.reservations():
        held[sku_of[reservation["inventory_item_id"]], code[reservation["location_id"]]] += reservation["quantity"]
    wanted = {
        (sku, code[location]): (level["stocked_quantity"], level["reserved_quantity"], held[sku, code[location]])
        for (sku, location), level in remote.market.shop.levels().items()
    }
    found = {
        (row["sku"], row["location"]): (row["stocked_units"], row["reserved_units"], row["held_units"])
        for row in mine.rows("level").filter(pl.col("connection") == SHOP).iter_rows(named=True)
    }
    return wanted, found


def stock(mine: Ours, remote: Remote) -> Pair:
    """Compare what lies in each warehouse with the ERP, which alone owns the stock."""
    rows = mine.rows("stock_position").filter(pl.col("state") == "on_hand").iter_rows(named=True)
    found = {(row["connection"], row["sku"], row["location"]): row["units"] for row in rows if row["units"]}
    wanted = {
        (ERP, code, place.code): quantity
        for place in merchant.PLACES
        for code, quantity in remote.market.erp.on_hand(remote.market.merchant.erp.warehouses[place.code]).items()
        if quantity
    }
    return wanted, found


def sales(mine: Ours, remote: Remote) -> Pair:
    """Compare every sale with the ERP's."""
    wanted = Counter(
        (_referred(sale), cents(sale["total_amount"]), sale["state"] == "cancelled") for sale in remote.sales
    )
    rows = mine.rows("sale").iter_rows(named=True)
    return wanted, Counter((row["entity"], row["total_minor"], row["status"] == "cancelled") for row in rows)


def sale_lines(mine: Ours, remote: Remote) -> Pair:
    """Compare every line of every sale with the ERP's."""
    wanted = Counter(
        (_referred(sale), line["product."]["code"], int(line["quantity"]), cents(line["amount"]))
        for sale in remote.sales
        for line in sale["lines."]
    )
    rows = mine.rows("sale_line").iter_rows(named=True)
    return wanted, Counter((row["entity"], row["sku"], row["units"], row["amount_minor"]) for row in rows)


def shipments(mine: Ours, remote: Remote) -> Pair:
    """Compare every line that the ERP handed over."""
    fields = (
        "warehouse.code",
        "outgoing_moves.product.code",
        "outgoing_moves.quantity",
        "outgoing_moves.sale.reference",
    )
    wanted = Counter(
        (
            f"{SHOP}/{move['sale.']['reference']}",
            move["product."]["code"],
            int(move["quantity"]),
            row["warehouse."]["code"],
        )
        for row in remote.market.erp.rows("stock.shipment.out", [["state", "in", ["shipped", "done"]]], fields)
        for move in row["outgoing_moves."]
    )
    rows = mine.rows("shipment_line").iter_rows(named=True)
    return wanted, Counter((row["entity"], row["sku"], row["units"], row["location"]) for row in rows)


def returns(mine: Ours, remote: Remote) -> Pair:
    """Compare every line of every return with the storefront's."""
    sku_of = {line["id"]: line["variant_sku"] for order in remote.orders for line in order["items"]}
    wanted = Counter(
        (_order(back["order"]), sku_of[line["item_id"]], int(line["quantity"]))
        for back in remote.market.shop.returns()
        if back["status"] != "canceled"
        for line in back["items"]
    )
    rows = mine.rows("return_line").iter_rows(named=True)
    return wanted, Counter((row["entity"], row["sku"], row["units"]) for row in rows)


Check = Callable[[Ours, Remote], Pair]
#: What is compared of each system.
CHECKS_OF: Mapping[str, Mapping[str, Check]] = {
    SHOP: {
        "order lines": order_lines,
        "order totals": order_totals,
        "payments": payments,
        "returns": returns,
        "levels": levels,
    },
    ERP: {"stock": stock, "sales": sales, "sale lines": sale_lines, "shipments": shipments},
}
CHECKS = {name: check for checks in CHECKS_OF.values() for name, check in checks.items()}


def cents(amount: object) -> int:
    """Give an amount in minor units."""
    return round(float(str(amount)) * 100)


def _order(order: Raw) -> str:
    return f"{SHOP}/{order['display_id']}"


def _referred(sale: Raw) -> str:
    return f"{SHOP}/{sale['reference']}" if sale["reference"] else f"{ERP}/sale-{sale['id']}"


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)

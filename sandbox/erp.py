"""The ERP: items, suppliers, terms, sales and purchases, and the policy that reorders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from sandbox.catalog import lot
from sandbox.instants import DAY, HOUR, MINUTE, next_at_hour, text
from sandbox.law import BUCKET_DAYS, RECEIPT_HOUR, Floats, draw_delay
from sandbox.money import CURRENCY, pounds, share
from sandbox.shapes import Article, Cost, Purchase, PurchaseLine, Sale, Supplier, Term
from sandbox.stream import Stream

if TYPE_CHECKING:
    from sandbox.world import World

REVIEW_HOUR = 2
REVIEW_EVERY_DAYS = 2
LATENESS_DAYS = 3
SAFETY = 3.0  #: standard deviations of demand that the reorder point covers
CYCLE_DAYS = 14
SETTLING_WEEKS = 8  #: before the end of the history
SETTLING_SPREAD = 1.7
SEND_DRAFT_AFTER = 15 * MINUTE


class ErpState(msgspec.Struct):
    """What is on order, and which purchases are open."""

    on_order: list[int]
    open_purchases: dict[str, int]  #: sent purchases and the planned instant of their receipt
    purchases: int = 0


class Erp:
    """Keeps the books and buys."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items = Stream("erp", "items", Article)
        self.suppliers = Stream("erp", "suppliers", Supplier)
        self.terms = Stream("erp", "terms", Term)
        self.sales = Stream("erp", "sales", Sale)
        self.purchases = Stream("erp", "purchases", Purchase)
        self.streams: dict[str, Stream[Any]] = {
            "items": self.items,
            "suppliers": self.suppliers,
            "terms": self.terms,
            "sales": self.sales,
            "purchases": self.purchases,
        }
        self.state = ErpState(on_order=[0] * len(world.catalog.places), open_purchases={})
        self.plan: tuple[Floats, Floats, int] | None = None  #: mean and spread by week, and the first instant
        self._targets: tuple[int, Floats, Floats] | None = None
        self.unplanned: set[int] = set()  #: places that the policy has lost sight of, by a fault
        lead = np.array([vendor.lead_days for vendor in world.catalog.vendors])
        self.supplier_of = np.array([world.catalog.skus[at.sku].supplier for at in world.catalog.places])
        self.horizon = lead[self.supplier_of] + REVIEW_EVERY_DAYS + LATENESS_DAYS

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Name what can happen here."""
        return {
            "review": self.review,
            "send": self.send,
            "confirm": self.confirm,
            "receive": self.receive,
        }

    # Master data

    def open_books(self, services: dict[str, str], changes_until: int) -> None:
        """Put items, suppliers and terms on their streams."""
        catalog, world = self.world.catalog, self.world
        for vendor in catalog.vendors:
            supplier = Supplier(
                id=vendor.id,
                name=vendor.name,
                lead_time_days=vendor.lead_days,
                order_minimum=pounds(vendor.minimum),
                currency=CURRENCY,
            )
            world.add(self.suppliers, supplier)
        for goods in catalog.skus:
            vendor = catalog.vendors[goods.supplier]
            article = Article(
                id=goods.code,
                name=goods.title,
                category=goods.category,
                kind="product",
                supplier=vendor.id,
                list_price=pounds(goods.list_price),
                costs=self._costs(goods.code, goods.unit_cost, changes_until),
                currency=CURRENCY,
            )
            world.add(self.items, article)
            term = Term(
                id=f"{vendor.id}:{goods.code}",
                supplier=vendor.id,
                sku=goods.code,
                moq=goods.moq,
                pack=goods.pack,
                unit_cost=article.costs[-1].unit_cost,
                currency=CURRENCY,
            )
            world.add(self.terms, term)
        for code, title in services.items():
            world.add(self.items, _service(code, title))

    def _costs(self, code: str, unit_cost: int, until: int) -> list[Cost]:
        start = text(self.world.now - 30 * DAY)[:10]
        costs = [Cost(start, pounds(unit_cost))]
        if lot(0, code, "dearer") % 4 == 0:
            days = (until - self.world.now) // DAY
            change = self.world.now + (30 + lot(0, code, "when") % max(days - 60, 1)) * DAY
            dearer = max(unit_cost + 10, share(unit_cost, 1040 + lot(0, code, "much") % 60))
            costs.append(Cost(text(change)[:10], pounds(dearer)))
        return costs

    def unit_cost(self, sku: str) -> str:
        """Say what a SKU costs today."""
        today = self.world.written()[:10]
        costs = self.items[sku].costs
        return [cost for cost in costs if cost.since <= today][-1].unit_cost

    # Sales

    def open_sale(self, order_id: str, total: int) -> None:
        """Book an order."""
        sale = Sale(
            id=f"SO-{order_id}",
            reference=order_id,
            total=pounds(total),
            currency=CURRENCY,
            status="open",
            created_at=self.world.written(),
        )
        self.world.add(self.sales, sale)

    def close_sale(self, order_id: str) -> None:
        """Book an order as done, or as cancelled when nothing of it is left."""
        sale = self.sales[f"SO-{order_id}"]
        order = self.world.storefront.orders[order_id]
        sale.status = "cancelled" if order.cancelled_at else "done"
        self.world.touch(self.sales, sale)

    # Purchases

    def demand(self) -> tuple[Floats, Floats]:
        """Give the demand that the policy expects: mean and spread a day, by place."""
        if self.plan is None:
            return np.array(self.world.law.mean), np.array(self.world.law.spread)
        mean, spread, start = self.plan
        week = min((self.world.now - start) // (BUCKET_DAYS * DAY), len(mean) - 1)
        if week < len(mean) - SETTLING_WEEKS:
            return mean[week], spread[week]
        # The history must end with the stock that the law of the live world asks for.
        wider = np.maximum(spread[week], self.world.law.spread) * SETTLING_SPREAD
        return np.maximum(mean[week], self.world.law.mean), wider

    def targets(self) -> tuple[Floats, Floats]:
        """Give the reorder point and the order-up-to level of each place, as of this day."""
        day = self.world.now // DAY
        if self._targets is None or self._targets[0] != day:
            self._targets = (day, *self._targets_now())
        return self._targets[1:]

    def _targets_now(self) -> tuple[Floats, Floats]:
        mean, spread = self.demand()
        point = np.ceil(mean * self.horizon + SAFETY * np.sqrt(spread * self.horizon))
        return point, point + np.ceil(mean * CYCLE_DAYS)

    def review(self) -> None:
        """Order what has fallen to its reorder point, supplier by supplier."""
        world, stock = self.world, self.world.warehouse.state
        day = world.now // DAY
        point, level = self.targets()
        position = (
            np.array(stock.on_hand)
            - np.array(stock.allocated)
            - np.array(stock.quarantined)
            - np.array(stock.damaged)
            - np.array(stock.backlog)
            + np.array(self.state.on_order)
        )
        due = (position < point) & np.array(stock.ranged)
        due &= (self.supplier_of + day) % REVIEW_EVERY_DAYS == 0
        wanted: dict[tuple[int, str], list[tuple[int, int]]] = {}
        for place in np.flatnonzero(due).tolist():
            if place not in self.unplanned:
                key = (int(self.supplier_of[place]), world.catalog.places[place].location)
                wanted.setdefault(key, []).append((place, int(level[place] - position[place])))
        for (supplier, location), lines in sorted(wanted.items()):
            rounded = [(place, self.rounded(place, units)) for place, units in lines]
            purchase = self.draft_item(supplier, location, rounded, reference=None)
            self.keep_draft(purchase)
            self.send(purchase.id)
        world.schedule(world.now + DAY, "review")

    def rounded(self, place: int, units: int) -> int:
        """Round up to what the supplier sells: whole packs, at least the minimum."""
        goods = self.world.catalog.skus[self.world.catalog.places[place].sku]
        return -(-max(units, goods.moq) // goods.pack) * goods.pack

    def draft_item(self, supplier: int, location: str, lines: list[tuple[int, int]], reference: str | None) -> Purchase:
        """Write a purchase order that nobody has kept or sent."""
        world = self.world
        number = f"PO-{self.state.purchases + 1:06d}"
        codes = [world.catalog.skus[world.catalog.places[place].sku].code for place, _ in lines]
        return Purchase(
            id=number,
            supplier=world.catalog.vendors[supplier].id,
            location=location,
            status="draft",
            created_at=world.written(),
            sent_at=None,
            lines=[
                PurchaseLine(f"{number}-{row}", code, units, 0, self.unit_cost(code), None, None)
                for row, (code, (_, units)) in enumerate(zip(codes, lines, strict=True), 1)
            ],
            reference=reference,
            currency=CURRENCY,
            simulated=True,
        )

    def keep_draft(self, purchase: Purchase) -> None:
        """Put a new purchase order into the books."""
        self.state.purchases += 1
        self.world.add(self.purchases, purchase)

    def send(self, purchase_id: str) -> None:
        """Send a draft to its supplier, who promises the planned lead time."""
        purchase = self.purchases[purchase_id]
        if purchase.status != "draft":
            return
        world = self.world
        supplier = world.catalog.vendors[int(purchase.supplier[4:]) - 1]
        promised = (world.now // DAY + supplier.lead_days) * DAY + RECEIPT_HOUR * HOUR
        purchase.status = "sent"
        purchase.sent_at = world.written()
        for line in purchase.lines:
            line.promised_at = world.written(promised)
            place = self._place(line, purchase)
            self.state.on_order[place] += line.ordered
            if purchase.reference is not None:
                self.unplanned.discard(place)
        self.state.open_purchases[purchase_id] = promised
        world.touch(self.purchases, purchase)
        world.schedule(next_at_hour(world.now, 14), "confirm", purchase_id)
        world.schedule(promised + draw_delay(world.rng) * DAY, "receive", purchase_id)

    def confirm(self, purchase_id: str) -> None:
        """Note that the supplier has confirmed."""
        purchase = self.purchases[purchase_id]
        if purchase.status == "sent":
            purchase.status = "confirmed"
            self.world.touch(self.purchases, purchase)

    def receive(self, purchase_id: str) -> None:
        """Book a delivery in, here and in the warehouse."""
        purchase = self.purchases[purchase_id]
        for line in purchase.lines:
            line.received = line.ordered
            line.received_at = self.world.written()
            place = self._place(line, purchase)
            self.state.on_order[place] -= line.ordered
            self.world.warehouse.room.put(place, line.ordered)
        purchase.status = "received"
        del self.state.open_purchases[purchase_id]
        self.world.touch(self.purchases, purchase)

    def open_stock(self, place: int) -> None:
        """Begin to keep a SKU at a place, with its first stock."""
        _, level = self.targets()
        goods = self.world.catalog.skus[self.world.catalog.places[place].sku]
        units = max(int(level[place]), goods.pack)
        self.world.warehouse.room.put(place, self.rounded(place, units))

    def _place(self, line: PurchaseLine, purchase: Purchase) -> int:
        return self.world.warehouse.place_of[f"{line.sku}@{purchase.location}"]


def _service(code: str, title: str) -> Article:
    return Article(
        id=code,
        name=title,
        category="Services",
        kind="service",
        supplier=None,
        list_price="0.00",
        costs=[],
        currency=CURRENCY,
    )

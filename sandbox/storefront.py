"""The storefront: channels, orders, listings, payments and returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.catalog import BUFFER, CAP, CHANNEL_LOCATIONS, CHANNELS, HANDLING_HOURS
from sandbox.instants import DAY, HOUR, MINUTE, SECOND
from sandbox.money import CURRENCY, mills, pounds, share
from sandbox.shapes import (
    Channel,
    Customer,
    Fulfillment,
    FulfillmentLine,
    Listing,
    ListingChange,
    Order,
    OrderLine,
    Payment,
    Return,
    ReturnLine,
)
from sandbox.stream import Stream

if TYPE_CHECKING:
    from sandbox.world import World

CHANNEL_NAMES = {"web": "Web shop", "marketplace": "Marketplace", "wholesale": "Wholesale portal"}
PRICE_PER_MILLE = {"web": 1000, "marketplace": 1100, "wholesale": 850}
PAYMENT_FEE_PER_MILLE = 14
PAYMENT_FEE_FIXED = 200
MARKETPLACE_FEE_PER_MILLE = 120
SYNC_REFERENCE = "stock-sync"
KEPT_CHANGES = 5


class NewLine(msgspec.Struct):
    """A line as the buyer asks for it."""

    sku: str
    title: str
    kind: str
    quantity: int
    mills: int


class NewOrder(msgspec.Struct):
    """An order as the buyer places it."""

    id: str
    channel: str
    customer: Customer
    lines: list[NewLine]
    shipping: int
    simulated: bool


class StorefrontState(msgspec.Struct):
    """What the storefront remembers beyond its items."""

    refunded: dict[str, int]  #: mills by order
    refunds: dict[str, int]  #: number of refunds by order
    syncing: set[int]  #: SKUs whose listings are about to follow the stock
    returns: int = 0


class Storefront:
    """Sells, takes payment, is told of parcels, takes goods back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.channels = Stream("storefront", "channels", Channel)
        self.orders = Stream("storefront", "orders", Order)
        self.listings = Stream("storefront", "listings", Listing)
        self.payments = Stream("storefront", "payments", Payment)
        self.returns = Stream("storefront", "returns", Return)
        self.streams: dict[str, Stream[Any]] = {
            "channels": self.channels,
            "orders": self.orders,
            "listings": self.listings,
            "payments": self.payments,
            "returns": self.returns,
        }
        self.state = StorefrontState(refunded={}, refunds={}, syncing=set())
        self.stuck: set[str] = set()  #: listings whose sync a fault has stopped

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Name what can happen here."""
        return {"sync": self.sync, "ask_return": self.ask_return}

    def open_channels(self) -> None:
        """Put the channels on their stream."""
        for name in CHANNELS:
            channel = Channel(
                id=name,
                name=CHANNEL_NAMES[name],
                locations=CHANNEL_LOCATIONS[name],
                buffer=BUFFER[name],
                cap=CAP[name],
                handling_hours=HANDLING_HOURS[name],
            )
            self.world.add(self.channels, channel)

    def place(self, new: NewOrder) -> Order:
        """Take an order and its money, and pass it on to ERP and warehouse."""
        world = self.world
        lines = [
            OrderLine(f"{new.id}-{number}", line.sku, line.title, line.kind, line.quantity, 0, pounds(line.mills))
            for number, line in enumerate(new.lines, 1)
        ]
        has_goods = any(line.kind == "product" for line in lines)
        order = Order(
            id=new.id,
            channel=new.channel,
            created_at=world.written(),
            currency=CURRENCY,
            customer=new.customer,
            lines=lines,
            shipping_price=pounds(new.shipping),
            financial_status="paid",
            fulfillment_status="unfulfilled" if has_goods else "fulfilled",
            fulfillments=[],
            hold=None,
            cancelled_at=None,
            cancel_reason=None,
            ship_by=world.written(world.now + HANDLING_HOURS[new.channel] * HOUR),
            simulated=new.simulated,
        )
        world.add(self.orders, order)
        total = round(sum(line.quantity * line.mills for line in new.lines) / 10) * 10 + new.shipping
        self._capture(order, total)
        world.erp.open_sale(order.id, total)
        if has_goods:
            world.schedule(world.now + round(world.rng.uniform(5, 55)) * SECOND, "release", order.id)
        else:
            world.erp.close_sale(order.id)
        return order

    def fulfil(self, order_id: str, parcel: Fulfillment) -> bool:
        """Note a parcel on its order; False when its tracking is already known."""
        order = self.orders[order_id]
        if any(known.tracking == parcel.tracking for known in order.fulfillments):
            return False
        order.fulfillments.append(parcel)
        order.fulfillment_status = self._fulfillment_status(order)
        self.world.touch(self.orders, order)
        self.world.warehouse.state.untold.pop(parcel.tracking, None)
        return True

    def promise_again(self, order_id: str) -> None:
        """Give an order whose goods have come in a new date to leave by."""
        order = self.orders[order_id]
        promised = self.world.written(self.world.now + HANDLING_HOURS[order.channel] * HOUR)
        if promised > order.ship_by:
            order.ship_by = promised
            self.world.touch(self.orders, order)

    def cancel_units(self, order_id: str, units: dict[str, int], reason: str) -> None:
        """Cancel unshipped units of an order's lines and give their money back."""
        order = self.orders[order_id]
        refund = 0
        for line in order.lines:
            quantity = units.get(line.id, 0)
            line.cancelled_quantity += quantity
            refund += quantity * mills(line.unit_price)
        goods = [line for line in order.lines if line.kind == "product"]
        if all(line.cancelled_quantity == line.quantity for line in goods):
            order.cancelled_at = self.world.written()
            order.cancel_reason = reason
        order.fulfillment_status = self._fulfillment_status(order)
        self._refund(order, refund)
        self.world.touch(self.orders, order)
        if order.cancelled_at is not None:
            self.world.erp.close_sale(order_id)

    def ask_return(self, order_id: str, *parts: int | str) -> None:
        """Open a return; the parts are line, quantity, line, quantity and so on."""
        order = self.orders[order_id]
        asked = {str(line): int(units) for line, units in zip(parts[::2], parts[1::2], strict=True)}
        reasons = ("changed mind", "damaged", "not as described", "wrong item")
        lines = [
            ReturnLine(line.id, line.sku, asked[line.id], self.world.rng.choice(reasons))
            for line in order.lines
            if line.id in asked
        ]
        has_goods = any(line.kind == "product" for line in order.lines if line.id in asked)
        self.state.returns += 1
        goods_back = Return(
            id=f"R{self.state.returns:06d}",
            order=order_id,
            lines=lines,
            requested_at=self.world.written(),
            status="requested",
            refunded_amount="0.00",
            currency=CURRENCY,
            simulated=order.simulated,
        )
        self.world.add(self.returns, goods_back)
        if has_goods:
            due = self.world.now + round(self.world.rng.uniform(2, 5) * DAY / MINUTE) * MINUTE
            self.world.schedule(due, "return_arrives", goods_back.id)
        else:
            self.close_return(goods_back.id)

    def note_arrival(self, return_id: str) -> None:
        """Note that returned goods have reached the warehouse."""
        goods_back = self.returns[return_id]
        goods_back.status = "received"
        self.world.touch(self.returns, goods_back)

    def close_return(self, return_id: str) -> None:
        """Pay the returned units back."""
        goods_back = self.returns[return_id]
        order = self.orders[goods_back.order]
        prices = {line.id: mills(line.unit_price) for line in order.lines}
        paid = self._refund(order, sum(line.quantity * prices[line.line] for line in goods_back.lines))
        self.world.touch(self.orders, order)
        goods_back.status = "closed"
        goods_back.refunded_amount = pounds(paid)
        self.world.touch(self.returns, goods_back)

    def expected(self, channel: str, sku: int) -> int:
        """Say what a channel should list of a SKU."""
        goods = self.world.catalog.skus[sku]
        free = self.world.warehouse.room.free
        places = goods.places if channel == "marketplace" else goods.own_side[0]
        return max(min(CAP[channel], sum(free(place) for place in places) - BUFFER[channel]), 0)

    def list_all(self) -> None:
        """List everything in every channel, in step with the stock."""
        for channel in CHANNELS:
            for number, goods in enumerate(self.world.catalog.skus):
                listing = Listing(
                    id=f"{channel}:{goods.code}",
                    channel=channel,
                    sku=goods.code,
                    title=goods.title,
                    quantity=self.expected(channel, number),
                    price=pounds(share(goods.list_price, PRICE_PER_MILLE[channel])),
                    active=True,
                    changes=[],
                )
                self.world.add(self.listings, listing)

    def stock_changed(self, sku: int) -> None:
        """Let the listings of a SKU follow its stock in a moment."""
        if sku not in self.state.syncing:
            self.state.syncing.add(sku)
            self.world.schedule(self.world.now + self.world.rng.randint(3, 45) * SECOND, "sync", sku)

    def sync(self, sku: int) -> None:
        """Bring the listings of a SKU in step with its stock, unless a fault has stopped them."""
        self.state.syncing.discard(sku)
        for channel in CHANNELS:
            listing = self.listings[f"{channel}:{self.world.catalog.skus[sku].code}"]
            expected = self.expected(channel, sku)
            if listing.quantity != expected and listing.id not in self.stuck:
                self.set_quantity(listing, expected, SYNC_REFERENCE)

    def set_quantity(self, listing: Listing, quantity: int, reference: str | None) -> None:
        """Change a listed quantity and keep who asked for it."""
        change = ListingChange(self.world.written(), listing.quantity, quantity, reference)
        listing.changes = [*listing.changes[1 - KEPT_CHANGES :], change]
        listing.quantity = quantity
        self.world.touch(self.listings, listing)

    def _capture(self, order: Order, total: int) -> None:
        self._move(order, "capture", total, None, "capture")
        fee = share(total, PAYMENT_FEE_PER_MILLE) + PAYMENT_FEE_FIXED
        self._move(order, "fee", fee, "payment", "fee-payment")
        if order.channel == "marketplace":
            self._move(order, "fee", share(total, MARKETPLACE_FEE_PER_MILLE), "marketplace", "fee-marketplace")

    def _refund(self, order: Order, amount: int) -> int:
        paid = mills(self.payments[f"{order.id}-capture"].amount)
        before = self.state.refunded.get(order.id, 0)
        amount = min(round(amount / 10) * 10, paid - before)
        if amount > 0:
            number = self.state.refunds[order.id] = self.state.refunds.get(order.id, 0) + 1
            self.state.refunded[order.id] = before + amount
            self._move(order, "refund", amount, None, f"refund-{number}")
            order.financial_status = "refunded" if before + amount == paid else "partially_refunded"
        return max(amount, 0)

    def _move(self, order: Order, kind: str, amount: int, fee_kind: str | None, name: str) -> None:
        movement = Payment(
            id=f"{order.id}-{name}",
            order=order.id,
            kind=kind,
            amount=pounds(amount),
            currency=CURRENCY,
            at=self.world.written(),
            fee_kind=fee_kind,
        )
        self.world.add(self.payments, movement)

    @staticmethod
    def _fulfillment_status(order: Order) -> str:
        owed = sum(line.quantity - line.cancelled_quantity for line in order.lines if line.kind == "product")
        told = sum(line.quantity for parcel in order.fulfillments for line in parcel.lines)
        if told >= owed and (told or not owed):
            return "fulfilled" if told else "unfulfilled"
        return "partial" if told else "unfulfilled"


def parcel_lines(units: list[tuple[str, int]]) -> list[FulfillmentLine]:
    """Shape the units of a parcel as the storefront notes them."""
    return [FulfillmentLine(line, quantity) for line, quantity in units]

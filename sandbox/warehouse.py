"""The warehouses: stock by state, work, parcels, inspections and transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.carrier import CARRIER_OF
from sandbox.catalog import LOCATIONS, side_of
from sandbox.instants import DAY, HOUR, MINUTE, day_text, next_at_hour
from sandbox.money import CURRENCY, pounds
from sandbox.shapes import (
    Fulfillment,
    Inspection,
    InspectionLine,
    Location,
    Shipment,
    ShipmentLine,
    Stock,
    StockMonth,
    Transfer,
    Work,
    WorkLine,
)
from sandbox.storefront import parcel_lines
from sandbox.stream import Stream

if TYPE_CHECKING:
    from sandbox.world import World

CUT_OFF_HOUR = 18
PUSH_DELAY = 5 * MINUTE
PATIENCE = 18 * HOUR  #: so long a line waits for stock before it is cancelled
RESTOCK_RATE = 0.85
COUNT_CYCLE_DAYS = 30
UNRANGED = -1
OPEN_STAGES = ("released", "picking", "picked", "packed")
STAGE_MINUTES = {"picking": (10, 90), "picked": (20, 140), "packed": (10, 110)}
NEXT_STAGE = {"released": "picking", "picking": "picked", "picked": "packed"}
LOCATION_NAMES = {"NORTH": "Northern warehouse", "SOUTH": "Southern warehouse", "3PL": "Marketplace 3PL"}


class WarehouseState(msgspec.Struct):
    """Stock by place, and what is open."""

    on_hand: list[int]
    allocated: list[int]
    picked: list[int]
    quarantined: list[int]
    damaged: list[int]
    backlog: list[int]  #: units that wait for stock
    ranged: list[bool]
    counted_at: list[int]
    changes: list[int]
    changed_at: list[int]
    waiting: dict[int, list[str]]  #: work that waits for stock, by place, oldest first
    open_work: dict[str, list[str]]  #: work not yet shipped, by order
    untold: dict[str, tuple[str, int]]  #: parcels the storefront does not know: order and instant, by tracking
    moving: dict[str, int]  #: sent transfers and the instant of their receipt
    closing: list[list[int]]  #: stock at the end of each day of the history, by place
    parcels: int = 0
    transfers: int = 0


class Warehouse:
    """Allocates, picks, packs, hands over, receives and inspects."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.locations = Stream("warehouse", "locations", Location)
        self.work = Stream("warehouse", "work", Work)
        self.shipments = Stream("warehouse", "shipments", Shipment)
        self.stock = Stream("warehouse", "stock", Stock)
        self.stock_history = Stream("warehouse", "stock_history", StockMonth)
        self.inspections = Stream("warehouse", "inspections", Inspection)
        self.transfers = Stream("warehouse", "transfers", Transfer)
        self.streams: dict[str, Stream[Any]] = {
            "locations": self.locations,
            "work": self.work,
            "shipments": self.shipments,
            "stock": self.stock,
            "stock_history": self.stock_history,
            "inspections": self.inspections,
            "transfers": self.transfers,
        }
        count = len(world.catalog.places)
        self.place_of = {place.id: number for number, place in enumerate(world.catalog.places)}
        self.location_of = [place.location for place in world.catalog.places]
        self.state = WarehouseState(
            on_hand=[0] * count,
            allocated=[0] * count,
            picked=[0] * count,
            quarantined=[0] * count,
            damaged=[0] * count,
            backlog=[0] * count,
            ranged=[False] * count,
            counted_at=[world.now] * count,
            changes=[0] * count,
            changed_at=[world.now] * count,
            waiting={},
            open_work={},
            untold={},
            moving={},
            closing=[],
        )
        self.stuck: dict[str, str] = {}  #: work that a fault holds, and the stage it waits to enter
        self.lost: set[str] = set()  #: work whose parcels the storefront will not be told of

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Name what can happen here."""
        return {
            "release": self.release,
            "stage": self.enter_stage,
            "hand_over": self.hand_over,
            "push": self.push_fulfilment,
            "give_up": self.give_up,
            "return_arrives": self.receive_return,
            "inspect": self.inspect,
            "end_day": self.end_day,
            "send_transfer": self.send_transfer,
            "receive_transfer": self.receive_transfer,
        }

    def open_locations(self) -> None:
        """Put the locations on their stream."""
        for name in LOCATIONS:
            kind = "3pl" if name == "3PL" else "own"
            place = Location(id=name, name=LOCATION_NAMES[name], kind=kind, time_zone="UTC")
            self.world.add(self.locations, place)

    # Stock

    def free(self, place: int) -> int:
        """Say what can still be promised at a place (ATP)."""
        state = self.state
        return state.on_hand[place] - state.allocated[place] - state.quarantined[place] - state.damaged[place]

    def sellable(self, place: int) -> int:
        """Say what lies there in good condition, promised or not."""
        state = self.state
        return state.on_hand[place] - state.quarantined[place] - state.damaged[place]

    def open_demand(self, place: int) -> int:
        """Count the units that a place still has to ship."""
        return self.state.allocated[place] + self.state.backlog[place]

    def put(self, place: int, units: int) -> None:
        """Add units to a place and serve who waits for them."""
        self.state.on_hand[place] += units
        self.state.ranged[place] = True
        self.changed(place)
        if self.state.backlog[place]:
            self._serve_waiting(place)

    def changed(self, place: int) -> None:
        """Publish the stock of a place."""
        state = self.state
        state.changes[place] += 1
        state.changed_at[place] = self.world.now
        if self.world.is_live:
            item = self.stock[self.world.catalog.places[place].id]
            item.on_hand = state.on_hand[place]
            item.allocated = state.allocated[place]
            item.quarantined = state.quarantined[place]
            item.damaged = state.damaged[place]
            self.world.touch(self.stock, item)
            self.world.storefront.stock_changed(self.world.catalog.places[place].sku)

    def stock_item(self, place: int) -> Stock:
        """Write the stock of a place as its stream shows it."""
        state, at = self.state, self.world.catalog.places[place]
        return Stock(
            id=at.id,
            sku=self.world.catalog.skus[at.sku].code,
            location=at.location,
            on_hand=state.on_hand[place],
            allocated=state.allocated[place],
            quarantined=state.quarantined[place],
            damaged=state.damaged[place],
            counted_at=self.world.written(state.counted_at[place]),
        )

    # From order to parcel

    def release(self, order_id: str) -> None:
        """Turn a paid order into work: what is there is allocated, the rest waits."""
        order = self.world.storefront.orders[order_id]
        if order.hold is not None:
            return
        side = side_of(order_id)
        skus, index = self.world.catalog.skus, self.world.catalog.index
        at_market = order.channel == "marketplace"
        allocated = self.state.allocated
        by_location: dict[str, list[WorkLine]] = {}
        for line in order.lines:
            quantity = line.quantity - line.cancelled_quantity
            if line.kind != "product" or quantity == 0:
                continue
            goods = skus[index[line.sku]]
            place = self._choose(goods.market_side[side] if at_market else goods.own_side[side], quantity)
            taken = min(quantity, max(self.free(place), 0))
            if taken:
                allocated[place] += taken
                self.changed(place)
                work_line = WorkLine(line.id, line.sku, taken, 0, 0)
                by_location.setdefault(self.location_of[place], []).append(work_line)
            if taken < quantity:
                self._wait_for_stock(order_id, place, line.id, line.sku, quantity - taken)
        for location, lines in by_location.items():
            work = self._new_work(f"W{order_id}-{location[0]}", order_id, location, lines)
            self._start(work)

    def _choose(self, places: tuple[int, ...], quantity: int) -> int:
        for place in places:
            if self.free(place) >= quantity:
                return place
        return places[0]

    def _new_work(self, work_id: str, order_id: str, location: str, lines: list[WorkLine]) -> Work:
        units = sum(line.ordered for line in lines)
        work = Work(
            id=work_id,
            order=order_id,
            location=location,
            status="backordered",
            released_at=None,
            picked_at=None,
            packed_at=None,
            shipped_at=None,
            lines=lines,
            handling_cost=pounds(600 + 50 * len(lines) + 10 * min(units, 500)),
            currency=CURRENCY,
        )
        self.state.open_work.setdefault(order_id, []).append(work_id)
        self.work.live[work_id] = work
        return work

    def _wait_for_stock(self, order_id: str, place: int, line_id: str, sku: str, quantity: int) -> None:
        work_id = f"W{order_id}-{self.location_of[place][0]}-B{line_id.rpartition('-')[2]}"
        while self.work.get(work_id) is not None:
            work_id += "x"
        lines = [WorkLine(line_id, sku, quantity, 0, 0)]
        self._new_work(work_id, order_id, self.location_of[place], lines)
        self.world.touch(self.work, self.work[work_id])
        self.state.backlog[place] += quantity
        self.state.waiting.setdefault(place, []).append(work_id)
        self.world.schedule(self.world.now + PATIENCE, "give_up", work_id)

    def _start(self, work: Work) -> None:
        work.status = "released"
        work.released_at = self.world.written()
        self.world.touch(self.work, work)
        self._plan_stage(work.id, "picking")

    def _plan_stage(self, work_id: str, stage: str) -> None:
        minutes = self.world.rng.randint(*STAGE_MINUTES[stage])
        self.world.schedule(self.world.now + minutes * MINUTE, "stage", work_id, stage)

    def _serve_waiting(self, place: int) -> None:
        queue = self.state.waiting.get(place, [])
        for work_id in list(queue):
            work = self.work[work_id]
            units = work.lines[0].ordered
            if units <= self.free(place):
                queue.remove(work_id)
                self.state.backlog[place] -= units
                self.state.allocated[place] += units
                self.changed(place)
                self._start(work)
                self.world.storefront.promise_again(work.order)

    def enter_stage(self, work_id: str, stage: str) -> None:
        """Move work on to its next stage."""
        work = self.work[work_id]
        if work.status in {"cancelled", "shipped"}:
            return
        if work_id in self.stuck:
            self.stuck[work_id] = stage
            return
        work.status = stage
        if stage == "picked":
            work.picked_at = self.world.written()
            self._pick(work)
        elif stage == "packed":
            work.packed_at = self.world.written()
            self.world.schedule(next_at_hour(self.world.now, CUT_OFF_HOUR), "hand_over", work_id)
        if stage in NEXT_STAGE and work.status != "cancelled":
            self._plan_stage(work_id, NEXT_STAGE[stage])
        self.world.touch(self.work, work)

    def _pick(self, work: Work) -> None:
        state = self.state
        for line in work.lines:
            place = self.place_of[f"{line.sku}@{work.location}"]
            line.picked = max(min(line.ordered, self.sellable(place) - state.picked[place]), 0)
            state.picked[place] += line.picked
            short = line.ordered - line.picked
            if short:
                line.ordered = line.picked
                state.allocated[place] -= short
                self._wait_for_stock(work.order, place, line.line, line.sku, short)
                self.changed(place)
        if not any(line.picked for line in work.lines):
            work.status = "cancelled"
            self._close(work)

    def hand_over(self, work_id: str) -> None:
        """Give a packed parcel to the carrier."""
        work = self.work[work_id]
        if work_id in self.stuck:
            self.stuck[work_id] = "shipped"
            return
        if work.status == "shipped":
            return
        world, state = self.world, self.state
        lines = []
        for line in work.lines:
            if line.picked:
                place = self.place_of[f"{line.sku}@{work.location}"]
                line.shipped = line.picked
                state.picked[place] -= line.picked
                state.allocated[place] -= line.picked
                state.on_hand[place] -= line.picked
                self.changed(place)
                lines.append(ShipmentLine(line.line, line.sku, line.picked))
        work.status = "shipped"
        work.shipped_at = world.written()
        world.touch(self.work, work)
        self._ship(work, lines)
        self._close(work)

    def _ship(self, work: Work, lines: list[ShipmentLine]) -> None:
        world = self.world
        order = world.storefront.orders[work.order]
        self.state.parcels += 1
        tracking = f"{CARRIER_OF[order.channel][:2].upper()}{self.state.parcels:09d}GB"
        units = sum(line.quantity for line in lines)
        abroad = order.customer.country != "United Kingdom"
        shipment = Shipment(
            id=f"P{work.id[1:]}",
            order=work.order,
            location=work.location,
            carrier=CARRIER_OF[order.channel],
            tracking=tracking,
            handed_over_at=world.written(),
            lines=lines,
            freight_cost=pounds((7900 if abroad else 3200) + min(units, 2000) * 40),
            currency=CURRENCY,
        )
        world.add(self.shipments, shipment)
        self.state.untold[tracking] = (work.order, world.now)
        world.carrier.accept(tracking, shipment.carrier, work.order)
        if work.id not in self.lost:
            world.schedule(world.now + PUSH_DELAY, "push", shipment.id)

    def push_fulfilment(self, shipment_id: str) -> None:
        """Tell the storefront of a parcel."""
        shipment = self.shipments[shipment_id]
        told = Fulfillment(
            id=f"F{shipment.id[1:]}",
            created_at=self.world.written(),
            carrier=shipment.carrier,
            tracking=shipment.tracking,
            lines=parcel_lines([(line.line, line.quantity) for line in shipment.lines]),
            reference="warehouse-push",
        )
        self.world.storefront.fulfil(shipment.order, told)

    def _close(self, work: Work) -> None:
        still_open = self.state.open_work[work.order]
        still_open.remove(work.id)
        if not still_open:
            del self.state.open_work[work.order]
            self.world.erp.close_sale(work.order)

    def rush(self, work_id: str) -> None:
        """Let open work leave at once, ahead of its cut-off."""
        work = self.work[work_id]
        if work.status in {"released", "picking"}:
            work.picked_at = self.world.written()
            self._pick(work)
        if work.status != "cancelled":
            work.packed_at = work.packed_at or self.world.written()
            self.hand_over(work_id)

    def let_go(self, work_id: str) -> None:
        """Let stuck work go on where it was held."""
        stage = self.stuck.pop(work_id, "")
        if stage == "shipped":
            self.world.schedule(next_at_hour(self.world.now, CUT_OFF_HOUR), "hand_over", work_id)
        elif stage:
            self._plan_stage(work_id, stage)

    def push_lost(self, order_id: str) -> None:
        """Tell the storefront of an order's parcels that it does not know."""
        for tracking, (order, _) in list(self.state.untold.items()):
            if order == order_id:
                parcel = next(one for one in self.parcels_of(order_id) if one.tracking == tracking)
                self.push_fulfilment(parcel.id)

    def parcels_of(self, order_id: str) -> list[Shipment]:
        """List an order's parcels; those still to be told of are always among the changed items."""
        return [parcel for parcel in self.shipments.live.values() if parcel.order == order_id]

    # What is called off

    def give_up(self, work_id: str) -> None:
        """Cancel a line that has waited too long for stock."""
        work = self.work[work_id]
        if work.status != "backordered":
            return
        line = work.lines[0]
        if self.place_of[f"{line.sku}@{work.location}"] in self.world.erp.unplanned:
            # What a fault has caused stays until somebody repairs it.
            self.world.schedule(self.world.now + DAY, "give_up", work_id)
        else:
            self._drop(work, line, line.ordered)
            self.world.storefront.cancel_units(work.order, {line.line: line.ordered}, "out_of_stock")

    def call_off(self, order_id: str, line_id: str, quantity: int) -> int:
        """Take unpicked units of an order line out of its work; returns how many there were."""
        left = quantity
        for work_id in list(self.state.open_work.get(order_id, [])):
            work = self.work[work_id]
            if work.status in {"backordered", "released"} and work_id not in self.stuck:
                for line in work.lines:
                    if line.line == line_id and left:
                        units = min(left, line.ordered)
                        left -= units
                        self._reduce(work, line, units)
        return quantity - left

    def _reduce(self, work: Work, line: WorkLine, units: int) -> None:
        if units == line.ordered and len(work.lines) == 1:
            self._drop(work, line, units)
            return
        self._unbook(work, line, units)
        line.ordered -= units
        work.lines = [kept for kept in work.lines if kept.ordered]
        self.world.touch(self.work, work)

    def _drop(self, work: Work, line: WorkLine, units: int) -> None:
        self._unbook(work, line, units)
        place = self.place_of[f"{line.sku}@{work.location}"]
        if work.status == "backordered":
            self.state.waiting[place].remove(work.id)
        work.status = "cancelled"
        self.world.touch(self.work, work)
        self._close(work)

    def _unbook(self, work: Work, line: WorkLine, units: int) -> None:
        place = self.place_of[f"{line.sku}@{work.location}"]
        if work.status == "backordered":
            self.state.backlog[place] -= units
        else:
            self.state.allocated[place] -= units
            self.changed(place)

    # Goods that come back

    def receive_return(self, return_id: str) -> None:
        """Put returned goods into quarantine until somebody has looked at them."""
        world = self.world
        goods_back = world.storefront.returns[return_id]
        world.storefront.note_arrival(return_id)
        lines = []
        location = "NORTH"
        for line in goods_back.lines:
            number = world.catalog.index.get(line.sku)
            if number is None:
                continue
            place = world.catalog.skus[number].places[0]
            location = self.location_of[place]
            self.state.quarantined[place] += line.quantity
            self.put(place, line.quantity)
            disposition = "restock" if world.rng.random() < RESTOCK_RATE else "dispose"
            lines.append(InspectionLine(line.line, line.sku, line.quantity, disposition))
        inspection = Inspection(
            id=f"I{return_id[1:]}",
            return_id=return_id,
            order=goods_back.order,
            lines=lines,
            received_at=world.written(),
            inspected_at=None,
            location=location,
        )
        world.add(self.inspections, inspection)
        world.schedule(world.now + world.rng.randint(4, 30) * HOUR, "inspect", inspection.id)

    def inspect(self, inspection_id: str) -> None:
        """Release returned goods from quarantine, to be sold or scrapped, and have them paid back."""
        inspection = self.inspections[inspection_id]
        for line in inspection.lines:
            place = self.world.catalog.skus[self.world.catalog.index[line.sku]].places[0]
            self.state.quarantined[place] -= line.quantity
            if line.disposition == "dispose":
                self.state.damaged[place] += line.quantity
            self.changed(place)
            if self.state.backlog[place]:
                self._serve_waiting(place)
        inspection.inspected_at = self.world.written()
        self.world.touch(self.inspections, inspection)
        self.world.storefront.close_return(inspection.return_id)

    # The end of a day

    def end_day(self) -> None:
        """Write the closing stock, count some places, scrap what is damaged once a week."""
        world, state = self.world, self.state
        day = world.now // DAY - 1
        closing = [units if ranged else UNRANGED for units, ranged in zip(state.on_hand, state.ranged, strict=True)]
        if world.is_live:
            self._extend_history(day, closing)
        else:
            state.closing.append(closing)
        for place in range(len(closing)):
            if place % COUNT_CYCLE_DAYS == day % COUNT_CYCLE_DAYS and state.ranged[place]:
                self._count(place)
            if day % 7 == 0 and state.damaged[place]:
                state.on_hand[place] -= state.damaged[place]
                state.damaged[place] = 0
                self.changed(place)
        world.schedule(world.now + DAY, "end_day")

    def _count(self, place: int) -> None:
        self.state.counted_at[place] = self.world.now
        if self.world.is_live:
            item = self.stock[self.world.catalog.places[place].id]
            item.counted_at = self.world.written()
            self.world.touch(self.stock, item)

    def _extend_history(self, day: int, closing: list[int]) -> None:
        shown = day_text(day + self.world.shift // DAY)
        month, day_of_month = shown[:7], int(shown[8:])
        for place, units in enumerate(closing):
            if units == UNRANGED:
                continue
            at = self.world.catalog.places[place]
            item = self.stock_history.get(f"{at.id}@{month}")
            if item is None:
                item = StockMonth(
                    id=f"{at.id}@{month}",
                    sku=self.world.catalog.skus[at.sku].code,
                    location=at.location,
                    month=month,
                    days=[],
                )
                self.stock_history.live[item.id] = item
            item.days += [None] * (day_of_month - 1 - len(item.days)) + [units]
            self.world.touch(self.stock_history, item)

    # Transfers

    def plan_transfer(self, transfer: Transfer) -> None:
        """Take a draft; it leaves a quarter of an hour later."""
        self.state.transfers += 1
        self.world.add(self.transfers, transfer)
        self.world.schedule(self.world.now + 15 * MINUTE, "send_transfer", transfer.id)

    def send_transfer(self, transfer_id: str) -> None:
        """Let a transfer leave with what is free."""
        transfer = self.transfers[transfer_id]
        if transfer.status != "draft":
            return
        for line in transfer.lines:
            place = self.place_of[f"{line.sku}@{transfer.origin}"]
            line.quantity = max(min(line.quantity, self.free(place)), 0)
            self.state.on_hand[place] -= line.quantity
            self.changed(place)
        transfer.status = "sent"
        transfer.sent_at = self.world.written()
        self.world.touch(self.transfers, transfer)
        due = next_at_hour(self.world.now + 12 * HOUR, 9)
        self.state.moving[transfer_id] = due
        self.world.schedule(due, "receive_transfer", transfer_id)

    def receive_transfer(self, transfer_id: str) -> None:
        """Put a transfer's goods away."""
        transfer = self.transfers[transfer_id]
        del self.state.moving[transfer_id]
        transfer.status = "received"
        transfer.received_at = self.world.written()
        self.world.touch(self.transfers, transfer)
        for line in transfer.lines:
            place = self.place_of[f"{line.sku}@{transfer.target}"]
            self.world.erp.unplanned.discard(place)
            self.put(place, line.quantity)

"""The floor: an order becomes work, and work goes through its stages until it is handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.catalog import side_of
from sandbox.instants import MINUTE, next_at_hour
from sandbox.money import CURRENCY, pounds
from sandbox.shapes import PriorityChange, ShipmentLine, Work, WorkLine
from sandbox.warehouse_state import Part

if TYPE_CHECKING:
    from sandbox.warehouse import Warehouse
    from sandbox.world import Event

CUT_OFF_HOUR = 18
OPEN_STAGES = ("released", "picking", "picked", "packed")
STAGE_MINUTES = {"picking": (10, 90), "picked": (20, 140), "packed": (10, 110)}
CHANGES_KEPT = 5
NEXT_STAGE = {"released": "picking", "picking": "picked", "picked": "packed"}


class Floor(Part):
    """Allocates, picks, packs and hands over."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.stuck: dict[str, str] = {}  #: work that a fault holds, and the stage it waits to enter
        self.ahead: set[str] = set()  #: open work that somebody gave priority
        self.turns: dict[str, int] = {}  #: when work would have been picked, had nobody gone ahead of it

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
            taken = min(quantity, max(self.warehouse.room.free(place), 0))
            if taken:
                allocated[place] += taken
                self.warehouse.room.changed(place)
                work_line = WorkLine(line.id, line.sku, taken, 0, 0)
                by_location.setdefault(self.warehouse.location_of[place], []).append(work_line)
            if taken < quantity:
                self.warehouse.backlog.wait(order_id, place, line.id, line.sku, quantity - taken)
        for location, lines in by_location.items():
            work = self.open_work(f"W{order_id}-{location[0]}", order_id, location, lines)
            self.start(work)

    def _choose(self, places: tuple[int, ...], quantity: int) -> int:
        for place in places:
            if self.warehouse.room.free(place) >= quantity:
                return place
        return places[0]

    def open_work(self, work_id: str, order_id: str, location: str, lines: list[WorkLine]) -> Work:
        """Give a location something to do for an order; it waits until it is started."""
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
        self.warehouse.work.live[work_id] = work
        return work

    def start(self, work: Work) -> None:
        """Release work: it gets its place in the pick wave."""
        work.status = "released"
        work.released_at = self.world.written()
        self.world.touch(self.warehouse.work, work)
        self._plan_stage(work.id, "picking")
        if self.ahead:
            self._form_wave(work.location)

    def _plan_stage(self, work_id: str, stage: str) -> None:
        minutes = self.world.rng.randint(*STAGE_MINUTES[stage])
        if work_id in self.ahead:  # drawn all the same, so that everything else goes on as it would have
            minutes = STAGE_MINUTES[stage][0]
        self.world.schedule(self.world.now + minutes * MINUTE, "stage", work_id, stage)

    def prioritise(self, work: Work, priority: int, reference: str | None) -> None:
        """Give open work another place in the pick wave; what was passed over is taken up by the next one."""
        change = PriorityChange(self.world.written(), work.priority, priority, reference)
        work.changes = [*work.changes[1 - CHANGES_KEPT :], change]
        is_raised = priority > work.priority
        work.priority = priority
        self.ahead.add(work.id) if priority else self.ahead.discard(work.id)
        self.world.touch(self.warehouse.work, work)
        if is_raised:
            self.let_go(work.id)
        self._form_wave(work.location)

    def _form_wave(self, location: str) -> None:
        """Let the most urgent work take the first places of a location's pick wave; the places stay as they are."""
        places = sorted(event for event in self.world.queue if self._is_place(event, location))
        waiting = [str(place[3][0]) for place in places]
        for place, work_id in zip(places, waiting, strict=True):
            self.turns.setdefault(work_id, place[0])
        for place, work_id in zip(places, sorted(waiting, key=self._urgency), strict=True):
            place[3][0] = work_id

    def _urgency(self, work_id: str) -> tuple[int, int]:
        """Order work by its priority, and among equals by the turn that it had of itself."""
        return -self.warehouse.work[work_id].priority, self.turns[work_id]

    def _is_place(self, event: Event, location: str) -> bool:
        _, _, kind, subject = event
        return kind == "stage" and subject[1] == "picking" and self.warehouse.work[str(subject[0])].location == location

    def enter_stage(self, work_id: str, stage: str) -> None:
        """Move work on to its next stage."""
        work = self.warehouse.work[work_id]
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
        self.world.touch(self.warehouse.work, work)

    def _pick(self, work: Work) -> None:
        state = self.state
        for line in work.lines:
            place = self.warehouse.place_of[f"{line.sku}@{work.location}"]
            line.picked = max(min(line.ordered, self.warehouse.room.sellable(place) - state.picked[place]), 0)
            state.picked[place] += line.picked
            short = line.ordered - line.picked
            if short:
                line.ordered = line.picked
                state.allocated[place] -= short
                self.warehouse.backlog.wait(work.order, place, line.line, line.sku, short)
                self.warehouse.room.changed(place)
        if not any(line.picked for line in work.lines):
            work.status = "cancelled"
            self.close(work)

    def hand_over(self, work_id: str) -> None:
        """Give a packed parcel to the carrier."""
        work = self.warehouse.work[work_id]
        if work_id in self.stuck:
            self.stuck[work_id] = "shipped"
            return
        if work.status == "shipped":
            return
        world, state = self.world, self.state
        lines = []
        for line in work.lines:
            if line.picked:
                place = self.warehouse.place_of[f"{line.sku}@{work.location}"]
                line.shipped = line.picked
                state.picked[place] -= line.picked
                state.allocated[place] -= line.picked
                state.on_hand[place] -= line.picked
                self.warehouse.room.changed(place)
                lines.append(ShipmentLine(line.line, line.sku, line.picked))
        work.status = "shipped"
        work.shipped_at = world.written()
        world.touch(self.warehouse.work, work)
        self.warehouse.dock.ship(work, lines)
        self.close(work)

    def close(self, work: Work) -> None:
        """Take work off the open list, and the order's sale with its last work."""
        self.ahead.discard(work.id)
        self.turns.pop(work.id, None)
        still_open = self.state.open_work[work.order]
        still_open.remove(work.id)
        if not still_open:
            del self.state.open_work[work.order]
            self.world.erp.close_sale(work.order)

    def rush(self, work_id: str) -> None:
        """Let open work leave at once, ahead of its cut-off."""
        work = self.warehouse.work[work_id]
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

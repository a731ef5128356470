"""The stockroom: stock by state, what of it is free, counts, and the end of a day."""

from __future__ import annotations

from sandbox.instants import DAY, day_text
from sandbox.shapes import Stock, StockMonth
from sandbox.warehouse_state import Part

COUNT_CYCLE_DAYS = 30
UNRANGED = -1


class Stockroom(Part):
    """Knows what lies where, in which state."""

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
            self.warehouse.backlog.serve(place)

    def changed(self, place: int) -> None:
        """Publish the stock of a place."""
        state = self.state
        state.changes[place] += 1
        state.changed_at[place] = self.world.now
        if self.world.is_live:
            item = self.warehouse.stock[self.world.catalog.places[place].id]
            item.on_hand = state.on_hand[place]
            item.allocated = state.allocated[place]
            item.quarantined = state.quarantined[place]
            item.damaged = state.damaged[place]
            self.world.touch(self.warehouse.stock, item)
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
            item = self.warehouse.stock[self.world.catalog.places[place].id]
            item.counted_at = self.world.written()
            self.world.touch(self.warehouse.stock, item)

    def _extend_history(self, day: int, closing: list[int]) -> None:
        shown = day_text(day + self.world.shift // DAY)
        month, day_of_month = shown[:7], int(shown[8:])
        for place, units in enumerate(closing):
            if units == UNRANGED:
                continue
            at = self.world.catalog.places[place]
            item = self.warehouse.stock_history.get(f"{at.id}@{month}")
            if item is None:
                item = StockMonth(
                    id=f"{at.id}@{month}",
                    sku=self.world.catalog.skus[at.sku].code,
                    location=at.location,
                    month=month,
                    days=[],
                )
                self.warehouse.stock_history.live[item.id] = item
            item.days += [None] * (day_of_month - 1 - len(item.days)) + [units]
            self.world.touch(self.warehouse.stock_history, item)

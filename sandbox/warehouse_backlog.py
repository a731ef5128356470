"""The backlog: work that waits for stock, and units that are called off before they are picked."""

from __future__ import annotations

from sandbox.instants import DAY, HOUR
from sandbox.shapes import Work, WorkLine
from sandbox.warehouse_state import Part

PATIENCE = 18 * HOUR  #: so long a line waits for stock before it is cancelled


class Backlog(Part):
    """Lets work wait for stock, and takes out of work what is no longer wanted."""

    def wait(self, order_id: str, place: int, line_id: str, sku: str, quantity: int) -> None:
        """Let units of an order line wait for stock, as work of their own."""
        work_id = f"W{order_id}-{self.warehouse.location_of[place][0]}-B{line_id.rpartition('-')[2]}"
        while self.warehouse.work.get(work_id) is not None:
            work_id += "x"
        lines = [WorkLine(line_id, sku, quantity, 0, 0)]
        self.warehouse.floor.open_work(work_id, order_id, self.warehouse.location_of[place], lines)
        self.world.touch(self.warehouse.work, self.warehouse.work[work_id])
        self.state.backlog[place] += quantity
        self.state.waiting.setdefault(place, []).append(work_id)
        self.world.schedule(self.world.now + PATIENCE, "give_up", work_id)

    def serve(self, place: int) -> None:
        """Release what waits at a place and can be served now, the most urgent and then the oldest first."""
        queue = self.state.waiting.get(place, [])
        for work_id in sorted(queue, key=lambda one: -self.warehouse.work[one].priority):
            work = self.warehouse.work[work_id]
            units = work.lines[0].ordered
            if units <= self.warehouse.room.free(place):
                queue.remove(work_id)
                self.state.backlog[place] -= units
                self.state.allocated[place] += units
                self.warehouse.room.changed(place)
                self.warehouse.floor.start(work)
                self.world.storefront.promise_again(work.order)

    def give_up(self, work_id: str) -> None:
        """Cancel a line that has waited too long for stock."""
        work = self.warehouse.work[work_id]
        if work.status != "backordered":
            return
        line = work.lines[0]
        if self.warehouse.place_of[f"{line.sku}@{work.location}"] in self.world.erp.unplanned:
            # What a fault has caused stays until somebody repairs it.
            self.world.schedule(self.world.now + DAY, "give_up", work_id)
        else:
            self._drop(work, line, line.ordered)
            self.world.storefront.cancel_units(work.order, {line.line: line.ordered}, "out_of_stock")

    def call_off(self, order_id: str, line_id: str, quantity: int) -> int:
        """Take unpicked units of an order line out of its work; returns how many there were."""
        left = quantity
        for work_id in list(self.state.open_work.get(order_id, [])):
            work = self.warehouse.work[work_id]
            if work.status in {"backordered", "released"} and work_id not in self.warehouse.floor.stuck:
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
        self.world.touch(self.warehouse.work, work)

    def _drop(self, work: Work, line: WorkLine, units: int) -> None:
        self._unbook(work, line, units)
        place = self.warehouse.place_of[f"{line.sku}@{work.location}"]
        if work.status == "backordered":
            self.state.waiting[place].remove(work.id)
        work.status = "cancelled"
        self.world.touch(self.warehouse.work, work)
        self.warehouse.floor.close(work)

    def _unbook(self, work: Work, line: WorkLine, units: int) -> None:
        place = self.warehouse.place_of[f"{line.sku}@{work.location}"]
        if work.status == "backordered":
            self.state.backlog[place] -= units
        else:
            self.state.allocated[place] -= units
            self.warehouse.room.changed(place)

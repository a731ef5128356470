"""Goods that come back: they are put into quarantine, looked at, and sold again or scrapped."""

from __future__ import annotations

from sandbox.instants import HOUR
from sandbox.shapes import Inspection, InspectionLine
from sandbox.warehouse_state import Part

RESTOCK_RATE = 0.85


class Returns(Part):
    """Receives and inspects."""

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
            location = self.warehouse.location_of[place]
            self.state.quarantined[place] += line.quantity
            self.warehouse.room.put(place, line.quantity)
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
        world.add(self.warehouse.inspections, inspection)
        world.schedule(world.now + world.rng.randint(4, 30) * HOUR, "inspect", inspection.id)

    def inspect(self, inspection_id: str) -> None:
        """Release returned goods from quarantine, to be sold or scrapped, and have them paid back."""
        inspection = self.warehouse.inspections[inspection_id]
        for line in inspection.lines:
            place = self.world.catalog.skus[self.world.catalog.index[line.sku]].places[0]
            self.state.quarantined[place] -= line.quantity
            if line.disposition == "dispose":
                self.state.damaged[place] += line.quantity
            self.warehouse.room.changed(place)
            if self.state.backlog[place]:
                self.warehouse.backlog.serve(place)
        inspection.inspected_at = self.world.written()
        self.world.touch(self.warehouse.inspections, inspection)
        self.world.storefront.close_return(inspection.return_id)

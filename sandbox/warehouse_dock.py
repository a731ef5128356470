"""The dock: parcels, the carriers that take them, and telling the storefront of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.carrier import CARRIER_OF
from sandbox.instants import MINUTE
from sandbox.money import CURRENCY, pounds
from sandbox.shapes import Fulfillment, Shipment, ShipmentLine, Work
from sandbox.storefront import parcel_lines
from sandbox.warehouse_state import Part

if TYPE_CHECKING:
    from sandbox.warehouse import Warehouse

PUSH_DELAY = 5 * MINUTE


class Dock(Part):
    """Ships what is packed."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.lost: set[str] = set()  #: work whose parcels the storefront will not be told of

    def ship(self, work: Work, lines: list[ShipmentLine]) -> None:
        """Make a parcel of what was packed, give it to its carrier, and have the storefront told."""
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
        world.add(self.warehouse.shipments, shipment)
        self.state.untold[tracking] = (work.order, world.now)
        world.carrier.accept(tracking, shipment.carrier, work.order)
        if work.id not in self.lost:
            world.schedule(world.now + PUSH_DELAY, "push", shipment.id)

    def push_fulfilment(self, shipment_id: str) -> None:
        """Tell the storefront of a parcel."""
        shipment = self.warehouse.shipments[shipment_id]
        told = Fulfillment(
            id=f"F{shipment.id[1:]}",
            created_at=self.world.written(),
            carrier=shipment.carrier,
            tracking=shipment.tracking,
            lines=parcel_lines([(line.line, line.quantity) for line in shipment.lines]),
            reference="warehouse-push",
        )
        self.world.storefront.fulfil(shipment.order, told)

    def push_lost(self, order_id: str) -> None:
        """Tell the storefront of an order's parcels that it does not know."""
        for tracking, (order, _) in list(self.state.untold.items()):
            if order == order_id:
                parcel = next(one for one in self.parcels_of(order_id) if one.tracking == tracking)
                self.push_fulfilment(parcel.id)

    def parcels_of(self, order_id: str) -> list[Shipment]:
        """List an order's parcels; those still to be told of are always among the changed items."""
        return [parcel for parcel in self.warehouse.shipments.live.values() if parcel.order == order_id]

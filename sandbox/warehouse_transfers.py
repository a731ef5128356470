"""Transfers between the warehouses: drafted, sent with what is free, put away."""

from __future__ import annotations

from sandbox.instants import HOUR, MINUTE, next_at_hour
from sandbox.shapes import Transfer
from sandbox.warehouse_state import Part


class Transfers(Part):
    """Moves stock from one location to another."""

    def plan(self, transfer: Transfer) -> None:
        """Take a draft; it leaves a quarter of an hour later."""
        self.state.transfers += 1
        self.world.add(self.warehouse.transfers, transfer)
        self.world.schedule(self.world.now + 15 * MINUTE, "send_transfer", transfer.id)

    def send(self, transfer_id: str) -> None:
        """Let a transfer leave with what is free."""
        transfer = self.warehouse.transfers[transfer_id]
        if transfer.status != "draft":
            return
        for line in transfer.lines:
            place = self.warehouse.place_of[f"{line.sku}@{transfer.origin}"]
            line.quantity = max(min(line.quantity, self.warehouse.room.free(place)), 0)
            self.state.on_hand[place] -= line.quantity
            self.warehouse.room.changed(place)
        transfer.status = "sent"
        transfer.sent_at = self.world.written()
        self.world.touch(self.warehouse.transfers, transfer)
        due = next_at_hour(self.world.now + 12 * HOUR, 9)
        self.state.moving[transfer_id] = due
        self.world.schedule(due, "receive_transfer", transfer_id)

    def receive(self, transfer_id: str) -> None:
        """Put a transfer's goods away."""
        transfer = self.warehouse.transfers[transfer_id]
        del self.state.moving[transfer_id]
        transfer.status = "received"
        transfer.received_at = self.world.written()
        self.world.touch(self.warehouse.transfers, transfer)
        for line in transfer.lines:
            place = self.warehouse.place_of[f"{line.sku}@{transfer.target}"]
            self.world.erp.unplanned.discard(place)
            self.warehouse.room.put(place, line.quantity)

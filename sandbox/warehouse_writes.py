"""The warehouse's writes: transfers to draft, and the place of work in the pick wave."""

from __future__ import annotations

import msgspec

from sandbox.merchant import Merchant
from sandbox.shapes import PriorityChange, Transfer, TransferLine
from sandbox.warehouse_floor import OPEN_STAGES
from sandbox.writes import Answer, WantedLine, by_reference, cancel, copy_of, lines_reason, refused

URGENT = 9  #: the highest priority


class TransferWrite(msgspec.Struct, forbid_unknown_fields=True, rename={"origin": "from", "target": "to"}):
    """A transfer to draft."""

    origin: str
    target: str
    lines: list[WantedLine]
    reference: str | None = None


class PriorityWrite(msgspec.Struct, forbid_unknown_fields=True):
    """A compare-and-set on the priority of work."""

    priority: int
    expected_version: int
    reference: str | None = None


def set_priority(merchant: Merchant, work_id: str, body: bytes, *, lies: bool) -> Answer:
    """Give open work another place in the pick wave, if nothing of it has changed since the caller looked."""
    write = msgspec.json.decode(body, type=PriorityWrite)
    warehouse = merchant.world.warehouse
    work = warehouse.work.get(work_id)
    if work is None:
        return 404, {"error": "not_found"}
    if not 0 <= write.priority <= URGENT:
        return refused(f"a priority is 0 to {URGENT}")
    if write.expected_version != work.version or work.status not in (*OPEN_STAGES, "backordered"):
        return 409, {"error": "stale", "current": work}
    if lies:
        pretended = copy_of(work)
        pretended.changes.append(
            PriorityChange(merchant.world.written(), work.priority, write.priority, write.reference)
        )
        pretended.version += 1
        pretended.priority = write.priority
        return 200, pretended
    warehouse.floor.prioritise(work, write.priority, write.reference)
    return 200, work


def draft_transfer(merchant: Merchant, body: bytes, *, lies: bool) -> Answer:
    """Draft a transfer; it leaves a quarter of an hour later."""
    write = msgspec.json.decode(body, type=TransferWrite)
    world = merchant.world
    twin = by_reference(world.warehouse.transfers.live.values(), write.reference)
    if twin is not None:
        return 409, {"error": "duplicate_reference", "id": twin.id}
    reason = lines_reason(write.lines, [write.origin, write.target], merchant)
    if write.origin == write.target:
        reason = "from and to are the same location"
    if reason:
        return refused(reason)
    transfer = Transfer(
        id=f"T{world.warehouse.state.transfers + 1:05d}",
        version=1,
        updated_at=world.written(),
        origin=write.origin,
        target=write.target,
        status="draft",
        created_at=world.written(),
        sent_at=None,
        received_at=None,
        lines=[TransferLine(line.sku, line.quantity) for line in write.lines],
        reference=write.reference,
    )
    if not lies:
        transfer.version = 0
        world.warehouse.moves.plan(transfer)
    return 201, transfer


def cancel_transfer(merchant: Merchant, transfer_id: str, *, lies: bool) -> Answer:
    """Cancel a transfer that has not left."""
    transfers = merchant.world.warehouse.transfers
    return cancel(merchant, transfers.get(transfer_id), transfers, lies=lies)

"""How each verb is done: look where things stand, go on from there, and look again.

The same verb under the same key, twice or after being cut off anywhere, has one effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingest.adapter import WriteRequest, WriteResult
from ingest.http import Rejected, Unavailable
from ingest.tryton import write
from ingest.tryton.hands import Hands, Names, StoppedError, refused
from ingest.tryton.procedures import purchases, returns, sales, shipments, stock
from ingest.tryton.rpc import Fault, Rpc
from ingest.tryton.write import Verb


def run(rpc: Rpc, wanted: WriteRequest, *, key: str, names: Names) -> WriteResult:
    """Do a verb once; whatever stops it is judged by how far it came."""
    hands = Hands(rpc, wanted, key, names)
    try:
        verb = write.verb_of(wanted)
    except msgspec.ValidationError as error:
        return hands.ended_by(refused(f"Tryton knows no such verb: {error}"))
    hands.accepted = verb.accepted
    try:
        return hands.applied(PROCEDURES[type(verb)](hands, verb))
    except (Fault, StoppedError, Unavailable, Rejected) as error:
        return hands.ended_by(error)


PROCEDURES: Mapping[type[Verb], Callable[[Hands, Any], str]] = {
    write.CreateSale: sales.create_sale,
    write.CancelSale: sales.cancel_sale,
    write.HoldSale: sales.hold_sale,
    write.ReleaseSale: sales.release_sale,
    write.CountStock: stock.count_stock,
    write.CreateTransfer: stock.create_transfer,
    write.CancelTransfer: stock.cancel_transfer,
    write.CreatePurchase: purchases.create_purchase,
    write.CancelPurchase: purchases.cancel_purchase,
    write.AssignShipment: shipments.assign_shipment,
    write.UnassignShipment: shipments.unassign_shipment,
    write.TakeBack: returns.take_back,
    write.ReceiveReturn: returns.receive_return,
}

"""How each verb is done: look where things stand, go on from there, and look again.

The same verb under the same key, twice or after being cut off anywhere, has one effect. What is left of a race between
the look and the write is what Medusa leaves open to everybody: it compares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingest.adapter import WriteRequest, WriteResult
from ingest.http import Http, Rejected, Unavailable
from ingest.medusa import write
from ingest.medusa.hands import Hands, RefusedError
from ingest.medusa.procedures import fulfilments, orders, refunds, returns, stock
from ingest.medusa.write import Verb


def run(http: Http, wanted: WriteRequest, *, key: str) -> WriteResult:
    """Do a verb once; whatever stops it is judged by how far it came."""
    hands = Hands(http, wanted, key)
    try:
        verb = write.verb_of(wanted)
    except msgspec.ValidationError as error:
        return hands.rejected(f"Medusa knows no such verb: {error}")
    try:
        return PROCEDURES[type(verb)](hands, verb)
    except (RefusedError, Unavailable, Rejected) as error:
        return hands.ended_by(error)


PROCEDURES: Mapping[type[Verb], Callable[[Hands, Any], WriteResult]] = {
    write.SetStock: stock.set_stock,
    write.PushFulfilment: fulfilments.push_fulfilment,
    write.CancelOrder: orders.cancel_order,
    write.HoldOrder: orders.hold_order,
    write.SetMetadata: orders.set_metadata,
    write.ListProduct: stock.list_product,
    write.Refund: refunds.refund,
    write.CreateReturn: returns.create_return,
    write.ReceiveReturn: returns.receive_return,
    write.CancelReturn: returns.cancel_return,
    write.RepairReserved: stock.repair_reserved,
}

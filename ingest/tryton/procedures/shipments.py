"""Outgoing shipments: given their stock, and relieved of it."""

from __future__ import annotations

from ingest.tryton import write
from ingest.tryton.hands import Hands, refused
from ingest.tryton.procedures.common import SHIPMENT, assigned


def assign_shipment(hands: Hands, verb: write.AssignShipment) -> str:
    """Let it take what is there; by force only with somebody's word."""
    if verb.force and not verb.approved_by:
        raise refused("to assign by force is to ship what does not exist; it needs the name of who approved it")
    shipment = hands.one(SHIPMENT, verb.shipment, "state", "_timestamp")
    if shipment["state"] == "assigned":
        return f"shipment {verb.shipment} is assigned already"
    if shipment["state"] != "waiting":
        raise refused(f"shipment {verb.shipment} is {shipment['state']}; only one that waits can take stock")
    hands.press(SHIPMENT, "assign_force" if verb.force else "assign_try", shipment["id"], seen=shipment["_timestamp"])
    return f"shipment {verb.shipment} is {assigned(hands, SHIPMENT, shipment['id'])}"


def unassign_shipment(hands: Hands, verb: write.UnassignShipment) -> str:
    """Give the stock back."""
    shipment = hands.one(SHIPMENT, verb.shipment, "state", "partially_assigned", "_timestamp")
    if shipment["state"] == "assigned" or (shipment["state"] == "waiting" and shipment["partially_assigned"]):
        hands.press(SHIPMENT, "wait", shipment["id"], seen=shipment["_timestamp"])
    elif shipment["state"] != "waiting":
        raise refused(f"shipment {verb.shipment} is {shipment['state']}; what is picked must be put back by hand")
    return f"shipment {verb.shipment} is {hands.state(SHIPMENT, shipment['id'])}"

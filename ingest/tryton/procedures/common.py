"""What several procedures of Tryton need: its models, the mark of our key, what became of an assignment."""

from __future__ import annotations

from ingest.tryton.hands import Hands, refused

#: What our references begin with; a document whose description begins so is ours.
OURS = "fillwell"
SALE, SHIPMENT, RETURN = "sale.sale", "stock.shipment.out", "stock.shipment.out.return"
TRANSFER, PURCHASE = "stock.shipment.internal", "purchase.purchase"


def mark(hands: Hands) -> str:
    """Write our key as it stands on a document that has no field for it."""
    return f"{OURS} {hands.key}"


def note(hands: Hands, model: str, key: int, words: str = "") -> None:
    """Pin our key to a document that has no field for it."""
    message = f"{mark(hands)} {words}".strip()
    if not hands.rows("ir.note", [("resource", "=", f"{model},{key}"), ("message", "=", message)]):
        hands.create("ir.note", {"resource": f"{model},{key}", "message": message})


def cancel(hands: Hands, model: str, key: str, *, otherwise: str) -> str:
    """Cancel a sale or a purchase, unless it is cancelled or was confirmed; `otherwise` says what to do then."""
    what, document = model.partition(".")[0], hands.one(model, key, "state", "_timestamp")
    if document["state"] == "cancelled":
        return f"{what} {key} is cancelled already"
    if document["state"] not in ("draft", "quotation"):
        raise refused(f"{what} {key} is {document['state']}: {otherwise}")
    hands.press(model, "cancel", document["id"], seen=document["_timestamp"])
    return f"{what} {key} is {hands.state(model, document['id'])}"


def assigned(hands: Hands, model: str, key: int) -> str:
    """Tell what became of an assignment: Tryton itself answers nothing, whether there was stock or not."""
    [found] = hands.rows(model, [("id", "=", key)], "state", "partially_assigned")
    if found["state"] == "waiting" and not found["partially_assigned"]:
        raise refused(f"{model.rpartition('.')[2]} {key} found no stock; it waits as before")
    return "assigned in part, the rest waits" if found["state"] == "waiting" else str(found["state"])

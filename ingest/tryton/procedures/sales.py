"""Sales: found or made, taken as far as they may go, held, released and cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from ingest.tryton import write
from ingest.tryton.hands import Hands, Raw, overtaken, refused
from ingest.tryton.procedures.common import OURS, SALE, SHIPMENT, cancel, note

#: What a shipment has before anybody takes anything off a shelf.
NOT_PICKED = ("draft", "waiting", "assigned")
SALE_WAY = {"draft": "quote", "quotation": "confirm", "confirmed": "process"}
FAR_ENOUGH = {
    "draft": ("draft", "quotation", "confirmed", "processing", "done"),
    "quotation": ("quotation", "confirmed", "processing", "done"),
    "processing": ("processing", "done"),
}
#: What comes back is a sale of its own, which refers to the one that was sold.
NOT_BACK = ["OR", ("origin", "=", None), ("origin", "not like", "sale.sale,%")]


def create_sale(hands: Hands, verb: write.CreateSale) -> str:
    """Find or make the sale, then take it as far as it is to go."""
    fields = ("state", "description", "lines.product.code", "lines.quantity")
    found = hands.rows(SALE, [("reference", "=", verb.number), ("state", "!=", "cancelled"), NOT_BACK], *fields)
    sale = _ours(found, verb) if found else hands.create(SALE, _sale(hands, verb))
    hands.made = str(sale)
    state = advance(hands, sale, verb.upto)
    return f"sale {sale} of order {verb.number} is {state}"


def _ours(found: list[Raw], verb: write.CreateSale) -> int:
    """Take the sale that we made before; anybody else's means that nothing is missing."""
    sale = found[0]
    if not str(sale["description"] or "").startswith(OURS):
        raise overtaken(f"order {verb.number} has a sale already: {sale['id']}, {sale['state']}")
    return int(sale["id"])


def _sale(hands: Hands, verb: write.CreateSale) -> Raw:
    products = hands.products([line.sku for line in verb.lines])
    currencies = hands.rows("currency.currency", [("code", "=", verb.currency)])
    if not currencies:
        raise refused(f"Tryton knows no currency {verb.currency}; add it there with a rate")
    buyer = _buyer(hands, verb)
    lines = [
        {
            "type": "line", "product": products[line.sku]["id"], "quantity": float(line.units),
            "unit": products[line.sku]["default_uom"], "unit_price": _price(line.price),
            "taxes": [["add", _taxes(products[line.sku])]],
        }
        for line in verb.lines
    ]  # fmt: skip
    return {
        "company": hands.rpc.company, "currency": currencies[0]["id"], "party": buyer["id"],
        "invoice_address": buyer["address"], "shipment_address": buyer["address"],
        "warehouse": _warehouse_of_sale(hands, verb, products), "reference": verb.number,
        "description": verb.reference, "payment_term": buyer["term"], "lines": [["create", lines]],
    }  # fmt: skip


def _buyer(hands: Hands, verb: write.CreateSale) -> Raw:
    """Find or make the party that stands for the buyer: a code, no name, no address of a person."""
    code = verb.buyer or "web-customer"
    fields = ("addresses", "customer_payment_term")
    found = hands.rows("party.party", [("code", "=", code)], *fields)
    if not found:
        hands.create("party.party", {"name": "Web customer", "code": code, "addresses": [["create", [{}]]]})
        found = hands.rows("party.party", [("code", "=", code)], *fields)
    party = found[0]
    address = party["addresses"][0] if party["addresses"] else hands.create("party.address", {"party": party["id"]})
    return {"id": party["id"], "address": address, "term": party["customer_payment_term"]}


def _warehouse_of_sale(hands: Hands, verb: write.CreateSale, products: Mapping[str, Raw]) -> int:
    """Take the warehouse that is named, else the one that can serve most of the order; of equals the first."""
    if verb.warehouse is not None:
        return int(hands.warehouse(verb.warehouse)["id"])
    found = hands.rows("stock.location", [("type", "=", "warehouse")], "storage_location")
    if not found:
        raise refused("Tryton has no warehouse from which the order could be served")

    def served(place: Raw) -> float:
        at, wanted = place["storage_location"], [(products[line.sku]["id"], line.units) for line in verb.lines]
        return sum(
            min(units, max(0.0, hands.quantity(key, at, with_childs=True, stock_assign=True))) for key, units in wanted
        )

    return int((max(found, key=served) if len(found) > 1 else found[0])["id"])


def _taxes(product: Raw) -> list[int]:
    category = product["account_category."]
    return list(category["customer_taxes_used"]) if category else []


def _price(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise refused(f"{text!r} is no price; a decimal such as 12.50 was expected") from error


def advance(hands: Hands, sale: int, upto: str) -> str:
    """Press what leads on from where the sale stands, until it is far enough."""
    state = hands.state(SALE, sale)
    for _ in SALE_WAY:
        if state in FAR_ENOUGH[upto]:
            return state
        if state not in SALE_WAY:
            raise refused(f"sale {sale} is {state}")
        hands.press(SALE, SALE_WAY[state], sale)
        state = hands.state(SALE, sale)
    return state


def cancel_sale(hands: Hands, verb: write.CancelSale) -> str:
    """Cancel it, unless it is cancelled or went too far."""
    return cancel(hands, SALE, verb.sale, otherwise="cancel its shipments and let Tryton handle the exception")


def hold_sale(hands: Hands, verb: write.HoldSale) -> str:
    """Put the sale, or what the warehouse has not picked of it, back to draft."""
    sale = hands.one(SALE, verb.sale, "state", "shipments", "_timestamp")
    if sale["state"] in ("quotation", "confirmed"):
        hands.press(SALE, "draft", sale["id"], seen=sale["_timestamp"])
    elif sale["state"] == "processing":
        _hold_shipments(hands, sale)
    elif sale["state"] != "draft":
        raise refused(f"sale {verb.sale} is {sale['state']}; there is nothing to hold")
    if verb.reason:
        note(hands, SALE, sale["id"], f"held: {verb.reason}")
    return f"sale {verb.sale} is held"


def _hold_shipments(hands: Hands, sale: Raw) -> None:
    shipments = hands.rows(SHIPMENT, [("id", "in", sale["shipments"])], "state")
    if not any(s["state"] in NOT_PICKED for s in shipments):
        raise refused(f"everything of sale {sale['id']} is picked or left; the warehouse must be asked")
    for shipment in shipments:
        if shipment["state"] == "assigned":
            hands.press(SHIPMENT, "wait", shipment["id"])
        if shipment["state"] in ("waiting", "assigned"):
            hands.press(SHIPMENT, "draft", shipment["id"])


def release_sale(hands: Hands, verb: write.ReleaseSale) -> str:
    """Let the warehouse see it again."""
    sale = hands.one(SALE, verb.sale, "state", "shipments")
    if sale["state"] in ("draft", "quotation", "confirmed"):
        return f"sale {verb.sale} is {advance(hands, sale['id'], verb.upto)}"
    if sale["state"] != "processing":
        raise refused(f"sale {verb.sale} is {sale['state']}; there is nothing to release")
    for shipment in hands.rows(SHIPMENT, [("id", "in", sale["shipments"]), ("state", "=", "draft")]):
        hands.press(SHIPMENT, "wait", shipment["id"])
    return f"sale {verb.sale} waits for its stock"

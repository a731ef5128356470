"""What comes back: announced, received, sorted out and put away."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.tryton import write
from ingest.tryton.hands import Hands, Raw, refused
from ingest.tryton.procedures.common import OURS, RETURN, SALE
from ingest.tryton.procedures.sales import NOT_BACK, advance


def take_back(hands: Hands, verb: write.TakeBack) -> str:
    """Find or make what says that these units come back, then receive them."""
    sale = _sold(hands, verb)
    if verb.damaged:
        _waste(hands, sale["warehouse"])
    come = [("origin", "=", f"{SALE},{sale['id']}"), ("state", "!=", "cancelled")]
    found = hands.rows(SALE, [*come, ("reference", "=", verb.number)], "state")
    back = int(found[0]["id"]) if found else hands.create(SALE, _going_back(hands, verb, sale))
    hands.made = str(back)
    advance(hands, back, "processing")
    [told] = hands.rows(SALE, [("id", "=", back)], "shipment_returns")
    if not told["shipment_returns"]:
        raise refused(f"sale {back} makes no return; look at it in Tryton")
    words = [_receive(hands, key, verb.damaged, "done") for key in told["shipment_returns"]]
    hands.made = str(told["shipment_returns"][0])
    return "; ".join(words)


def _sold(hands: Hands, verb: write.TakeBack) -> Raw:
    """Find the sale that was sold, with what a sale of the same needs."""
    fields = (
        "state", "currency", "party", "invoice_party", "shipment_party", "invoice_address", "shipment_address",
        "warehouse", "payment_term", "lines.product", "lines.product.code", "lines.unit", "lines.unit_price",
        "lines.taxes",
    )  # fmt: skip
    domain = [("reference", "=", verb.order), ("state", "in", ["processing", "done"]), NOT_BACK]
    found = hands.rows(SALE, domain, *fields)
    if not found:
        raise refused(f"Tryton has no processed sale of order {verb.order}; nothing can come back of it")
    return found[0]


def _going_back(hands: Hands, verb: write.TakeBack, sale: Raw) -> Raw:
    """Write the sale of what comes back: the same lines with negative units."""
    lines, units = [], _sum(verb.good, verb.damaged)
    for sku, back in units.items():
        code = hands.names("sku", sku)
        line = next((x for x in sale["lines."] if (x["product."] or {}).get("code") == code), None)
        if line is None:
            raise refused(f"sale {sale['id']} has no line of {sku}")
        lines.append({
            "type": "line", "product": line["product."]["id"], "quantity": -float(back), "unit": line["unit"],
            "unit_price": line["unit_price"], "taxes": [["add", line["taxes"]]],
        })  # fmt: skip
    kept = (
        "currency", "party", "invoice_party", "shipment_party", "invoice_address", "shipment_address", "warehouse",
        "payment_term",
    )  # fmt: skip
    return {
        "company": hands.rpc.company, **{name: sale[name] for name in kept}, "reference": verb.number,
        "origin": f"{SALE},{sale['id']}", "description": verb.reference or OURS, "lines": [["create", lines]],
    }  # fmt: skip


def _sum(good: Mapping[str, int], damaged: Mapping[str, int]) -> dict[str, int]:
    return {sku: good.get(sku, 0) + damaged.get(sku, 0) for sku in dict.fromkeys((*good, *damaged))}


def receive_return(hands: Hands, verb: write.ReceiveReturn) -> str:
    """Take in a return that is there."""
    back = hands.one(RETURN, verb.return_, "state")
    return _receive(hands, back["id"], verb.damaged, verb.upto)


def _receive(hands: Hands, back: int, damaged: Mapping[str, int], upto: str) -> str:
    """Receive it, send what is damaged to the waste, and put the rest away."""
    state = hands.state(RETURN, back)
    if state == "cancelled":
        raise refused(f"return {back} is cancelled")
    if state == "draft":
        hands.press(RETURN, "receive", back)
        state = hands.state(RETURN, back)
    if upto == "done" and state == "received":
        if damaged:
            _sort_out(hands, back, damaged)
        hands.press(RETURN, "do", back)
        state = hands.state(RETURN, back)
    return f"return {back} is {state}"


def _sort_out(hands: Hands, back: int, damaged: Mapping[str, int]) -> None:
    """Lead so many units of each item to the waste; what was led there before counts."""
    fields = ("product.code", "quantity", "to_location")
    [told] = hands.rows(RETURN, [("id", "=", back)], "warehouse", "inventory_moves")
    waste = _waste(hands, told["warehouse"])
    moves = hands.rows("stock.move", [("id", "in", told["inventory_moves"]), ("state", "!=", "cancelled")], *fields)
    for sku, units in damaged.items():
        of_item = [m for m in moves if m["product."]["code"] == hands.names("sku", sku)]
        left = units - sum(m["quantity"] for m in of_item if m["to_location"] == waste)
        for move in (m for m in of_item if m["to_location"] != waste):
            part = min(float(left), move["quantity"])
            if part <= 0:
                break
            _lead_to(hands, back, move, part, waste)
            left -= part
        if left > 0:
            raise refused(f"{units} damaged {sku} are more than came back with return {back}")


def _lead_to(hands: Hands, back: int, move: Raw, units: float, place: int) -> None:
    """Lead units of a move elsewhere; the rest keeps its way. One write, so that nothing is lost in between."""
    change: list[object] = [["write", [move["id"]], {"to_location": place}]]
    if units < move["quantity"]:
        change = [
            ["write", [move["id"]], {"quantity": move["quantity"] - units}],
            ["copy", [move["id"]], {"quantity": units, "to_location": place}],
        ]
    hands.write(RETURN, back, {"moves": change})


def _waste(hands: Hands, warehouse: int) -> int:
    """Give where a warehouse puts what cannot be sold."""
    [place] = hands.rows("stock.location", [("id", "=", warehouse)], "waste_locations", "code")
    if place["waste_locations"]:
        return int(place["waste_locations"][0])
    raise refused(f"warehouse {place['code']} has no waste location; name one in Tryton, so that damaged units can go")

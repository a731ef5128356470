"""How each verb is done: look where things stand, go on from there, and look again.

The same verb under the same key, twice or after being cut off anywhere, has one effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ingest.adapter import WriteRequest, WriteResult
from ingest.http import Rejected, Unavailable
from ingest.tryton import write
from ingest.tryton.hands import Hands, Names, Raw, StoppedError, overtaken, refused
from ingest.tryton.rpc import Fault, Rpc
from ingest.tryton.write import Verb

#: What our references begin with; a document whose description begins so is ours.
OURS = "fillwell"
SALE, SHIPMENT, RETURN = "sale.sale", "stock.shipment.out", "stock.shipment.out.return"
TRANSFER, PURCHASE = "stock.shipment.internal", "purchase.purchase"
#: What a shipment has before anybody takes anything off a shelf.
NOT_PICKED = ("draft", "waiting", "assigned")
SALE_WAY = {"draft": "quote", "quotation": "confirm", "confirmed": "process"}
FAR_ENOUGH = {
    "draft": ("draft", "quotation", "confirmed", "processing", "done"),
    "quotation": ("quotation", "confirmed", "processing", "done"),
    "processing": ("processing", "done"),
}


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


# -- sales ------------------------------------------------------------------------------------------------------


def create_sale(hands: Hands, verb: write.CreateSale) -> str:
    """Find or make the sale, then take it as far as it is to go."""
    fields = ("state", "description", "lines.product.code", "lines.quantity")
    found = hands.rows(SALE, [("reference", "=", verb.number), ("state", "!=", "cancelled"), NOT_BACK], *fields)
    sale = _ours(found, verb) if found else hands.create(SALE, _sale(hands, verb))
    hands.made = str(sale)
    state = _advance_sale(hands, sale, verb.upto)
    return f"sale {sale} of order {verb.number} is {state}"


#: What comes back is a sale of its own, which refers to the one that was sold.
NOT_BACK = ["OR", ("origin", "=", None), ("origin", "not like", "sale.sale,%")]


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


def _advance_sale(hands: Hands, sale: int, upto: str) -> str:
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
    sale = hands.one(SALE, verb.sale, "state", "_timestamp")
    if sale["state"] == "cancelled":
        return f"sale {verb.sale} is cancelled already"
    if sale["state"] not in ("draft", "quotation"):
        raise refused(f"sale {verb.sale} is {sale['state']}: cancel its shipments and let Tryton handle the exception")
    hands.press(SALE, "cancel", sale["id"], seen=sale["_timestamp"])
    return f"sale {verb.sale} is {hands.state(SALE, sale['id'])}"


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
        _note(hands, SALE, sale["id"], f"held: {verb.reason}")
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
        return f"sale {verb.sale} is {_advance_sale(hands, sale['id'], verb.upto)}"
    if sale["state"] != "processing":
        raise refused(f"sale {verb.sale} is {sale['state']}; there is nothing to release")
    for shipment in hands.rows(SHIPMENT, [("id", "in", sale["shipments"]), ("state", "=", "draft")]):
        hands.press(SHIPMENT, "wait", shipment["id"])
    return f"sale {verb.sale} waits for its stock"


# -- stock ------------------------------------------------------------------------------------------------------


def count_stock(hands: Hands, verb: write.CountStock) -> str:
    """Make the count, see that it expects what lies there, book it and look again."""
    place = hands.warehouse(verb.location)
    product = hands.products([verb.sku])[verb.sku]
    counts = [("message", "=", _mark(hands)), ("resource", "like", "stock.inventory,%")]
    known = hands.rows("ir.note", counts, "resource")
    if known:
        inventory = int(known[-1]["resource"].partition(",")[2])
    else:
        total = hands.quantity(product["id"], place["id"], with_childs=True)
        if total != verb.expected:
            raise overtaken(f"{place['code']} holds {total:g} {verb.sku} now, {verb.expected} was expected")
        inventory = _count(hands, place, _count_line(hands, verb, product, place, total))
    hands.made = f"{product['id']}@{place['id']}"
    return _book(hands, inventory, verb)


def _count(hands: Hands, place: Raw, line: Raw) -> int:
    """Make a count and pin our key to it; until it is booked it changes nothing."""
    made = hands.create(
        "stock.inventory",
        {
            "company": hands.rpc.company, "location": place["storage_location"], "empty_quantity": "keep",
            "lines": [["create", [line]]],
        },
    )  # fmt: skip
    _note(hands, "stock.inventory", made)
    return made


def _count_line(hands: Hands, verb: write.CountStock, product: Raw, place: Raw, total: float) -> Raw:
    """Say what must lie in the storage itself, so that the whole warehouse holds what was counted."""
    storage = place["storage_location"]
    here = hands.quantity(product["id"], storage)
    if here != hands.quantity(product["id"], storage, with_childs=True):
        raise refused(f"{verb.sku} lies in several places of {place['code']}; count each of them in Tryton")
    lots = hands.rows("stock.lot", [("product", "=", product["id"])], "number", "quantity", locations=[storage])
    lying = [lot for lot in lots if lot["quantity"]]
    change = verb.units - total
    if not lying and not product["lot_required"]:
        return _counted(verb, {"product": product["id"], "quantity": here + change})
    named = [lot for lot in lots if lot["number"] == verb.lot] if verb.lot else lying
    if len(named) != 1:
        numbers = ", ".join(lot["number"] for lot in lying) or "none"
        raise refused(f"{verb.sku} is kept in lots at {place['code']} ({numbers}); say which one was counted")
    [lot] = named
    return _counted(verb, {"product": product["id"], "lot": lot["id"], "quantity": lot["quantity"] + change})


def _counted(verb: write.CountStock, line: Raw) -> Raw:
    if line["quantity"] < 0:
        raise refused(f"{verb.units} {verb.sku} would leave less than nothing in the storage: more than that is picked")
    return line


def _book(hands: Hands, inventory: int, verb: write.CountStock) -> str:
    """Book a count whose expectation still holds; take it back where stock moved since it was made."""
    [count] = hands.rows("stock.inventory", [("id", "=", inventory)], "state", "location", "_timestamp")
    if count["state"] == "cancelled":
        raise overtaken(f"count {inventory} was taken back")
    fields = ("product", "lot", "quantity", "expected_quantity", "moves")
    [line] = hands.rows("stock.inventory.line", [("inventory", "=", inventory)], *fields)
    if count["state"] == "draft":
        lies = _lying(hands, line, count["location"])
        if lies != line["expected_quantity"]:
            hands.press("stock.inventory", "cancel", inventory, seen=count["_timestamp"])
            raise overtaken(f"{verb.sku} moved while it was counted: {line['expected_quantity']:g} became {lies:g}")
        hands.press("stock.inventory", "confirm", inventory, seen=count["_timestamp"])
    return f"count {inventory} books {line['quantity']:g} {verb.sku} where {line['expected_quantity']:g} was expected"


def _lying(hands: Hands, line: Raw, location: int) -> float:
    if line["lot"] is None:
        return hands.quantity(line["product"], location)
    told = hands.rpc.read("stock.lot", "read", [line["lot"]], ["quantity"], locations=[location])
    return float(told[0]["quantity"])


def create_transfer(hands: Hands, verb: write.CreateTransfer) -> str:
    """Find or make the transfer, then take it as far as it is to go."""
    found = hands.rows(TRANSFER, [("reference", "=", verb.reference)])
    transfer = int(found[0]["id"]) if found else hands.create(TRANSFER, _transfer(hands, verb))
    hands.made = str(transfer)
    state = hands.state(TRANSFER, transfer)
    if verb.upto != "draft" and state in ("request", "draft"):
        hands.press(TRANSFER, "wait", transfer)
        state = hands.state(TRANSFER, transfer)
    if verb.upto == "assigned" and state == "waiting":
        hands.press(TRANSFER, "assign_try", transfer)
        state = _assigned(hands, TRANSFER, transfer)
    return f"transfer {transfer} is {state}"


def _transfer(hands: Hands, verb: write.CreateTransfer) -> Raw:
    origin, target = (hands.warehouse(place)["storage_location"] for place in (verb.origin, verb.destination))
    products, today = hands.products(list(verb.units)), _today(hands)
    way = {"company": hands.rpc.company, "from_location": origin, "to_location": target, "planned_date": today}
    moves = [
        {**way, "product": products[sku]["id"], "unit": products[sku]["default_uom"], "quantity": float(units)}
        for sku, units in verb.units.items()
    ]
    return {**way, "planned_start_date": today, "reference": verb.reference, "moves": [["create", moves]]}


def cancel_transfer(hands: Hands, verb: write.CancelTransfer) -> str:
    """Cancel it, unless it is cancelled or left."""
    transfer = hands.one(TRANSFER, verb.transfer, "state", "_timestamp")
    if transfer["state"] == "cancelled":
        return f"transfer {verb.transfer} is cancelled already"
    if transfer["state"] in ("shipped", "done"):
        raise refused(f"transfer {verb.transfer} is {transfer['state']}: send it back by another one")
    hands.press(TRANSFER, "cancel", transfer["id"], seen=transfer["_timestamp"])
    return f"transfer {verb.transfer} is {hands.state(TRANSFER, transfer['id'])}"


# -- purchases --------------------------------------------------------------------------------------------------


def create_purchase(hands: Hands, verb: write.CreatePurchase) -> str:
    """Find or make the draft."""
    found = hands.rows(PURCHASE, [("reference", "=", verb.reference)], "state")
    if not found:
        made = hands.create(PURCHASE, _purchase(hands, verb))
        found = hands.rows(PURCHASE, [("id", "=", made)], "state")
    hands.made = str(found[0]["id"])
    return f"purchase {hands.made} is {found[0]['state']}"


def _purchase(hands: Hands, verb: write.CreatePurchase) -> Raw:
    fields = ("addresses", "supplier_payment_term", "supplier_currency")
    parties = hands.rows("party.party", [_supplier(verb.supplier)], *fields)
    if not parties:
        raise refused(f"Tryton has no supplier {verb.supplier}")
    party, place, products = parties[0], hands.warehouse(verb.location), hands.products(list(verb.units))
    terms = _supplier_terms(hands, party["id"], products)
    currencies = {term["currency"] for term in terms.values() if term["currency"]}
    if len(currencies) > 1:
        raise refused(f"supplier {verb.supplier} asks for these in {len(currencies)} currencies; order them one by one")
    lines = []
    for sku, units in verb.units.items():
        product, term = products[sku], terms[sku]
        lines.append({
            "type": "line", "product": product["id"], "quantity": float(units), "unit": product["default_uom"],
            "unit_price": _supplier_price(term, units), "product_supplier": term["id"],
        })  # fmt: skip
    return {
        "company": hands.rpc.company, "party": party["id"], "warehouse": place["id"], "reference": verb.reference,
        "invoice_address": party["addresses"][0] if party["addresses"] else None,
        "payment_term": party["supplier_payment_term"], "lines": [["create", lines]],
        "delivery_date": None if verb.wanted_on is None else date.fromisoformat(verb.wanted_on),
        "currency": currencies.pop() if currencies else party["supplier_currency"] or _own_currency(hands),
    }  # fmt: skip


def _supplier(name: str) -> tuple[str, str, object]:
    """Find a party by what its supplier is called here: its code, or its id where it has none."""
    number = name.removeprefix("party-")
    return ("id", "=", int(number)) if number != name and number.isdecimal() else ("code", "=", name)


def _supplier_terms(hands: Hands, party: int, products: Mapping[str, Raw]) -> dict[str, Raw]:
    """Give the supplier's terms of each item: those of the variant itself before those of all variants."""
    fields = ("product", "template.products", "currency", "prices.quantity", "prices.unit_price")
    known = hands.rows("purchase.product_supplier", [("party", "=", party)], *fields)
    found: dict[str, Raw] = {}
    for sku, product in products.items():
        own = [t for t in known if t["product"] == product["id"]]
        shared = [
            t for t in known if t["product"] is None and product["id"] in (t["template."] or {}).get("products", ())
        ]
        if not own + shared:
            raise refused(f"the supplier does not sell {sku}")
        found[sku] = (own + shared)[0]
    return found


def _supplier_price(term: Raw, units: int) -> Decimal:
    """Give the price that holds for so many units."""
    prices = sorted(term["prices."], key=lambda price: price["quantity"] or 0.0)
    if not prices:
        raise refused("the supplier states no price; enter it in Tryton first")
    price: Decimal = next((p for p in reversed(prices) if (p["quantity"] or 0.0) <= units), prices[0])["unit_price"]
    return price


def _own_currency(hands: Hands) -> int:
    return int(hands.rows("company.company", [("id", "=", hands.rpc.company)], "currency")[0]["currency"])


def cancel_purchase(hands: Hands, verb: write.CancelPurchase) -> str:
    """Cancel it, unless it is cancelled or was confirmed."""
    purchase = hands.one(PURCHASE, verb.purchase, "state", "_timestamp")
    if purchase["state"] == "cancelled":
        return f"purchase {verb.purchase} is cancelled already"
    if purchase["state"] not in ("draft", "quotation"):
        raise refused(f"purchase {verb.purchase} is {purchase['state']}: the supplier has it; call it off there")
    hands.press(PURCHASE, "cancel", purchase["id"], seen=purchase["_timestamp"])
    return f"purchase {verb.purchase} is {hands.state(PURCHASE, purchase['id'])}"


# -- shipments --------------------------------------------------------------------------------------------------


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
    return f"shipment {verb.shipment} is {_assigned(hands, SHIPMENT, shipment['id'])}"


def _assigned(hands: Hands, model: str, key: int) -> str:
    """Tell what became of an assignment: Tryton itself answers nothing, whether there was stock or not."""
    [found] = hands.rows(model, [("id", "=", key)], "state", "partially_assigned")
    if found["state"] == "waiting" and not found["partially_assigned"]:
        raise refused(f"{model.rpartition('.')[2]} {key} found no stock; it waits as before")
    return "assigned in part, the rest waits" if found["state"] == "waiting" else str(found["state"])


def unassign_shipment(hands: Hands, verb: write.UnassignShipment) -> str:
    """Give the stock back."""
    shipment = hands.one(SHIPMENT, verb.shipment, "state", "partially_assigned", "_timestamp")
    if shipment["state"] == "assigned" or (shipment["state"] == "waiting" and shipment["partially_assigned"]):
        hands.press(SHIPMENT, "wait", shipment["id"], seen=shipment["_timestamp"])
    elif shipment["state"] != "waiting":
        raise refused(f"shipment {verb.shipment} is {shipment['state']}; what is picked must be put back by hand")
    return f"shipment {verb.shipment} is {hands.state(SHIPMENT, shipment['id'])}"


# -- returns ----------------------------------------------------------------------------------------------------


def take_back(hands: Hands, verb: write.TakeBack) -> str:
    """Find or make what says that these units come back, then receive them."""
    sale = _sold(hands, verb)
    if verb.damaged:
        _waste(hands, sale["warehouse"])
    come = [("origin", "=", f"{SALE},{sale['id']}"), ("state", "!=", "cancelled")]
    found = hands.rows(SALE, [*come, ("reference", "=", verb.number)], "state")
    back = int(found[0]["id"]) if found else hands.create(SALE, _going_back(hands, verb, sale))
    hands.made = str(back)
    _advance_sale(hands, back, "processing")
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


# -- common -----------------------------------------------------------------------------------------------------


def _mark(hands: Hands) -> str:
    return f"{OURS} {hands.key}"


def _note(hands: Hands, model: str, key: int, words: str = "") -> None:
    """Pin our key to a document that has no field for it."""
    message = f"{_mark(hands)} {words}".strip()
    if not hands.rows("ir.note", [("resource", "=", f"{model},{key}"), ("message", "=", message)]):
        hands.create("ir.note", {"resource": f"{model},{key}", "message": message})


def _today(hands: Hands) -> date:
    """Give the day as the server sees it."""
    told = hands.rpc.read("ir.date", "today")
    return told if isinstance(told, date) else datetime.now(UTC).date()


PROCEDURES: Mapping[type[Verb], Callable[[Hands, Any], str]] = {
    write.CreateSale: create_sale,
    write.CancelSale: cancel_sale,
    write.HoldSale: hold_sale,
    write.ReleaseSale: release_sale,
    write.CountStock: count_stock,
    write.CreateTransfer: create_transfer,
    write.CancelTransfer: cancel_transfer,
    write.CreatePurchase: create_purchase,
    write.CancelPurchase: cancel_purchase,
    write.AssignShipment: assign_shipment,
    write.UnassignShipment: unassign_shipment,
    write.TakeBack: take_back,
    write.ReceiveReturn: receive_return,
}

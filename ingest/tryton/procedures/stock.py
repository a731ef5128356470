"""Stock: counts that see what they expect, and transfers between warehouses."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ingest.tryton import write
from ingest.tryton.hands import Hands, Raw, overtaken, refused
from ingest.tryton.procedures.common import TRANSFER, assigned, mark, note


def count_stock(hands: Hands, verb: write.CountStock) -> str:
    """Make the count, see that it expects what lies there, book it and look again."""
    place = hands.warehouse(verb.location)
    product = hands.products([verb.sku])[verb.sku]
    counts = [("message", "=", mark(hands)), ("resource", "like", "stock.inventory,%")]
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
    note(hands, "stock.inventory", made)
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
        state = assigned(hands, TRANSFER, transfer)
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


def _today(hands: Hands) -> date:
    """Give the day as the server sees it."""
    told = hands.rpc.read("ir.date", "today")
    return told if isinstance(told, date) else datetime.now(UTC).date()


def cancel_transfer(hands: Hands, verb: write.CancelTransfer) -> str:
    """Cancel it, unless it is cancelled or left."""
    transfer = hands.one(TRANSFER, verb.transfer, "state", "_timestamp")
    if transfer["state"] == "cancelled":
        return f"transfer {verb.transfer} is cancelled already"
    if transfer["state"] in ("shipped", "done"):
        raise refused(f"transfer {verb.transfer} is {transfer['state']}: send it back by another one")
    hands.press(TRANSFER, "cancel", transfer["id"], seen=transfer["_timestamp"])
    return f"transfer {verb.transfer} is {hands.state(TRANSFER, transfer['id'])}"

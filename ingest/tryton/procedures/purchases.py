"""Purchases: a draft by the supplier's own terms, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from ingest.tryton import write
from ingest.tryton.hands import Hands, Raw, refused
from ingest.tryton.procedures.common import PURCHASE, cancel


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
    return cancel(hands, PURCHASE, verb.purchase, otherwise="the supplier has it; call it off there")

"""Fills an empty ERP with the merchant and what became of its orders, by JSON-RPC only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from tests.counterparts import merchant
from tests.counterparts.history import DAYS, Sold
from tests.counterparts.judge_tryton import Erp, Raw, today

BATCH = 40
ACCOUNTS = ("receivable", "payable", "revenue", "expense")
SHIPPED = ("shipped", "delivered", "completed", "returned", "return requested")
RUN_OUT_DAYS = (20, 200)  #: until the two lots of an item may be sold

T = TypeVar("T")


class ErpIds(msgspec.Struct, frozen=True):
    """The ids that the ERP gave."""

    company: int
    currency: int
    term: int
    unit: int
    customer: int
    address: int
    carrier: int
    warehouses: dict[str, int]
    storage: dict[str, int]
    lost: int
    suppliers: tuple[int, ...]
    products: dict[str, int]  #: code -> product
    lots: dict[str, tuple[int, ...]]  #: code -> lots, the one that runs out first first
    key: str  #: a user's key for the REST interface


def seed_erp(url: str, database: str, sold: Sequence[Sold]) -> ErpIds:
    """Make the merchant and sell what was sold."""
    erp = Erp(url, database)
    ids = _merchant(erp)
    _sales(erp, ids, sold)
    erp.close()
    return ids


def _merchant(erp: Erp) -> ErpIds:
    country, currency, company = _company(erp)
    accounts = _accounts(erp, company)
    _fiscal_years(erp, company)
    remainder = {"type": "remainder", "relativedeltas": [["create", [{"days": 30}]]]}
    [term] = erp.create("account.invoice.payment_term", {"name": "Net 30", "lines": [["create", [remainder]]]})
    warehouses = _warehouses(erp)
    places = erp.warehouses()
    suppliers = tuple(_party(erp, supplier.name, country) for supplier in merchant.SUPPLIERS)
    customer = _party(erp, "Webshop customers", country)
    [address] = erp.search("party.address", [["party", "=", customer]])
    unit = erp.named("product", "uom_unit")
    [goods] = erp.create(
        "product.category",
        {
            "name": "Goods",
            "accounting": True,
            "account_expense": accounts["expense"],
            "account_revenue": accounts["revenue"],
        },
    )
    products = _products(erp, company, unit, goods, suppliers)
    carrier = _carrier(erp, unit, goods, country)
    lots = _lots(erp, products)
    storage = {code: places[code]["storage_location"] for code in warehouses}
    _opening_stock(erp, company, storage, products, lots)
    _order_points(erp, company, warehouses, storage, products)
    [application] = erp.create("res.user.application", {"user": erp.user, "application": "rest"})
    key = erp.read("res.user.application", application, "key")["key"]
    lost = next(iter(places.values()))["lost_found_location"]
    return ErpIds(
        company, currency, term, unit, customer, address, carrier, warehouses, storage, lost, suppliers, products,
        lots, key,
    )  # fmt: skip


def _company(erp: Erp) -> tuple[int, int, int]:
    rate = {"date": date(today().year, 1, 1), "rate": Decimal(1)}
    [currency] = erp.create(
        "currency.currency",
        {
            "name": "Euro",
            "code": merchant.CURRENCY,
            "numeric_code": "978",
            "symbol": "€",
            "rounding": Decimal("0.01"),
            "digits": 2,
            "rates": [["create", [rate]]],
        },
    )
    [country] = erp.create("country.country", {"name": "Germany", "code": "DE", "code3": "DEU", "code_numeric": "276"})
    party = _party(erp, "Fine Goods GmbH", country)
    erp.wizard(
        "company.company.config",
        ("start", {}),
        ("add", {"company": {"party": party, "currency": currency, "timezone": "UTC"}}),
    )
    erp.learn()
    return country, currency, erp.context["company"]


def _party(erp: Erp, name: str, country: int) -> int:
    where = {"street": "1 Hafenstraße", "city": "Berlin", "postal_code": "10115", "country": country}
    [found] = erp.create("party.party", {"name": name, "addresses": [["create", [where]]]})
    return found


def _accounts(erp: Erp, company: int) -> dict[str, int]:
    template = erp.named("account", "account_template_root_en")
    session, start, _end = erp("wizard.account.create_chart.create")
    name = "wizard.account.create_chart"
    erp(f"{name}.execute", session, {}, start)
    erp(f"{name}.execute", session, {"account": {"company": company, "account_template": template}}, "create_account")
    found = {
        kind: erp.search(
            "account.account", [[f"type.{kind}", "=", True], ["company", "=", company], ["closed", "!=", True]]
        )[0]
        for kind in ACCOUNTS
    }
    properties = {
        "company": company, "account_receivable": found["receivable"], "account_payable": found["payable"],
        "category_account_expense": found["expense"], "category_account_revenue": found["revenue"],
    }  # fmt: skip
    erp(f"{name}.execute", session, {"properties": properties}, "create_properties")
    erp(f"{name}.delete", session)
    return found


def _fiscal_years(erp: Erp, company: int) -> None:
    types = {row["name"]: row["id"] for row in erp.rows("ir.sequence.type", [], ("name",))}
    for year in range(today().year - 1, today().year + 2):
        moves, invoices = erp.create(
            "ir.sequence.strict",
            {"name": f"moves {year}", "sequence_type": types["Account Move"], "company": company},
            {"name": f"invoices {year}", "sequence_type": types["Invoice"], "company": company},
        )
        ways = ("in_invoice", "in_credit_note", "out_invoice", "out_credit_note")
        sequences = {"company": company, **{f"{way}_sequence": invoices for way in ways}}
        [found] = erp.create(
            "account.fiscalyear",
            {
                "name": str(year),
                "start_date": date(year, 1, 1),
                "end_date": date(year, 12, 31),
                "company": company,
                "move_sequence": moves,
                "invoice_sequences": [["create", [sequences]]],
            },
        )
        erp.call("account.fiscalyear", "create_period", [found])


def _warehouses(erp: Erp) -> dict[str, int]:
    """Name the warehouse that the module brings, and copy it with its locations for the second place."""
    [first] = erp.search("stock.location", [["code", "=", "WH"]])
    found = {}
    for at, place in enumerate(merchant.PLACES):
        naming = {"name": place.name, "code": place.code}
        key = first if at == 0 else erp.call("stock.location", "copy", [first], naming)[0]
        erp.write("stock.location", [key], naming)
        for kind in ("storage", "input", "output"):
            inner = erp.read("stock.location", key, f"{kind}_location")[f"{kind}_location"]
            erp.write("stock.location", [inner], {"code": f"{place.code}-{kind[:3].upper()}"})
        found[place.code] = key
    for key in found.values():  # only now: the relation cannot be copied
        lost = erp.read("stock.location", key, "lost_found_location")["lost_found_location"]
        erp.write("stock.location", [key], {"waste_locations": [["add", [lost]]]})
    one, two = found.values()
    lead = timedelta(days=2)
    erp.create(
        "stock.location.lead_time",
        {"warehouse_from": one, "warehouse_to": two, "lead_time": lead},
        {"warehouse_from": two, "warehouse_to": one, "lead_time": lead},
    )
    return found


def _products(erp: Erp, company: int, unit: int, category: int, suppliers: Sequence[int]) -> dict[str, int]:
    templates = []
    for item in merchant.ITEMS:
        family = item.family
        lots = {
            "expiration_state": "required", "expiration_time": 90, "shelf_life_state": "none",
            "lot_required": ["supplier", "customer", "lost_found", "storage"],
        }  # fmt: skip
        barcode = [["create", [{"type": "ean", "code": item.erp_gtin}]]] if item.erp_gtin else []
        variant = {"suffix_code": item.code, "cost_price": family.cost, "identifiers": barcode}
        price = {"quantity": 0, "unit_price": family.cost}
        terms = {
            "party": suppliers[family.supplier], "company": company, "code": f"{item.sku}/V",
            "lead_time": timedelta(days=merchant.SUPPLIERS[family.supplier].lead_days), "prices": [["create", [price]]],
        }  # fmt: skip
        templates.append({
            "name": item.erp_name, "type": "goods", "default_uom": unit, "list_price": family.price,
            "cost_price_method": "fixed", "salable": True, "sale_uom": unit, "purchasable": True, "purchase_uom": unit,
            "account_category": category, "products": [["create", [variant]]],
            "product_suppliers": [["create", [terms]]], **(lots if family.lots else {}),
        })  # fmt: skip
    erp.create("product.template", *templates)
    _service(erp, merchant.SHIPPING, "Standard shipping", unit, category, merchant.SHIPPING_PRICE)
    return erp.products()


def _service(erp: Erp, code: str, name: str, unit: int, category: int, price: Decimal) -> int:
    variant = {"suffix_code": code, "cost_price": Decimal(0)}
    template = {
        "name": name, "type": "service", "default_uom": unit, "list_price": price, "salable": True, "sale_uom": unit,
        "account_category": category, "cost_price_method": "fixed", "products": [["create", [variant]]],
    }  # fmt: skip
    [made] = erp.create("product.template", template)
    found: int = erp.read("product.template", made, "products")["products"][0]
    return found


def _carrier(erp: Erp, unit: int, category: int, country: int) -> int:
    product = _service(erp, "DHL-STD", "DHL parcel", unit, category, Decimal(0))
    [found] = erp.create("carrier", {"party": _party(erp, "DHL", country), "carrier_product": product})
    return found


def _lots(erp: Erp, products: dict[str, int]) -> dict[str, tuple[int, ...]]:
    wanted = [item for item in merchant.ITEMS if item.family.lots]
    return {
        item.code: tuple(
            erp.create(
                "stock.lot",
                *(
                    {
                        "number": f"{item.code}-{days:03d}",
                        "product": products[item.code],
                        "expiration_date": today() + timedelta(days=days),
                    }
                    for days in RUN_OUT_DAYS
                ),
            )
        )
        for item in wanted
    }


def _opening_stock(
    erp: Erp, company: int, storage: dict[str, int], products: dict[str, int], lots: dict[str, tuple[int, ...]]
) -> None:
    began = today() - timedelta(days=DAYS + 10)
    counts = []
    for place in merchant.PLACES:
        lines: list[Raw] = []
        for item in merchant.ITEMS:
            units = merchant.opening(item, place)
            parts: Sequence[Any] = lots.get(item.code, (None,))
            for lot in parts:
                line = {"product": products[item.code], "quantity": float(units // len(parts))}
                lines += [line if lot is None else {**line, "lot": lot}] if units else []
        counts.append({
            "company": company, "location": storage[place.code], "date": began, "empty_quantity": "keep",
            "lines": [["create", lines]],
        })  # fmt: skip
    erp.call("stock.inventory", "confirm", erp.create("stock.inventory", *counts))


def _order_points(
    erp: Erp, company: int, warehouses: dict[str, int], storage: dict[str, int], products: dict[str, int]
) -> None:
    main, other = (place.code for place in merchant.PLACES)
    rules: list[Raw] = [
        {
            "type": "purchase", "company": company, "product": products[item.code], "location": warehouses[main],
            "min_quantity": 50.0, "target_quantity": 200.0,
        }
        for item in merchant.ITEMS
    ]  # fmt: skip
    rules += [
        {
            "type": "internal", "company": company, "product": products[item.code], "location": storage[other],
            "provisioning_location": storage[main], "min_quantity": 10.0, "target_quantity": 40.0,
        }
        for item in merchant.ITEMS[::5]
    ]  # fmt: skip
    erp.create("stock.order_point", *rules)


# -- what was sold ----------------------------------------------------------------------------------------------


def _sales(erp: Erp, ids: ErpIds, sold: Sequence[Sold]) -> None:
    """Make a sale of each paid order and bring each as far as the storefront says."""
    known = [one for one in sold if one.order.fate != "unpaid"]
    made: dict[int, Sold] = {}
    for orders in _batches(known):
        buyers = _buyers(erp, ids, orders)
        values = [{**sale_of(ids, one), **buyer} for one, buyer in zip(orders, buyers, strict=True)]
        made |= dict(zip(erp.create("sale.sale", *values), orders, strict=True))
    called_off = [key for key, one in made.items() if one.order.fate.startswith("cancelled")]
    for some in _batches(made):
        erp.call("sale.sale", "quote", some)
        erp.call("sale.sale", "confirm", [key for key in some if key not in called_off])
    erp.call("sale.sale", "cancel", called_off)
    open_ = {key: one for key, one in made.items() if key not in called_off}
    shipments = _shipments(erp, list(open_))
    _ship(erp, ids, {shipments[key]: one for key, one in open_.items()})
    for key, one in open_.items():
        if one.order.fate == "returned":
            _take_back(erp, ids, key, one)


def _buyers(erp: Erp, ids: ErpIds, orders: Sequence[Sold]) -> list[Raw]:
    """Make a party of each order's buyer, and say it in a sale's words."""
    country = erp.read("party.address", ids.address, "country")["country"]
    where = {"street": "2 Marktplatz", "city": "Berlin", "postal_code": "10115", "country": country}
    parties = [{"name": f"Buyer {one.number}", "addresses": [["create", [where]]]} for one in orders]
    found = erp.call("party.party", "read", erp.create("party.party", *parties), ["addresses"])
    return [
        {
            **dict.fromkeys(("party", "invoice_party", "shipment_party"), party["id"]),
            **dict.fromkeys(("invoice_address", "shipment_address"), party["addresses"][0]),
        }
        for party in found
    ]


def sale_of(ids: ErpIds, sold: Sold) -> Raw:
    """Write the sale of a storefront order."""
    codes = {sku: merchant.BY_SKU[sku].code for sku in sold.order.lines}
    lines = [(codes[sku], units, merchant.BY_SKU[sku].family.price) for sku, units in sold.order.lines.items()]
    lines.append((merchant.SHIPPING, 1, merchant.SHIPPING_PRICE))
    return {
        "company": ids.company, "currency": ids.currency, "party": ids.customer, "invoice_party": ids.customer,
        "shipment_party": ids.customer, "invoice_address": ids.address, "shipment_address": ids.address,
        "payment_term": ids.term, "warehouse": ids.warehouses[sold.order.place], "sale_date": sold.placed_at.date(),
        "reference": str(sold.number), "invoice_method": "manual", "shipment_method": "order",
        "lines": [["create", [
            {"type": "line", "product": ids.products[code], "quantity": float(n), "unit": ids.unit, "unit_price": price}
            for code, n, price in lines
        ]]],
    }  # fmt: skip


def _shipments(erp: Erp, sales: list[int]) -> dict[int, int]:
    rows = erp.call("sale.sale", "read", sales, ["shipments"])
    return {row["id"]: row["shipments"][0] for row in rows}


def _ship(erp: Erp, ids: ErpIds, shipments: dict[int, Sold]) -> None:
    """Assign what is open, hand over what the storefront says is gone."""
    gone = {key: one for key, one in shipments.items() if one.order.shipped}
    by_number = sorted(gone)
    for key in by_number:
        erp.write(
            "stock.shipment.out", [key], {"carrier": ids.carrier, "shipping_reference": f"TRK-{gone[key].number}"}
        )
    _name_lots(erp, ids, list(shipments))
    _hand_over_in_part(erp, gone)
    for some in _batches(shipments):
        erp.call("stock.shipment.out", "assign_try", some)
    by_day: dict[date, list[int]] = defaultdict(list)
    for key, one in gone.items():
        by_day[min(today(), one.placed_at.date() + timedelta(days=1))].append(key)
    for button in ("pick", "pack"):
        for some in _batches(by_number):
            erp.call("stock.shipment.out", button, some)
    for day, keys in by_day.items():
        erp.write("stock.shipment.out", keys, {"effective_date": day})
    for some in _batches(by_number):
        erp.call("stock.shipment.out", "do", some)


def _hand_over_in_part(erp: Erp, gone: dict[int, Sold]) -> None:
    """Pick less than was ordered where only a part left: the ERP makes a second shipment of the rest."""
    for key, one in gone.items():
        if one.order.shipped != one.order.lines:
            moves = erp.rows("stock.move", _inner(key), ("product.code", "quantity"))
            for move in moves:
                units = {merchant.BY_SKU[sku].code: n for sku, n in one.order.shipped.items()}
                erp.write("stock.move", [move["id"]], {"quantity": float(units.get(move["product."]["code"], 0))})


def _inner(shipment: int) -> list[object]:
    return [["shipment", "=", f"stock.shipment.out,{shipment}"], ["from_location.type", "=", "storage"]]


def _name_lots(erp: Erp, ids: ErpIds, shipments: list[int]) -> None:
    """Take units that bear a lot from the lot that runs out first."""
    wanted = [ids.products[code] for code in ids.lots]
    domain: list[object] = [
        ["shipment", "in", [f"stock.shipment.out,{key}" for key in shipments]],
        ["product", "in", wanted],
    ]
    for move in erp.rows("stock.move", domain, ("product.code",)):
        erp.write("stock.move", [move["id"]], {"lot": ids.lots[move["product."]["code"]][0]})


def _take_back(erp: Erp, ids: ErpIds, sale: int, sold: Sold) -> None:
    """Take back what was sent back: good units lie in the storage again, damaged ones among the lost."""
    order = sold.order
    context = {"active_model": "sale.sale", "active_id": sale, "active_ids": [sale]}
    session, start, _end = erp("wizard.sale.return_sale.create", **context)
    erp("wizard.sale.return_sale.execute", session, {}, start, **context)
    erp("wizard.sale.return_sale.execute", session, {start: {}}, "return_", **context)
    erp("wizard.sale.return_sale.delete", session, **context)
    [back] = erp.search("sale.sale", [["origin", "=", f"sale.sale,{sale}"]])
    for line in erp.rows("sale.line", [["sale", "=", back]], ("product.code",)):
        code = line["product."]["code"]
        units = {merchant.BY_SKU[sku].code: order.good.get(sku, 0) + order.damaged.get(sku, 0) for sku in order.lines}
        if units.get(code):
            erp.write("sale.line", [line["id"]], {"quantity": -float(units[code])})
        else:
            erp.call("sale.line", "delete", [line["id"]])
    erp.call("sale.sale", "quote", [back])
    erp.call("sale.sale", "confirm", [back])
    [returned] = erp.read("sale.sale", back, "shipment_returns")["shipment_returns"]
    erp.click("stock.shipment.out.return", "receive", returned)
    for sku, damaged in order.damaged.items():
        _to_waste(erp, ids, returned, ids.products[merchant.BY_SKU[sku].code], damaged)
    erp.click("stock.shipment.out.return", "do", returned)


def _to_waste(erp: Erp, ids: ErpIds, returned: int, product: int, units: int) -> None:
    """Send damaged units of what came back to the waste, the rest to the storage."""
    domain: list[object] = [
        ["shipment", "=", f"stock.shipment.out.return,{returned}"],
        ["product", "=", product],
        ["from_location.type", "=", "storage"],
    ]
    [move] = erp.rows("stock.move", domain, ("quantity",))
    if move["quantity"] > units:
        erp.call("stock.move", "copy", [move["id"]], {"quantity": float(units), "to_location": ids.lost})
        erp.write("stock.move", [move["id"]], {"quantity": move["quantity"] - units})
    else:
        erp.write("stock.move", [move["id"]], {"to_location": ids.lost})


def _batches(all_: Iterable[T]) -> Iterator[list[T]]:
    """Give so many at a time: one transaction of everything would hold the ERP for minutes."""
    whole = list(all_)
    for start in range(0, len(whole), BATCH):
        yield whole[start : start + BATCH]

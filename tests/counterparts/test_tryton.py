"""Every verb on the real ERP: done, sent again under its key, and the truth read by another client than ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from data.clock import system_clock
from data.errors import SourceRejected
from data.events import InspectionStated, PurchaseStated, SaleStated, StockStated, TransferStated, WorkStated
from data.settings import read_settings
from data.store import open_store
from ingest.adapter import Adapter, WriteResult
from ingest.connections import Connection, open_adapter
from ingest.sync import pull
from ingest.tryton import write
from ingest.tryton.client import Tryton
from tests.counterparts import merchant
from tests.counterparts.conftest import ERP_NOW, Market
from tests.counterparts.ours import ERP
from tests.counterparts.serving import PASSWORD

BER, LYS = (place.code for place in merchant.PLACES)


def opened(market: Market, *, transport: httpx.BaseTransport | None = None) -> Adapter:
    """Open our adapter of the ERP alone."""
    url = f"{market.systems.erp_url}/{ERP_NOW}"
    connection = Connection(
        name=ERP, system="tryton", url=url, token="env:T", user="admin", currency="EUR", orders_from="medusa"
    )
    return open_adapter(connection, {"T": PASSWORD}, transport=transport)


@pytest.fixture(scope="module")
def adapter(market: Market) -> Iterator[Adapter]:
    found = opened(market)
    yield found
    found.close()


def twice(adapter: Adapter, verb: write.Verb) -> WriteResult:
    """Send a verb, and again under the same key: the second time must be as if it had not happened."""
    key = str(uuid4())
    first = adapter.send(write.request(verb), key=key)
    again = adapter.send(write.request(verb), key=key)
    assert (first.outcome, again.outcome) == ("applied", "applied"), (first, again)
    assert first.remote_id == again.remote_id
    return first


def once(adapter: Adapter, verb: write.Verb) -> WriteResult:
    """Send a verb under a key of its own."""
    return adapter.send(write.request(verb), key=str(uuid4()))


def says(adapter: Adapter, stream: str, key: str | None) -> object:
    """Read one record back as our own reader does and give the first thing that it says."""
    assert key is not None
    item = adapter.get(stream, key, clock=system_clock)
    assert item is not None, f"{stream}/{key} is not there"
    received = adapter.parse(stream, item)
    assert received.error is None
    return received.events[0]


def test_a_test_of_the_connection_counts_what_will_be_read(adapter: Adapter, market: Market) -> None:
    found = adapter.probe()
    assert (found.lacks, found.currency) == ({}, "EUR")
    records = {one.stream: one.records for one in found.streams}
    assert records["suppliers"] == len(merchant.SUPPLIERS), "customers are no suppliers"
    assert records["locations"] == len(merchant.PLACES)
    of_customers: list[object] = [["origin", "=", None]]  # what comes back is told by the returns
    assert records["sales"] == len(market.erp.search("sale.sale", of_customers))


def a_sale(
    adapter: Adapter, number: str, lines: dict[str, int], *, accepted: tuple[str, ...] = (), upto: str = "draft"
) -> WriteResult:
    """Make a sale by our verb."""
    steps = {"draft": "draft", "quotation": "quotation", "processing": "processing"}
    verb = write.CreateSale(
        number=number, lines=tuple(write.Wanted(sku, units, "12.50") for sku, units in lines.items()), currency="EUR",
        reference=f"fillwell/case-7/{number}", warehouse=BER, buyer="medusa/cus_1", accepted=accepted,
        upto=steps[upto],  # type: ignore[arg-type]
    )  # fmt: skip
    return twice(adapter, verb)


def shipment_of(market: Market, sale: str | None) -> str:
    """Give the one shipment of a sale."""
    [found] = market.erp.read("sale.sale", int(sale or 0), "shipments")["shipments"]
    return str(found)


def sent(market: Market, adapter: Adapter, number: str, lines: dict[str, int]) -> str:
    """Sell and hand over."""
    sale = a_sale(adapter, number, lines, upto="processing").remote_id
    shipment = int(shipment_of(market, sale))
    for button in ("assign_try", "pick", "pack", "do"):
        market.erp.click("stock.shipment.out", button, shipment)
    return str(sale)


# -- sales ------------------------------------------------------------------------------------------------------


def test_a_missing_sale_is_made_once_with_a_buyer_who_is_nobody(market: Market, adapter: Adapter) -> None:
    made = a_sale(adapter, "T-MADE", {"TEE-002-M": 2, "CAP-003-M": 1})
    sale = market.erp.sale_of("T-MADE")  # one: a second one fails here
    assert (sale["state"], sale["total_amount"]) == ("draft", sale["lines."][0]["unit_price"] * 3)
    party = market.erp.read("sale.sale", sale["id"], "party.code", "party.name", "shipment_address.street")
    assert (party["party."]["code"], party["party."]["name"]) == ("medusa/cus_1", "Web customer")
    assert not party["shipment_address."]["street"]
    stated = says(adapter, "sales", made.remote_id)
    assert isinstance(stated, SaleStated)
    assert (stated.order, stated.total_minor, stated.customer) == ("medusa/T-MADE", 3_750, "medusa/cus_1")


def test_a_sale_is_taken_as_far_as_policy_says_and_then_no_longer_cancelled(market: Market, adapter: Adapter) -> None:
    quoted = a_sale(adapter, "T-FAR", {"TEE-002-M": 1}, upto="quotation")
    assert market.erp.sale_of("T-FAR")["state"] == "quotation"
    a_sale(adapter, "T-FAR", {"TEE-002-M": 1}, upto="processing")
    assert market.erp.sale_of("T-FAR")["state"] == "processing"
    refused = once(adapter, write.CancelSale(sale=str(quoted.remote_id)))
    assert (refused.outcome, market.erp.sale_of("T-FAR")["state"]) == ("rejected", "processing")


def test_a_sale_that_somebody_else_made_is_left_alone(market: Market, adapter: Adapter) -> None:
    made = a_sale(adapter, "T-OTHER", {"TEE-002-M": 1})
    market.erp.write("sale.sale", [int(made.remote_id or 0)], {"description": "by telephone"})
    verb = write.CreateSale(
        number="T-OTHER", lines=(write.Wanted("TEE-002-M", 1, "1"),), currency="EUR", reference="fillwell/case-8/x"
    )
    assert once(adapter, verb).outcome == "stale"
    assert market.erp.sale_of("T-OTHER")["id"] == int(made.remote_id or 0)


def test_what_the_erp_does_not_know_is_named_and_nothing_is_made(market: Market, adapter: Adapter) -> None:
    for sku, currency, said in (("TEE-002-M", "XTS", "currency XTS"), ("NOWHERE-1", "EUR", "code NOWHERE-1")):
        verb = write.CreateSale(
            number="T-NONE", lines=(write.Wanted(sku, 1, "1"),), currency=currency, reference="fillwell/case-9/x"
        )
        result = once(adapter, verb)
        assert (result.outcome, said in result.response) == ("rejected", True), result
    assert market.erp.search("sale.sale", [["reference", "=", "T-NONE"]]) == []


def test_a_warning_stops_the_sale_until_a_person_accepts_it(market: Market, adapter: Adapter) -> None:
    def verb(*accepted: str) -> write.CreateSale:
        return write.CreateSale(
            number="T-WARN", lines=(write.Wanted("BOX-010-S", 90_000, "1"),), currency="EUR", warehouse=BER,
            reference="fillwell/case-3/x", upto="processing", accepted=accepted,
        )  # fmt: skip

    warned = once(adapter, verb())
    assert (warned.outcome, "Tryton warns (stock_quantity_warning" in warned.response) == ("rejected", True), warned
    assert market.erp.sale_of("T-WARN")["state"] == "draft"
    assert once(adapter, verb("no_carrier")).outcome == "rejected"
    assert once(adapter, verb("stock_quantity_warning")).outcome == "applied"
    assert market.erp.sale_of("T-WARN")["state"] == "processing"


def test_a_draft_and_a_quotation_are_cancelled(market: Market, adapter: Adapter) -> None:
    for number, upto in (("T-C1", "draft"), ("T-C2", "quotation")):
        made = a_sale(adapter, number, {"TEE-002-M": 1}, upto=upto)
        twice(adapter, write.CancelSale(sale=str(made.remote_id)))
        assert market.erp.sale_of(number)["state"] == "cancelled"
        stated = says(adapter, "sales", made.remote_id)
        assert isinstance(stated, SaleStated)
        assert stated.status == "cancelled"


def test_a_held_sale_asks_nobody_for_anything_until_it_is_released(market: Market, adapter: Adapter) -> None:
    quoted = str(a_sale(adapter, "T-H1", {"TEE-002-M": 1}, upto="quotation").remote_id)
    twice(adapter, write.HoldSale(sale=quoted, reason="address"))
    assert market.erp.sale_of("T-H1")["state"] == "draft"
    notes = market.erp.rows("ir.note", [["resource", "=", f"sale.sale,{quoted}"]], ["message"])
    assert [note["message"].endswith("held: address") for note in notes] == [True]
    twice(adapter, write.ReleaseSale(sale=quoted))
    assert market.erp.sale_of("T-H1")["state"] == "quotation"


def test_of_a_held_sale_under_way_the_shipment_goes_back_to_draft(market: Market, adapter: Adapter) -> None:
    sale = str(a_sale(adapter, "T-H2", {"TEE-002-M": 2}, upto="processing").remote_id)
    shipment = shipment_of(market, sale)
    once(adapter, write.AssignShipment(shipment=shipment))
    twice(adapter, write.HoldSale(sale=sale))
    assert market.erp.read("stock.shipment.out", int(shipment), "state")["state"] == "draft"
    work = says(adapter, "shipments", shipment)
    assert isinstance(work, WorkStated)
    assert (work.status, work.released_at) == ("placed", None)
    twice(adapter, write.ReleaseSale(sale=sale))
    assert market.erp.read("stock.shipment.out", int(shipment), "state")["state"] == "waiting"


# -- stock ------------------------------------------------------------------------------------------------------


def test_a_count_is_booked_once_against_what_was_expected_and_counted_back(market: Market, adapter: Adapter) -> None:
    lay = int(market.erp.on_hand(market.merchant.erp.warehouses[BER])["PEN-006-M"])

    def lies() -> float:
        return market.erp.on_hand(market.merchant.erp.warehouses[BER])["PEN-006-M"]

    counted = twice(adapter, write.CountStock(sku="PEN-006-M", location=BER, units=lay - 3, expected=lay))
    assert lies() == lay - 3
    stated = says(adapter, "stock", counted.remote_id)
    assert isinstance(stated, StockStated)
    assert (stated.sku, stated.location, stated.on_hand) == ("PEN-006-M", BER, lay - 3)
    stale = once(adapter, write.CountStock(sku="PEN-006-M", location=BER, units=lay, expected=lay))
    assert (stale.outcome, lies()) == ("stale", lay - 3)
    twice(adapter, write.CountStock(sku="PEN-006-M", location=BER, units=lay, expected=lay - 3))
    assert lies() == lay


def test_a_count_that_was_cut_off_before_it_was_booked_is_taken_back_once_stock_moved(
    market: Market, adapter: Adapter
) -> None:
    erp, ids = market.erp, market.merchant.erp
    product, storage = ids.products["PEN-006-S"], ids.storage[BER]
    lay = int(erp.on_hand(storage)["PEN-006-S"])
    line = {"product": product, "quantity": float(lay - 5)}
    [begun] = erp.create(
        "stock.inventory",
        {"company": ids.company, "location": storage, "empty_quantity": "keep", "lines": [["create", [line]]]},
    )
    erp.create("ir.note", {"resource": f"stock.inventory,{begun}", "message": "fillwell cut-off"})
    erp.count(storage, product, float(lay - 1))
    verb = write.CountStock(sku="PEN-006-S", location=BER, units=lay - 5, expected=lay)
    result = adapter.send(write.request(verb), key="cut-off")
    assert (result.outcome, erp.on_hand(storage)["PEN-006-S"]) == ("stale", lay - 1)
    assert erp.read("stock.inventory", begun, "state")["state"] == "cancelled"


def test_a_count_of_an_item_in_lots_needs_the_lot(market: Market, adapter: Adapter) -> None:
    sku = "TEA-005-M"
    place = market.merchant.erp.warehouses[BER]
    lay = int(market.erp.on_hand(place)[sku])
    whole = write.CountStock(sku=sku, location=BER, units=lay - 1, expected=lay)
    refused = once(adapter, whole)
    assert (refused.outcome, "say which one" in refused.response) == ("rejected", True)
    lots = [market.erp.read("stock.lot", key, "number")["number"] for key in market.merchant.erp.lots[sku]]
    counted = write.CountStock(sku=sku, location=BER, units=lay - 1, expected=lay, lot=lots[0])
    twice(adapter, counted)
    assert market.erp.on_hand(place)[sku] == lay - 1


def test_a_transfer_is_made_once_reserved_and_taken_back(market: Market, adapter: Adapter) -> None:
    def verb(upto: str) -> write.CreateTransfer:
        return write.CreateTransfer(
            origin=BER, destination=LYS, units={"POT-009-M": 2}, reference="fillwell/case-4/t", upto=upto,  # type: ignore[arg-type]
        )  # fmt: skip

    made = twice(adapter, verb("draft"))
    assert twice(adapter, verb("assigned")).remote_id == made.remote_id
    [row] = market.erp.rows("stock.shipment.internal", [["reference", "=", "fillwell/case-4/t"]], ["state"])
    assert row["state"] == "assigned"
    stated = says(adapter, "transfers", made.remote_id)
    assert isinstance(stated, TransferStated)
    assert (stated.origin, stated.destination, [u.units for u in stated.lines]) == (BER, LYS, [2])
    twice(adapter, write.CancelTransfer(transfer=str(made.remote_id)))
    assert market.erp.read("stock.shipment.internal", row["id"], "state")["state"] == "cancelled"


def test_a_purchase_is_drafted_once_at_the_suppliers_price_and_taken_back(market: Market, adapter: Adapter) -> None:
    supplier = market.erp.read("party.party", market.merchant.erp.suppliers[0], "code")["code"]
    made = twice(
        adapter,
        write.CreatePurchase(
            supplier=supplier, location=BER, units={"POT-009-M": 12}, reference="fillwell/case-5/p",
            wanted_on="2030-12-24",
        ),
    )  # fmt: skip
    fields = ("state", "lines.quantity", "lines.unit_price", "delivery_date")
    [row] = market.erp.rows("purchase.purchase", [["reference", "=", "fillwell/case-5/p"]], fields)
    [line] = row["lines."]
    assert (row["state"], line["quantity"], line["unit_price"]) == (
        "draft",
        12.0,
        merchant.BY_SKU["POT-009-M"].family.cost,
    )
    assert row["delivery_date"].isoformat() == "2030-12-24"
    stated = says(adapter, "purchases", made.remote_id)
    assert isinstance(stated, PurchaseStated)
    assert (stated.status, stated.reference, stated.supplier) == ("draft", "fillwell/case-5/p", supplier)
    twice(adapter, write.CancelPurchase(purchase=str(made.remote_id)))
    assert market.erp.read("purchase.purchase", row["id"], "state")["state"] == "cancelled"


# -- shipments and returns --------------------------------------------------------------------------------------


def test_a_shipment_takes_its_stock_and_gives_it_back(market: Market, adapter: Adapter) -> None:
    sale = a_sale(adapter, "T-A1", {"TEE-002-M": 2}, upto="processing").remote_id
    shipment = shipment_of(market, sale)
    twice(adapter, write.AssignShipment(shipment=shipment))
    assert market.erp.read("stock.shipment.out", int(shipment), "state")["state"] == "assigned"
    twice(adapter, write.UnassignShipment(shipment=shipment))
    assert market.erp.read("stock.shipment.out", int(shipment), "state")["state"] == "waiting"


def test_what_is_short_stays_open_and_force_needs_a_name(market: Market, adapter: Adapter) -> None:
    accepted = ("stock_quantity_warning",)
    sale = a_sale(adapter, "T-A2", {"CAP-003-L": 90_000}, upto="processing", accepted=accepted).remote_id
    shipment = shipment_of(market, sale)
    partly = once(adapter, write.AssignShipment(shipment=shipment))
    assert (partly.outcome, "in part" in partly.response) == ("applied", True), partly
    work = says(adapter, "shipments", shipment)
    assert isinstance(work, WorkStated)
    assert work.status == "backordered"
    assert once(adapter, write.AssignShipment(shipment=shipment, force=True)).outcome == "rejected"
    assert market.erp.read("stock.shipment.out", int(shipment), "state")["state"] == "waiting"
    forced = once(adapter, write.AssignShipment(shipment=shipment, force=True, approved_by="mara"))
    assert (forced.outcome, market.erp.read("stock.shipment.out", int(shipment), "state")["state"]) == (
        "applied", "assigned",
    )  # fmt: skip
    twice(adapter, write.UnassignShipment(shipment=shipment))


def test_what_came_back_is_put_away_and_what_is_damaged_is_not(market: Market, adapter: Adapter) -> None:
    sent(market, adapter, "T-R1", {"POT-009-S": 3})
    storage = market.merchant.erp.storage[BER]
    before = market.erp.on_hand(storage)["POT-009-S"]
    verb = write.TakeBack(order="T-R1", number="ret_1", good={"POT-009-S": 1}, damaged={"POT-009-S": 1})
    back = twice(adapter, verb)
    assert market.erp.on_hand(storage)["POT-009-S"] == before + 1
    assert market.erp.read("stock.shipment.out.return", int(back.remote_id or 0), "state")["state"] == "done"
    stated = says(adapter, "returns", back.remote_id)
    assert isinstance(stated, InspectionStated)
    found = sorted(zip(stated.dispositions, (u.units for u in stated.lines), strict=True))
    assert (stated.return_, stated.order, found) == ("ret_1", "medusa/T-R1", [("dispose", 1), ("restock", 1)])


# -- reading ----------------------------------------------------------------------------------------------------


class Faster(httpx.HTTPTransport):
    """Lets somebody else write just before our button is pressed."""

    def __init__(self, button: str, write_first: Callable[[], None]) -> None:
        super().__init__()
        self._button, self._write_first = button.encode(), write_first

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on."""
        if self._button in request.content:
            self._write_first()
        return super().handle_request(request)


def test_a_stale_write_is_refused_by_the_erps_own_lock(market: Market, adapter: Adapter) -> None:
    key = int(a_sale(adapter, "T-LOCK", {"TEE-002-M": 1}).remote_id or 0)
    other = Faster("sale.sale.cancel", lambda: market.erp.write("sale.sale", [key], {"comment": "faster"}))
    slower = opened(market, transport=other)
    result = once(slower, write.CancelSale(sale=str(key)))
    slower.close()
    assert (result.outcome, market.erp.sale_of("T-LOCK")["state"]) == ("stale", "draft"), result


def test_a_user_without_rights_is_told_which(market: Market) -> None:
    user = {"name": "Limited", "login": "limited", "password": "limited-pass-1"}
    company = market.merchant.erp.company
    market.erp.create("res.user", {**user, "companies": [["add", [company]]], "company": company})
    url = f"{market.systems.erp_url}/{ERP_NOW}"
    connection = Connection(name=ERP, system="tryton", url=url, token="env:T", user="limited")
    limited = open_adapter(connection, {"T": "limited-pass-1"})
    with pytest.raises(SourceRejected, match=r'not allowed to access "Sale.*user limited'):
        list(limited.changes("sales", None, clock=system_clock))
    limited.close()
    wrong = open_adapter(connection, {"T": "no"})
    with pytest.raises(SourceRejected, match="401"):
        wrong.keys("sales")
    wrong.close()


def test_a_row_that_a_slow_transaction_shows_late_is_lost_without_the_overlap_and_found_with_it(
    market: Market, tmp_path: Path
) -> None:
    adapter = opened(market)
    assert isinstance(adapter, Tryton)
    slow, fast = market.erp.search("sale.sale", [["origin", "=", None]])[:2]
    readers = []
    for name, overlap in (("with", timedelta(minutes=1)), ("without", timedelta(0))):
        store = open_store(read_settings({"FILLWELL_HOME": str(tmp_path / name)}), "test")
        readers.append((store, replace(adapter, overlap=overlap)))

    def accepted() -> list[int]:
        return [pull(store, reader, "sales", clock=system_clock).accepted for store, reader in readers]

    accepted()
    with psycopg.connect(market.systems.db.url(ERP_NOW)) as held:
        held.execute("update sale_sale set reference = 'T-SLOW', write_date = now() where id = %s", [slow])
        market.erp.write("sale.sale", [fast], {"reference": "T-FAST"})
        assert accepted() == [1, 1]
        held.commit()
    assert accepted() == [1, 0]
    for store, _ in readers:
        store.close()
    adapter.close()

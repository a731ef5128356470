"""Tryton at the wire: faults that arrive as HTTP 200, sessions that end, parts that move nobody's stamp, verbs once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.errors import ConfigError, SourceRejected, SourceUnavailable
from data.events import InspectionStated, SaleStated, StockStated
from ingest.adapter import RawItem, WriteRequest, WriteResult
from ingest.connections import Connection, open_adapter
from ingest.shapes import Context
from ingest.sync import pull
from ingest.tryton import write
from ingest.tryton.client import OVERLAP, Tryton, open_tryton
from ingest.tryton.follow import item_of_bytes
from ingest.tryton.hands import kind_of
from ingest.tryton.probe import NEEDS
from ingest.tryton.read import SOURCES
from ingest.tryton.typed import decode, encode, newest
from ingest.verbs import SPELLINGS
from tests.ingest.factories import NOON, a_store, a_wire, an_adapter, an_http, an_item, golden, outcomes, status_of
from tests.ingest.tryton_wire import TrytonWire, calls, typed

URL = "https://remote.test/erp"


def a_tryton(page_size: int = 1_000) -> tuple[TrytonWire, Tryton]:
    """Open a Tryton behind a wire."""
    remote = a_wire("tryton", page_size=page_size)
    adapter = an_adapter("tryton", remote)
    assert isinstance(remote, TrytonWire)
    assert isinstance(adapter, Tryton)
    return remote, adapter


def put_sale(remote: TrytonWire, key: str = "a", **fields: object) -> None:
    remote.put("sales", an_item("tryton", "sales", key, **fields))


# -- bad input ------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_and_not_tried_again_at_once(tmp_path: Path) -> None:
    remote, _ = a_tryton()
    http = an_http(remote.transport, name="tryton", url=URL)
    http.token = "wrong"
    adapter = open_tryton(http, Context(connection="tryton", authority="shop", user="reader"))
    store = a_store(tmp_path)
    for _ in range(3):
        with pytest.raises(SourceRejected, match="401"):
            pull(store, adapter, "sales", clock=remote.clock)
    assert status_of(store, "tryton", "sales").error_class == "auth"
    assert len(calls(remote, "db.login")) == 1


def test_a_method_that_the_user_may_not_call_is_named_with_the_user() -> None:
    remote, adapter = a_tryton()
    remote.forbidden = {"model.sale.line.search_read"}
    with pytest.raises(
        SourceRejected, match=r"403: user reader may not call model\.sale\.line\.search_read"
    ) as refused:
        list(adapter.changes("sales", None, clock=remote.clock))
    assert getattr(refused.value, "error_class", "") == "auth"


def test_a_model_that_the_user_may_not_read_says_so_in_trytons_words() -> None:
    remote, adapter = a_tryton()
    told = ["UserError", ['You are not allowed to access "Sale".', "Within groups: ", None]]
    remote.faults["model.sale.sale.search_read"] = told
    with pytest.raises(SourceRejected, match=r'not allowed to access "Sale".*user reader') as refused:
        list(adapter.changes("sales", "0", clock=remote.clock))
    assert getattr(refused.value, "error_class", "") == "auth"


def test_a_name_that_this_series_does_not_know_points_to_modules_and_series() -> None:
    remote, adapter = a_tryton()
    remote.series = "8.4"
    remote.faults["model.sale.sale.search_read"] = ["'total_amount_cache'", ""]
    with pytest.raises(SourceRejected, match=r"Tryton 8\.4 does not know 'total_amount_cache'.*8\.2"):
        list(adapter.changes("sales", "0", clock=remote.clock))


@pytest.mark.parametrize("series", ["6.0", "what?"])
def test_a_server_of_another_series_is_refused_before_anybody_logs_in(series: str) -> None:
    remote, adapter = a_tryton()
    remote.series = series
    with pytest.raises(SourceRejected, match=r"8\.0 or later"):
        adapter.keys("sales")
    assert remote.logins == 0


def test_of_every_verb_it_is_known_which_rights_it_needs() -> None:
    assert set(NEEDS) == set(SPELLINGS["tryton"])


def test_a_user_is_told_which_lists_and_which_verbs_its_rights_lack() -> None:
    remote, adapter = a_tryton()
    models = {model for needs in NEEDS.values() for model, _ in needs} | {s.model for s in SOURCES.values()}
    every = dict.fromkeys(("read", "write", "create", "delete"), True)
    remote.methods |= {
        "model.company.company.read": lambda _: [{"id": 1, "rec_name": "Shop", "currency.": {"id": 1, "code": "EUR"}}],
        "model.ir.model.access.get_access": lambda _: {
            **dict.fromkeys(models, every),
            "purchase.purchase": {**every, "create": False},
            "sale.sale": {**every, "read": False},
        },
        **{f"model.{source.model}.search_count": lambda _: 3 for source in SOURCES.values()},
    }
    found = adapter.probe()
    assert found.lacks == {"create_purchase_draft": "create purchase.purchase"}
    assert {one.stream for one in found.streams if one.lacks} == {"sales"}
    assert {one.records for one in found.streams if not one.lacks} == {3}
    assert found.currency == "EUR"


def test_a_server_that_is_down_or_broken_is_unavailable() -> None:
    remote, adapter = a_tryton()
    remote.answers = [httpx.ConnectError("refused")] * 5
    with pytest.raises(SourceUnavailable, match="refused"):
        adapter.keys("sales")
    remote, adapter = a_tryton()
    remote.faults["model.sale.sale.search"] = ["server closed the connection unexpectedly", ""]
    with pytest.raises(SourceUnavailable, match="server closed"):
        adapter.keys("sales")


def test_a_plain_body_that_is_labelled_as_gzip_is_read(tmp_path: Path) -> None:
    remote, adapter = a_tryton()
    remote.labelled = True
    for n in range(9):
        put_sale(remote, f"k{n}")
    assert pull(a_store(tmp_path), adapter, "sales", clock=remote.clock).accepted == 9
    assert all("identity" not in request.headers["Accept-Encoding"] for request in remote.requests)


def test_a_currency_that_is_none_is_a_dead_letter_and_the_rest_goes_on(tmp_path: Path) -> None:
    remote, adapter = a_tryton()
    put_sale(remote, "a")
    put_sale(remote, "b", **{"currency.": {"id": 9, "code": "Taler"}})
    store = a_store(tmp_path)
    pull(store, adapter, "sales", clock=remote.clock)
    assert outcomes(store) == {"accepted": 1, "dead_letter": 1}


def test_terms_for_a_product_without_variants_say_so_instead_of_nothing() -> None:
    _, adapter = a_tryton()
    raw = {**golden("tryton")["terms"][0]["raw"], "template.": {"id": 1, "products.": []}}
    received = adapter.parse("terms", item_of_bytes(json.dumps(raw).encode(), 0))
    assert received.error is not None
    assert "name no product" in str(received.error)


@pytest.mark.parametrize(
    ("url", "token", "user", "said"),
    [
        ("https://erp.example", "a:b", "", "ends with its name"),
        ("https://erp.example/co", "secret", "", "needs a user"),
    ],
)
def test_a_connection_without_database_or_user_says_what_to_write(url: str, token: str, user: str, said: str) -> None:
    connection = Connection(name="erp", system="tryton", url=url, token="env:T", user=user)
    with pytest.raises(ConfigError, match=said) as refused:
        open_adapter(connection, {"T": token})
    assert "secret" not in str(refused.value).replace("make the secret user:password", "")


# -- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_that_ended_is_begun_anew_once_for_reads_and_writes(tmp_path: Path) -> None:
    remote, adapter = a_tryton()
    put_sale(remote)
    store = a_store(tmp_path)
    pull(store, adapter, "sales", clock=remote.clock)
    remote.expire()
    pull(store, adapter, "sales", clock=remote.clock)
    assert remote.logins == 2
    remote.expire()
    remote.methods["model.sale.sale.cancel"] = lambda _params: None
    adapter.rpc.do("sale.sale", "cancel", [1])
    assert (remote.logins, len(calls(remote, "sale.sale.cancel"))) == (3, 2)


def test_the_password_goes_to_the_login_alone_and_to_no_header() -> None:
    remote, adapter = a_tryton()
    adapter.keys("sales")
    told = [r for r in remote.requests if b"token-1" in r.content]
    assert [json.loads(r.content)["method"] for r in told] == ["common.db.login"]
    assert all("token-1" not in str(r.headers) for r in remote.requests)


# -- following ------------------------------------------------------------------------------------------------------


def test_a_line_that_changes_re_reads_its_sale(tmp_path: Path) -> None:
    remote, adapter = a_tryton()
    put_sale(remote)
    remote.part("sale.line", 7, sale=1)
    store = a_store(tmp_path)
    pull(store, adapter, "sales", clock=remote.clock)
    remote.step()
    sale = remote.rows["sale.sale"][1]
    sale["lines."][0] |= {"quantity": 5.0, "last_modified_at": typed(remote.now)}
    remote.part("sale.line", 7, sale=1)
    pulled = pull(store, adapter, "sales", clock=remote.clock)
    assert (pulled.accepted, outcomes(store)) == (1, {"accepted": 2})


def test_what_is_settled_is_not_read_again() -> None:
    remote, adapter = a_tryton()
    put_sale(remote)
    real = NOON
    adapter = replace(adapter, overlap=OVERLAP, real=lambda: real)

    def read(cursor: str | None) -> tuple[int, str]:
        pages = list(adapter.changes("sales", cursor, clock=remote.clock))
        return sum(len(page.items) for page in pages), pages[-1].cursor

    found, cursor = read(None)
    again, cursor = read(cursor)
    real = NOON + OVERLAP
    last_look, cursor = read(cursor)
    settled, cursor = read(cursor)
    assert (found, again, last_look, settled) == (1, 1, 1, 0)
    remote.step()
    put_sale(remote, "b")
    assert read(cursor)[0] == 1


def test_a_row_that_a_slow_transaction_makes_visible_late_is_found(tmp_path: Path) -> None:
    remote, adapter = a_tryton()
    adapter = replace(adapter, overlap=OVERLAP)
    store = a_store(tmp_path)
    put_sale(remote, "fast")
    pull(store, adapter, "sales", clock=remote.clock)
    late = (NOON - timedelta(seconds=25)).isoformat()
    remote.put("sales", an_item("tryton", "sales", "slow"), updated_at=late)
    assert pull(store, adapter, "sales", clock=remote.clock).accepted == 1


def test_quantities_are_asked_for_with_their_places() -> None:
    remote, adapter = a_tryton()
    remote.put("stock", {"id": "p", "code": "SKU-1"})
    remote.rows["stock.location"] = {
        5: {"id": 5, "type": "warehouse", "code": "WH", "storage_location": 3, "input_location": 1}
    }
    lying = {(5, None): 10.0, (3, True): 6.0, (1, None): 1.0}

    def quantity(params: list[Any]) -> list[dict[str, object]]:
        context = params[-1]
        assert context["with_childs"] is True
        [place] = context["locations"]
        return [{"id": key, "quantity": lying[place, context.get("stock_assign")]} for key in params[0]]

    remote.methods["model.product.product.read"] = quantity
    [page] = adapter.changes("stock", None, clock=remote.clock)
    [item] = page.items
    [stated] = adapter.parse("stock", item).events
    assert isinstance(stated, StockStated)
    assert (item.key, stated.on_hand, stated.allocated, stated.quarantined) == ("1@5", 10, 3, 1)


def test_typed_values_are_read_to_the_last_digit() -> None:
    value = {
        "at": NOON.replace(microsecond=123_456),
        "on": NOON.date(),
        "for": timedelta(days=2),
        "is": Decimal("1.10"),
    }
    assert decode(encode(value)) == value
    assert newest(encode({"last_modified_at": NOON}).replace(b",", b", ")) == int(NOON.timestamp()) * 1_000_000


# -- what records mean ----------------------------------------------------------------------------------------------


def events(stream: str, **fields: object) -> Any:  # noqa: ANN401 -- events or an error
    """Parse a golden record that says something else."""
    _, adapter = a_tryton()
    raw = {**golden("tryton")[stream][0]["raw"], **fields}
    received = adapter.parse(stream, adapter_item(raw))
    return received.error or received.events


def adapter_item(raw: dict[str, Any]) -> RawItem:
    return item_of_bytes(json.dumps(raw).encode(), 0)


def test_a_sale_without_reference_stands_by_itself() -> None:
    [sale] = events("sales", reference=None)
    assert isinstance(sale, SaleStated)
    assert sale.order == f"tryton/sale-{sale.sale}"


def test_three_dozen_are_thirty_six() -> None:
    raw = golden("tryton")["sales"][0]["raw"]
    [line, *_] = raw["lines."]
    dozen = {**line, "quantity": 3.0, "unit.": {"id": 9, "factor": 12.0}}
    [sale] = events("sales", **{"lines.": [dozen]})
    assert sale.lines[0].units == 36


def test_what_is_weighed_is_refused_with_a_sentence() -> None:
    raw = golden("tryton")["sales"][0]["raw"]
    half = {**raw["lines."][0], "quantity": 0.5}
    assert "0.5 is no whole number of units" in str(events("sales", **{"lines.": [half]}))


def test_what_goes_to_the_waste_is_disposed_of_and_the_rest_restocked() -> None:
    [stated] = events("returns")
    assert isinstance(stated, InspectionStated)
    assert dict(zip((u.sku for u in stated.lines), stated.dispositions, strict=True)) == {
        "SKU-0001": "restock", "SKU-0002": "dispose",
    }  # fmt: skip


def test_a_state_that_nobody_knows_is_a_dead_letter() -> None:
    assert "'lost' is unknown" in str(events("transfers", state="lost"))


# -- verbs ----------------------------------------------------------------------------------------------------------

Answer = Callable[[list[Any]], Any]


def a_sale_at(state: str, **methods: Answer) -> tuple[TrytonWire, Tryton]:
    """Put a sale into a state; buttons answer as told."""
    remote, adapter = a_tryton()
    remote.rows["sale.sale"] = {1: {"id": 1, "state": state, "_timestamp": "17.5", "shipments": []}}
    for button, answer in methods.items():
        remote.methods[f"model.sale.sale.{button}"] = answer
    return remote, adapter


def send(adapter: Tryton, verb: write.Verb) -> WriteResult:
    return adapter.send(write.request(verb), key="k1")


def test_a_button_is_pressed_against_what_was_seen_and_not_again_once_the_state_is_right() -> None:
    def cancel(params: list[Any]) -> None:
        assert params[-1]["_timestamp"] == {"sale.sale,1": "17.5"}
        remote.rows["sale.sale"][1]["state"] = "cancelled"

    remote, adapter = a_sale_at("quotation", cancel=cancel)
    assert [send(adapter, write.CancelSale(sale="1")).outcome for _ in range(2)] == ["applied", "applied"]
    assert len(calls(remote, "sale.sale.cancel")) == 1


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (["ConcurrencyException", "Record has been modified"], "stale"),
        (["UserError", ["You can not call it.", "", None]], "rejected"),
        (["UserWarning", ["abc.no_carrier", "It has no carrier.", ""]], "rejected"),
        (["'whatever'", ""], "rejected"),
    ],
)
def test_a_business_fault_is_stale_or_refused_though_it_is_http_200(fault: list[Any], outcome: str) -> None:
    remote, adapter = a_sale_at("draft")
    remote.faults["model.sale.sale.cancel"] = fault
    result = send(adapter, write.CancelSale(sale="1"))
    assert (result.outcome, result.retry_after) == (outcome, None)


def test_a_warning_is_named_and_accepted_only_where_the_verb_names_it() -> None:
    accepted: list[str] = []

    def warn(params: list[Any]) -> list[int]:
        accepted.extend(row["name"] for row in params[0])
        remote.faults.clear()
        remote.rows["sale.sale"][1]["state"] = "cancelled"
        return [1]

    remote, adapter = a_sale_at("draft", cancel=lambda _params: None)
    remote.methods["model.res.user.warning.create"] = warn
    fault = ["UserWarning", ["abc.no_carrier", "It has no carrier.", ""]]
    remote.faults["model.sale.sale.cancel"] = fault
    assert "Tryton warns (abc.no_carrier): It has no carrier." in send(adapter, write.CancelSale(sale="1")).response
    assert accepted == []
    other = send(adapter, write.CancelSale(sale="1", accepted=("stock_quantity_warning",)))
    assert (other.outcome, accepted) == ("rejected", [])
    assert send(adapter, write.CancelSale(sale="1", accepted=("no_carrier",))).outcome == "applied"
    assert accepted == ["abc.no_carrier"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("673ec9878b95.no_carrier", "no_carrier"), ("stock_quantity_warning_8", "stock_quantity_warning")],
)
def test_a_warnings_kind_is_its_name_without_the_documents(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_what_was_cut_off_is_unknown_and_what_was_not_sent_may_be_sent_again() -> None:
    def cut(_params: list[Any]) -> None:
        raise httpx.ReadTimeout("slow")

    _, adapter = a_sale_at("draft", cancel=cut)
    assert send(adapter, write.CancelSale(sale="1")).outcome == "unknown"

    def unreachable(_params: list[Any]) -> None:
        raise httpx.ConnectError("refused")

    _, adapter = a_sale_at("draft", cancel=unreachable)
    again = send(adapter, write.CancelSale(sale="1"))
    assert (again.outcome, again.retry_after is not None) == ("rejected", True)


def test_force_is_refused_without_a_name_before_anything_is_asked() -> None:
    remote, adapter = a_tryton()
    result = send(adapter, write.AssignShipment(shipment="1", force=True))
    assert (result.outcome, remote.requests) == ("rejected", [])


def test_a_verb_that_tryton_lacks_is_refused() -> None:
    _, adapter = a_tryton()
    unknown = replace_path(write.request(write.CancelSale(sale="1")), "burn_it_down")
    assert adapter.send(unknown, key="k").outcome == "rejected"


def replace_path(request: WriteRequest, path: str) -> WriteRequest:
    return WriteRequest(request.method, path, request.body)


def test_a_currency_that_the_erp_does_not_know_is_said_and_nothing_is_made() -> None:
    remote, adapter = a_tryton()
    remote.rows["product.product"] = {2: {"id": 2, "code": "SKU-1", "default_uom": 1, "account_category.": None}}
    verb = write.CreateSale(
        number="1001", lines=(write.Wanted("SKU-1", 1, "9.99"),), currency="GBP", reference="fillwell/case-1/x"
    )
    remote.rows["currency.currency"] = {1: {"id": 1, "code": "EUR"}}
    result = send(adapter, verb)
    assert (result.outcome, "no currency GBP" in result.response) == ("rejected", True)
    assert calls(remote, ".create") == []


def test_a_sale_that_somebody_else_made_meanwhile_is_not_made_again() -> None:
    remote, adapter = a_tryton()
    remote.rows["sale.sale"] = {
        4: {"id": 4, "reference": "1001", "state": "draft", "description": None, "origin": None, "lines.": []}
    }
    verb = write.CreateSale(number="1001", lines=(), currency="EUR", reference="fillwell/case-1/x")
    result = send(adapter, verb)
    assert (result.outcome, "a sale already: 4" in result.response) == ("stale", True)

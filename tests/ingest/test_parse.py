"""What each system's words mean in ours: a golden file each, and bad records that do no harm."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import Gone, OrderStated, WorkStated, encode, entities
from data.log.append import Received, prepare
from data.log.persons import PLACEHOLDER
from ingest.adapter import Adapter
from ingest.personal import received
from ingest.rest import raw_item
from tests.ingest.factories import KNOWN, NOON, a_wire, an_adapter, an_order, golden, item_of, json_values
from tests.ingest.remote import Remote

STREAMS = [(system, stream) for system in KNOWN for stream in golden(system)]


def parsed(adapter: Adapter, stream: str, raw: object) -> Received:
    body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return adapter.parse(stream, item_of(adapter, stream, body))


def taken_in(stream: str, raw: object) -> Received:
    """Receive an item of the storefront as a reader does."""
    return received(adapter_of("storefront"), stream, raw_item(json.dumps(raw).encode(), 0), secret=b"key")


def adapter_of(system: str) -> Adapter:
    return an_adapter(system, a_wire(system))


@pytest.mark.parametrize(("system", "stream"), STREAMS)
def test_a_golden_item_means_what_its_file_says(system: str, stream: str) -> None:
    for example in golden(system)[stream]:
        received = parsed(adapter_of(system), stream, example["raw"])
        assert received.error is None
        assert [json.loads(encode(event)) for event in received.events] == example["events"]
        told = {"key": example["raw"].get("id"), "version": example["raw"].get("version")} | example
        assert (received.key, received.version) == (told["key"], told["version"])


def test_what_a_shop_packed_and_did_not_ship_is_off_its_level_and_nobody_was_told() -> None:
    raw = next(x["raw"] for x in golden("medusa")["orders"] if any(f["shipped_at"] for f in x["raw"]["fulfillments"]))
    packed = {**raw, "fulfillments": [{**f, "shipped_at": None} for f in raw["fulfillments"]]}
    [shipped], [waits] = (parsed(adapter_of("medusa"), "orders", one).events[:1] for one in (raw, packed))
    assert isinstance(shipped, OrderStated)
    assert isinstance(waits, OrderStated)
    assert (shipped.packed, waits.fulfilments) == ((), ())
    assert [(f.fulfilment, f.location, f.lines) for f in waits.packed] == [
        (f.fulfilment, f.location, f.lines) for f in shipped.fulfilments
    ]


@pytest.mark.parametrize("state", ["draft", "cancelled"])
def test_a_return_that_is_only_expected_or_was_called_off_says_of_nothing_that_it_came(state: str) -> None:
    raw = golden("tryton")["returns"][0]["raw"]
    [came] = parsed(adapter_of("tryton"), "returns", raw).events
    [gone] = parsed(adapter_of("tryton"), "returns", {**raw, "state": state}).events
    assert isinstance(gone, Gone)
    assert gone.entities == entities(came)


@pytest.mark.parametrize(("state", "allocated"), [("waiting", False), ("assigned", True), ("packed", True)])
def test_a_shipment_says_whether_its_stock_is_set_aside(state: str, allocated: bool) -> None:
    raw = {**golden("tryton")["shipments"][0]["raw"], "state": state}
    work = parsed(adapter_of("tryton"), "shipments", raw).events[0]
    assert isinstance(work, WorkStated)
    assert work.allocated is allocated


@pytest.mark.parametrize("system", KNOWN)
def test_every_stream_of_a_system_has_a_golden_item(system: str) -> None:
    assert set(adapter_of(system).streams) == set(golden(system))


def test_the_same_order_number_from_two_storefronts_never_merges() -> None:
    first, second = (an_adapter("storefront", Remote(NOON), connection=name) for name in ("shop", "outlet"))
    orders = [
        parsed(shop, "orders", {**an_order("1001"), "version": 1, "updated_at": NOON.isoformat()})
        for shop in (first, second)
    ]
    assert [o.events[0].order for o in orders if isinstance(o.events[0], OrderStated)] == ["shop/1001", "outlet/1001"]


def test_name_and_email_are_kept_apart_and_the_record_keeps_only_their_key() -> None:
    taken = taken_in("orders", golden("storefront")["orders"][0]["raw"])
    assert b"Liam" not in taken.raw
    assert b"example.com" not in taken.raw
    [(key, fields)] = taken.persons
    assert json.loads(taken.raw)["customer"] == {"id": "guest-536558", "country": "United Kingdom", PLACEHOLDER: key}
    assert json.loads(fields)["name"] == "Liam Underhill"
    assert taken.error is None


def test_name_and_email_are_kept_apart_in_a_dead_letter_too() -> None:
    taken = taken_in("orders", {**golden("storefront")["orders"][0]["raw"], "lines": 7})
    assert taken.error is not None
    assert b"Liam" not in taken.raw


def test_a_card_number_never_reaches_the_record() -> None:
    taken = taken_in("orders", {**golden("storefront")["orders"][0]["raw"], "hold": "paid by 4111 1111 1111 1111"})
    assert b"1111 1111" not in taken.raw
    assert all(b"1111 1111" not in encode(event) for event in taken.events)


@pytest.mark.parametrize(
    ("fields", "error_class", "said"),
    [
        ({"lines": "none"}, "shape", "array"),
        ({"currency": "pounds"}, "shape", "currency"),
        ({"created_at": "2026-03-02T12:00:00"}, "shape", "timezone"),
        ({"created_at": "9999-12-31T23:59:59-05:00"}, "value", "date value out of range"),
        ({"shipping_price": "NaN"}, "number", "finite"),
        ({"shipping_price": "1e999999"}, "number", "up to"),
        ({"shipping_price": "free"}, "number", "no amount"),
    ],
)
def test_a_bad_order_says_what_is_wrong_with_it(fields: dict[str, object], error_class: str, said: str) -> None:
    received = parsed(adapter_of("storefront"), "orders", {**golden("storefront")["orders"][0]["raw"], **fields})
    assert received.error is not None
    assert received.error.error_class == error_class
    assert said in str(received.error)


def test_a_record_nested_beyond_reason_is_a_dead_letter() -> None:
    deep = (
        b'{"id":"x","version":1,"updated_at":"2026-03-02T12:00:00Z","lines":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    )
    received = parsed(adapter_of("storefront"), "orders", deep)
    assert received.error is not None


def test_an_order_with_two_lines_of_one_id_is_refused() -> None:
    raw = golden("storefront")["orders"][0]["raw"]
    received = parsed(adapter_of("storefront"), "orders", {**raw, "lines": [raw["lines"][0]] * 2})
    assert received.error is not None


_odd = ("NaN", "Infinity", "-1", "1e400", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "\x00", "EUR")
_values = json_values(st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(_odd))


def _wire(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="surrogatepass")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_payload_whatever_it_holds_becomes_events_or_a_dead_letter(data: st.DataObject) -> None:
    system, stream = data.draw(st.sampled_from(STREAMS))
    raw = dict(golden(system)[stream][0]["raw"])
    for field in data.draw(st.lists(st.sampled_from(sorted(raw)), max_size=3)):
        raw[field] = data.draw(_values)
    body = _wire(raw)
    if data.draw(st.booleans()):
        cut = data.draw(st.integers(0, len(body)))
        body = body[:cut] + data.draw(st.binary(max_size=4)) + body[cut:]
    [prepared] = prepare([parsed(adapter_of(system), stream, body)])
    assert (prepared.item.error is None) == bool(prepared.bodies)
    prepared.item.key.encode()
    for event in prepared.bodies:
        msgspec.json.decode(event)


def test_an_item_without_a_head_is_keyed_by_its_content() -> None:
    adapter = adapter_of("carrier")
    first, again = (parsed(adapter, "parcels", b"[1, 2]") for _ in range(2))
    assert first.key == again.key
    assert first.error is not None


def test_the_wire_is_closed_with_the_adapter() -> None:
    adapter = adapter_of("carrier")
    adapter.close()
    with pytest.raises(RuntimeError, match="closed"):
        adapter.get("parcels", "x", clock=lambda: NOON)

"""Whatever a real system does wrong is a state on the health page and one sentence; nothing of it is dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.services.freshness import read_streams, sources
from app.services.health import Health, health
from app.services.schedules import due
from data.store import Store
from ingest.adapter import Adapter
from ingest.sync import pull_or_error
from tests.ingest.factories import NOON, a_store, a_wire, an_adapter, an_item
from tests.ingest.medusa_wire import MedusaWire
from tests.ingest.remote import Remote
from tests.ingest.tryton_wire import TrytonWire

SOON, LATER = NOON + timedelta(minutes=1), NOON + timedelta(hours=6)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong at the wire, and what must be said of it."""

    system: str
    cause: Callable[[Remote], object]
    says: str
    stream: str = "orders"


def refuses(*answers: httpx.Response | Exception) -> Callable[[Remote], object]:
    return lambda wire: wire.answers.extend(answers)


def tryton(change: Callable[[TrytonWire], object]) -> Callable[[Remote], object]:
    def cause(wire: Remote) -> None:
        assert isinstance(wire, TrytonWire)
        change(wire)

    return cause


FORBIDDEN = ["UserError", ['You are not allowed to access "Sale".', "Within groups: ", None]]
TROUBLES = {
    "wrong key": Trouble("medusa", refuses(httpx.Response(401, json={})), "check the token"),
    "wrong password": Trouble("tryton", refuses(*[httpx.Response(401, text="")] * 2), "401", "sales"),
    "no permission": Trouble(
        "tryton", tryton(lambda w: w.faults.update({"model.sale.sale.search_read": FORBIDDEN})), "user reader", "sales"
    ),
    "server down": Trouble("medusa", refuses(*[httpx.ConnectError("connection refused")] * 5), "connection refused"),
    "erp down": Trouble("tryton", refuses(*[httpx.ConnectError("connection refused")] * 5), "refused", "sales"),
    "of another series": Trouble("tryton", tryton(lambda w: setattr(w, "series", "6.0")), "8.0 or later", "sales"),
    "no Medusa 2": Trouble("medusa", refuses(httpx.Response(404, text="Not Found")), "is this Medusa 2"),
    "another shape": Trouble("medusa", refuses(*[httpx.Response(200, json={"data": []})] * 5), "another version"),
    "500 on a filter": Trouble("medusa", refuses(*[httpx.Response(500, json={})] * 5), "HTTP 500"),
}


def read(store: Store, adapter: Adapter, stream: str, wire: Remote) -> None:
    """Read as the engine does: what fails is noted and tried again at its next turn."""
    pull_or_error(store, adapter, stream, clock=wire.clock)


def said_of(found: Health, stream: str) -> str:
    [one] = [s for s in found.streams if s.stream == stream]
    return one.error


@pytest.mark.parametrize("name", TROUBLES)
def test_a_system_that_cannot_be_read_is_named_with_the_reason_and_read_again_later(tmp_path: Path, name: str) -> None:
    trouble, store = TROUBLES[name], a_store(tmp_path)
    wire = a_wire(trouble.system)
    adapter = an_adapter(trouble.system, wire)
    wire.put(trouble.stream, an_item(trouble.system, trouble.stream, "1"))
    trouble.cause(wire)
    read(store, adapter, trouble.stream, wire)

    found = health(store, SOON, {})
    assert trouble.says in said_of(found, trouble.stream)
    [source] = sources(read_streams(store), SOON, due(store))
    assert source.state == "silent"
    assert trouble.says in source.sentence
    assert any(trouble.says in meaning for _, meaning in found.unknowns)

    well = a_wire(trouble.system)
    well.put(trouble.stream, an_item(trouble.system, trouble.stream, "1"))
    read(store, an_adapter(trouble.system, well), trouble.stream, well)
    [now] = health(store, SOON, {}).streams
    assert (now.state, now.received, now.error) == ("fresh", 1, "")


def test_what_was_known_before_a_failure_is_failing_first_and_silent_after_hours(tmp_path: Path) -> None:
    store, wire = a_store(tmp_path), MedusaWire(NOON)
    shop = an_adapter("medusa", wire)
    wire.put("orders", an_item("medusa", "orders", "1"))
    read(store, shop, "orders", wire)
    wire.answers.extend([httpx.Response(401, json={})])
    read(store, shop, "orders", wire)
    assert [s.state for s in health(store, SOON, {}).streams] == ["failing"]
    late = health(store, LATER, {})
    assert [s.state for s in late.streams] == ["silent"]
    assert any("check the token" in meaning for _, meaning in late.unknowns)


@pytest.mark.parametrize(
    ("system", "stream", "fields", "why"),
    [
        ("medusa", "orders", {"currency_code": "euro"}, "euro"),
        ("tryton", "sales", {"currency.": {"id": 9, "code": "Taler"}}, "Taler"),
    ],
)
def test_a_record_that_is_not_understood_is_parked_counted_and_the_rest_goes_on(
    tmp_path: Path, system: str, stream: str, fields: dict[str, object], why: str
) -> None:
    store, wire = a_store(tmp_path), a_wire(system)
    wire.put(stream, an_item(system, stream, "1"))
    wire.put(stream, an_item(system, stream, "2", **fields))
    read(store, an_adapter(system, wire), stream, wire)
    found = health(store, SOON, {})
    [one] = found.streams
    assert (one.received, one.accepted, one.dead_letters) == (2, 1, 1)
    assert found.balanced
    assert any("could not be understood" in meaning for _, meaning in found.unknowns), why

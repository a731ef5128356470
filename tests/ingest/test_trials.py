"""Trials 4, 5, 6, 8, 10 and 13 in the size of CI; `make trials` runs them in full."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.events import OrderStated
from data.log import tables as t
from data.log.lookup import last_heard
from data.store import Store
from ingest.adapter import Adapter
from tests.ingest.factories import NOON, SYSTEMS, a_store, accounted, an_adapter, an_order, dice_of, golden, outcomes
from tests.ingest.remote import Remote
from tests.ingest.test_sync import no_schedule_misses_anything
from tests.ingest.test_webhooks import (
    OTHER,
    SECRET,
    a_body,
    a_version,
    deliver,
    forged,
    headers_for,
)

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


@pytest.fixture
def shop() -> Adapter:
    return an_adapter("storefront", Remote(NOON))


def test_no_schedule_misses_anything(tmp_path: Path) -> None:
    for seed in range(500 if FULL else 40):
        (tmp_path / str(seed)).mkdir()
        no_schedule_misses_anything(a_store(tmp_path / str(seed)), 1_000 + seed)


def test_one_webhook_from_sixteen_threads(store: Store, shop: Adapter) -> None:
    body, times = a_body(a_version(1)), 1_000 if FULL else 300
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: deliver(store, shop, body), range(times)))
    assert {reply.status for reply in replies} == {202}
    assert outcomes(store) == {"accepted": 1, "duplicate": times - 1}


def test_nothing_forged_comes_in(store: Store, shop: Adapter) -> None:
    dice, body = dice_of(13), a_body(a_version(1))
    for _ in range(10_000 if FULL else 1_500):
        changed, headers = forged(body, dice)
        assert deliver(store, shop, changed, headers).status in (400, 401)
    assert outcomes(store) == {}


def test_nothing_genuine_is_refused_while_a_secret_is_changed(store: Store, shop: Adapter) -> None:
    dice, number = dice_of(17), 10_000 if FULL else 800
    for count in range(number):
        body = a_body(a_version(1 + count))
        signing = dice.choice(((SECRET,), (OTHER,), (SECRET, OTHER), (OTHER, SECRET)))
        headers = headers_for(body, secrets=signing, message=f"m{count}")
        assert deliver(store, shop, body, headers, secrets=(SECRET, OTHER)).status == 202
    assert accounted(store)


def test_every_odd_payload_is_answered_and_accounted_for(store: Store) -> None:
    dice, number = dice_of(19), 100_000 if FULL else 2_000
    adapters = {system: an_adapter(system, Remote(NOON)) for system in SYSTEMS}
    cases = [(system, stream, of[0]["raw"]) for system in SYSTEMS for stream, of in golden(system).items()]
    answers: Counter[int] = Counter()
    received = 0
    for count in range(number):
        system, stream, raw = dice.choice(cases)
        body = odd_body(dice, stream, {**raw, "id": f"i{count}"})
        reply = deliver(store, adapters[system], body, headers_for(body))
        answers[reply.status] += 1
        received += reply.tally.received
        assert reply.tally.received == (reply.status == 202)
    assert set(answers) <= {202, 400, 404, 413}
    assert sum(outcomes(store).values()) == received == answers[202]
    assert accounted(store)
    assert every_dead_letter_says_why(store)


ODD: list[object] = [
    None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "x" * 5_000, "\x00", "ü", "NaN", "-0", "1e999",
    "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z", [], [[]], {}, {"id": 1},
    ["a"] * 50, "EUR", "JPY", "XXX", "-5.00", "0.001", "9" * 40, "\ud800", "\u202e", [{"id": "1", "quantity": -3}],
]  # fmt: skip


def odd_body(dice: random.Random, stream: str, raw: dict[str, Any]) -> bytes:
    """Make a webhook's body in which something is odd: a value, a value deep inside, its bytes, its depth, its size."""
    for place in dice.choices(_places(raw), k=dice.randrange(4)):
        holder, key = place
        holder[key] = dice.choice(ODD)
    body = json.dumps({"stream": stream, "data": raw}).encode()
    luck, at = dice.random(), dice.randrange(len(body))
    if luck < 0.2:
        return body[:at] + dice.randbytes(dice.randrange(1, 4)) + body[at:]
    if luck < 0.21:
        return body[:-1] + b', "more": ' + b"[" * (deep := dice.choice((50, 5_000, 400_000))) + b"]" * deep + b"}"
    if luck < 0.2105:
        return body[:-1] + b', "more": "' + b"x" * 10 * 1024 * 1024 + b'"}'
    return body


def _places(raw: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Find every field of an item and of the lines inside it, on a copy of its own."""
    found = [(raw, name) for name in sorted(raw)]
    for name, value in sorted(raw.items()):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            raw[name] = [dict(part) for part in value]
            found += [(raw[name][0], inner) for inner in sorted(raw[name][0])]
    return found


def every_dead_letter_says_why(store: Store) -> bool:
    """Tell whether each rejected record keeps its bytes, its source and the reason."""
    r = t.record.c
    unkept = sa.and_(r.body.is_(None), r.same_as.is_(None))
    unsaid = sa.or_(r.error.is_(None), r.error == "", r.error_class.is_(None), unkept)
    query = sa.select(sa.func.count(), sa.func.sum(sa.case((unsaid, 1), else_=0))).where(r.outcome == "dead_letter")
    with store.log.read() as conn:
        dead, silent = conn.execute(query).one()
    return bool(dead) and not silent


def test_a_late_retry_of_an_older_state_never_takes_an_order_back(store: Store, shop: Adapter) -> None:
    """A retry brings the original payload, whenever it comes: state and facts are those of the newest version."""
    dice, pairs = dice_of(23), 10_000 if FULL else 300
    newest: dict[str, str] = {}
    for pair in range(pairs):
        key, last = f"o{pair}", dice.randrange(2, 6)
        sent = [an_order(key, version=v, hold=f"v{v}", updated_at=NOON.isoformat()) for v in range(1, last + 1)]
        newest[key] = f"v{last}"
        late = dice.choice(sent[:-1])
        for item in (sent[-1], late) if dice.random() < 0.5 else (*dice.sample(sent, last), late):
            deliver(store, shop, a_body(item))
    with store.log.read() as conn:
        held = {key: last_heard(conn, "storefront", "orders", key) for key in newest}
    assert {key: order.hold for key, order in held.items() if isinstance(order, OrderStated)} == newest
    assert accounted(store)

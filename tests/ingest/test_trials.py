"""Trials 4, 6, 8, 10 and 13 in the size of CI; `make trials` runs them in full."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data.store import Store
from ingest.adapter import Adapter
from tests.ingest.factories import NOON, SYSTEMS, a_store, accounted, an_adapter, dice_of, golden, outcomes
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
    cases = [(system, stream) for system in SYSTEMS for stream in golden(system)]
    odd: list[object] = [
        None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "x" * 5_000, "\x00", "ü", "NaN", "-0", "1e999",
        "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z", [], [[]],
        {}, {"id": 1}, ["a"] * 50,
    ]  # fmt: skip
    taken = 0
    for count in range(number):
        system, stream = dice.choice(cases)
        raw = dict(golden(system)[stream][0]["raw"], id=f"i{count}")
        for field in dice.choices(sorted(raw), k=dice.randrange(4)):
            raw[field] = dice.choice(odd)
        body = json.dumps({"stream": stream, "data": raw}).encode()
        if dice.random() < 0.2:
            place = dice.randrange(len(body))
            body = body[:place] + dice.randbytes(dice.randrange(1, 4)) + body[place:]
        reply = deliver(store, adapters[system], body, headers_for(body))
        assert reply.status in (202, 400, 404)
        taken += reply.tally.received
        assert reply.tally.received == (reply.status == 202)
    assert sum(outcomes(store).values()) == taken
    assert accounted(store)

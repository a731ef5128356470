"""Killed at any moment while it reads the real systems or writes to them: nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from data.log import tables as t
from ingest.medusa import write as shop
from ingest.tryton import write as erp
from tests.counterparts import merchant
from tests.counterparts import test_exceptions as wrong
from tests.counterparts.comparison import differences
from tests.counterparts.conftest import Market
from tests.counterparts.history import Order
from tests.counterparts.ours import ERP, SHOP, Ours, env, ours
from tests.counterparts.seed_medusa import place_order
from tests.counterparts.victim import A_WHILE, Task

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
READERS, WRITERS, ENGINES = (40, 30, 30) if FULL else (4, 3, 3)  #: how many are killed
ROUNDS = 40 if FULL else 4  #: of writes: more than the writers live to finish
CASES = 4 if FULL else 1  #: of each kind that the engines correct
ROOT = Path(__file__).parents[2]
BER, LYS = (place.code for place in merchant.PLACES)
#: Which items each kind of write has for itself.
FULFILLED, SOLD, COUNTED, MOVED = "PEN-006-S", "TEE-002-S", "CAP-003-M", "BAG-004-S"

#: What the engines put right: in the ERP, and twice in the storefront.
CORRECTED = (wrong.missing_in_the_erp, wrong.not_told, wrong.cancelled_and_kept)


@dataclass(frozen=True)
class Life:
    """What a victim told, and whether it was killed."""

    told: list[str]
    killed: bool


def one_life(market: Market, words: int, seconds: float, *arguments: str) -> Life:
    """Run the victim and kill it so long after it told so many words."""
    command = [sys.executable, "-m", "tests.counterparts.victim", *arguments]
    told: list[str] = []
    killer: threading.Timer | None = None
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **env(market)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            told.append(line.strip())
            if len(told) == words:
                killer = threading.Timer(seconds, process.kill)
                killer.start()
        errors = process.stderr.read()
    if killer is not None:
        killer.cancel()
    assert told, errors
    assert process.returncode in (0, -9), errors
    return Life(told, process.returncode == -9)


def accepted_twice(mine: Ours) -> list[object]:
    """Name the records that were accepted more than once with the same content."""
    query = sa.select(t.record.c.source, t.record.c.key, t.record.c.version, t.record.c.hash).where(
        t.record.c.outcome == "accepted"
    )
    with mine.store.log.read() as conn:
        found = Counter(tuple(row) for row in conn.execute(query))
    return [record for record, times in found.items() if times > 1]


def test_a_reader_that_is_killed_loses_nothing_and_takes_nothing_twice(market: Market, tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311 -- when to die is no secret
    killed = 0
    with ours(tmp_path, market) as mine:
        while killed < READERS:
            killed += one_life(market, dice.randint(1, 12), dice.random(), "read", str(tmp_path)).killed
            if killed % 3 == 1:
                place_order(market.shop, market.merchant.shop, Order("reserved", BER, {"PEN-006-L": 1}))
                ids = market.merchant.erp
                market.erp.count(ids.storage[LYS], ids.products["PEN-006-L"], float(100 + killed))
        mine.pull()
        assert differences(mine, market) == {}
        assert accepted_twice(mine) == []


def tasks(market: Market) -> tuple[list[Task], dict[str, Callable[[], Counter[str]]]]:
    """Think of rounds of five writes of which a second time would show; and how the remote tells what was done."""
    refunded = place_order(market.shop, market.merchant.shop, Order("reserved", BER, {"POT-009-S": 4}))
    payment = market.shop.pay(refunded["id"])["id"]
    order = place_order(market.shop, market.merchant.shop, Order("reserved", BER, {FULFILLED: ROUNDS}))
    [line] = order["items"]
    lay = int(market.erp.on_hand(market.merchant.erp.warehouses[BER])[COUNTED])
    found: list[Task] = []
    for number in range(ROUNDS):
        refund = shop.Refund(
            payment=payment, amount_minor=50, currency="EUR", refunds_before=number, reference=f"refund-{number}"
        )
        fulfil = shop.PushFulfilment(
            order=str(order["display_id"]), lines={line["id"]: 1}, tracking=f"fulfil-{number}",
            reference=f"fulfil-{number}",
        )  # fmt: skip
        sale = erp.CreateSale(
            number=f"sale-{number}", lines=(erp.Wanted(SOLD, 1, "12.50"),), currency="EUR",
            reference=f"fillwell/sale-{number}", warehouse=BER, buyer="medusa/cus_1", upto="processing",
        )  # fmt: skip
        count = erp.CountStock(sku=COUNTED, location=BER, units=lay - number - 1, expected=lay - number)
        transfer = erp.CreateTransfer(
            origin=BER, destination=LYS, units={MOVED: 1}, reference=f"transfer-{number}", upto="assigned"
        )
        found += [Task(SHOP, shop.request(verb), verb.reference) for verb in (refund, fulfil)]
        found += [
            Task(ERP, erp.request(verb), key)
            for verb, key in (
                (sale, f"sale-{number}"), (count, f"count-{number}"), (transfer, f"transfer-{number}"),
            )
        ]  # fmt: skip
    return found, {
        "refund": lambda: refunds(market, payment),
        "fulfil": lambda: fulfilments(market, order["id"]),
        "sale": lambda: documents(market, "sale.sale", "sale", "processing"),
        "count": lambda: counts(market, lay),
        "transfer": lambda: documents(market, "stock.shipment.internal", "transfer", "assigned"),
    }


def refunds(market: Market, payment: str) -> Counter[str]:
    """Count the storefront's refunds of a payment by the reference in their notes."""
    [booked] = [p["refunds"] for p in market.shop.payments() if p["id"] == payment]
    assert {refund["amount"] for refund in booked} == {0.5}
    return Counter(refund["note"].partition(" ")[0] for refund in booked)


def fulfilments(market: Market, order: str) -> Counter[str]:
    """Count the storefront's live fulfilments of an order, each shipped with one unit and one number."""
    live = [f for f in market.shop.order(order)["fulfillments"] if f["canceled_at"] is None]
    assert all(f["shipped_at"] and [item["quantity"] for item in f["items"]] == [1] for f in live)
    return Counter(label["tracking_number"] for f in live for label in f["labels"])


def documents(market: Market, model: str, kind: str, state: str) -> Counter[str]:
    """Count the ERP's documents of a kind by their references; all of them got as far as was wanted."""
    rows = market.erp.rows(model, [["reference", "like", f"{kind}-%"]], ("reference", "state"))
    assert {row["state"] for row in rows} == {state}
    return Counter(row["reference"] for row in rows)


def counts(market: Market, lay: int) -> Counter[str]:
    """Count the ERP's booked counts by our note at each; what lies there is as the last one left it."""
    notes = market.erp.rows("ir.note", [["message", "like", "fillwell count-%"]], ("message", "resource"))
    done = set(market.erp.search("stock.inventory", [["state", "=", "done"]]))
    booked = Counter(n["message"].split()[-1] for n in notes if int(n["resource"].partition(",")[2]) in done)
    assert market.erp.on_hand(market.merchant.erp.warehouses[BER])[COUNTED] == lay - len(booked)
    return booked


def test_a_writer_that_is_killed_does_everything_exactly_once_in_both_systems(market: Market, tmp_path: Path) -> None:
    dice = random.Random(11)  # noqa: S311 -- when to die is no secret
    wanted, judged = tasks(market)
    plan = tmp_path / "tasks.json"
    plan.write_bytes(msgspec.json.encode(wanted))
    known = killed = 0
    with ours(tmp_path, market):
        while known < len(wanted):
            words = dice.randint(1, 3) if killed < WRITERS else 0
            life = one_life(market, words, dice.uniform(0.0, 0.5), "write", str(tmp_path), str(plan), str(known))
            known, killed = known + len({*life.told} - {"began", "done"}), killed + life.killed
    assert killed == WRITERS
    for kind, booked in judged.items():
        assert booked() == Counter({f"{kind}-{number}": 1 for number in range(ROUNDS)})


def corrected(mine: Ours, case: wrong.Case, action: int) -> dict[str, Any]:
    """Let an action end; one that was cut off, is not there and may not be sent again is planned anew by a person."""
    ended = mine.ended(action)
    if ended["status"] != "failed":
        return ended
    mine.pull()
    return mine.fix(*case)


def test_an_engine_that_is_killed_while_it_corrects_does_each_correction_once(market: Market, tmp_path: Path) -> None:
    """Approved actions: a sale made, a parcel told, money given back, whichever engine sends and whichever dies."""
    dice = random.Random(13)  # noqa: S311 -- when to die is no secret
    went_wrong = wrong.Shop(market)
    with ours(tmp_path, market) as mine:
        mine.pull()
        caused = [fault(went_wrong) for _ in range(CASES) for fault in CORRECTED]
        mine.detected()
        actions = [mine.approved(*one.case) for one in caused]
        for _ in range(ENGINES):
            mine.clock.lead += A_WHILE
            ahead = str(mine.clock.lead.total_seconds())
            assert one_life(market, 1, dice.uniform(0.0, 3.0), "act", str(tmp_path), ahead).killed
        mine.clock.lead += ENGINES * A_WHILE
        mine.engine.desk = replace(mine.engine.desk, transport=mine.clock)
        ended = [corrected(mine, one.case, action) for one, action in zip(caused, actions, strict=True)]
    assert [(action["type"], action["status"]) for action in ended] == [
        (wrong.FAULTS[fault], "verified") for _ in range(CASES) for fault in CORRECTED
    ]
    assert [one.truth() for one in caused] == [one.mended for one in caused]

"""Killed at any moment while it reads the real systems or writes to them: nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from data.log import tables as t
from tests.counterparts import merchant
from tests.counterparts.comparison import differences
from tests.counterparts.conftest import Market
from tests.counterparts.history import Order
from tests.counterparts.ours import Ours, env, ours
from tests.counterparts.seed_medusa import place_order

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
DEATHS = 50 if FULL else 5  #: of readers, and as many of writers
REFUNDS = 40 if FULL else 12
ROOT = Path(__file__).parents[2]
BER = merchant.PLACES[0].code


def one_life(market: Market, seconds: float, *arguments: str) -> list[str]:
    """Run the victim and kill it so long after it began; give what it told."""
    command = [sys.executable, "-m", "tests.counterparts.victim", *arguments]
    told: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **env(market)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            told.append(line.strip())
            if len(told) == 1:
                killer = threading.Timer(seconds, process.kill)
                killer.start()
        words = process.stderr.read()
    killer.cancel()
    assert process.returncode in (0, -9), words
    return told


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
    with ours(tmp_path, market) as mine:
        for death in range(DEATHS):
            one_life(market, dice.uniform(0.05, 4.0), "read", str(tmp_path))
            if death % 3 == 0:
                place_order(market.shop, market.merchant.shop, Order("reserved", BER, {"PEN-006-L": 1}))
        mine.pull()
        assert differences(mine, market) == {}
        assert accepted_twice(mine) == []


def test_a_writer_that_is_killed_gives_money_back_exactly_once(market: Market, tmp_path: Path) -> None:
    dice = random.Random(11)  # noqa: S311 -- when to die is no secret
    order = place_order(market.shop, market.merchant.shop, Order("reserved", BER, {"POT-009-S": 4}))
    payment = market.shop.pay(order["id"])["id"]
    known = 0
    with ours(tmp_path, market):
        for _ in range(DEATHS):
            told = one_life(market, dice.uniform(0.05, 3.0), "refund", str(tmp_path), payment, str(known), str(REFUNDS))
            known += len([word for word in told if word.isdigit()])
        while known < REFUNDS:
            told = one_life(market, 600, "refund", str(tmp_path), payment, str(known), str(REFUNDS))
            known += len([word for word in told if word.isdigit()])
    [booked] = [p["refunds"] for p in market.shop.payments() if p["id"] == payment]
    assert Counter(refund["note"] for refund in booked) == Counter(
        {f"case-{number} [key-{number}]": 1 for number in range(REFUNDS)}
    )

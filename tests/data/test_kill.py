"""Killed at any moment, the log loses nothing and repeats nothing, and the facts are those of the log."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.log import tables as t
from data.log.sources import read_cursor
from data.publish import open_facts
from data.settings import read_settings
from data.store import Store, open_store
from tests.data.factories import counted, hash_now, hash_rebuilt, status, tallies_are_exact
from tests.data.victim import message, orders_among

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("FILLWELL_TRIALS") == "1"


def one_life(home: Path, messages: int, seconds: float) -> tuple[int, bool]:
    """Run the victim, kill it some time after its first commit; give the last position it told, and if it ended."""
    command = [sys.executable, "-m", "tests.data.victim", str(home), str(messages)]
    told, ended = 0, False
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        killer: threading.Timer | None = None
        for line in process.stdout:
            if line == "done\n":
                ended = True
            elif line.endswith("\n"):
                told = int(line)
            if killer is None:
                killer = threading.Timer(seconds, process.kill)
                killer.start()
        if killer is not None:
            killer.cancel()
    return told, ended


@dataclass(frozen=True)
class Account:
    """What was sent against what is there, as Jepsen's `set` checker counts it."""

    acknowledged: int  #: the source was told that these first so many messages are stored
    lost: int  #: acknowledged and not there
    recovered: int  #: there, though the process died before it could say so
    unexpected: int  #: there, and never sent
    duplicated: int  #: accepted twice


def account_of(store: Store, acknowledged: int, messages: int) -> Account:
    """Compare the accepted records with the messages of the source, one by one."""
    query = sa.select(t.record.c.key, t.record.c.version).where(t.record.c.outcome == "accepted")
    with store.log.read() as conn:
        there = Counter((key, version) for key, version in conn.execute(query))
    sent = everything_sent(messages)
    numbers = {sent[of] for of in there if of in sent}
    return Account(
        acknowledged=acknowledged,
        lost=len(set(range(acknowledged)) - numbers),
        recovered=sum(number >= acknowledged for number in numbers),
        unexpected=sum(of not in sent for of in there),
        duplicated=sum(times - 1 for times in there.values()),
    )


@cache
def everything_sent(messages: int) -> dict[tuple[str, int], int]:
    """Give the number of each of the source's messages by its key and version."""
    made = ((number, message(number, orders_among(messages))) for number in range(messages))
    return {(item.key, item.version): number for number, item in made}


def live_and_die(home: Path, *, kills: int, messages: int) -> list[Account]:
    """Kill the process so many times on its way through all messages, and give the account after every death."""
    chance = random.Random(kills)  # noqa: S311 -- moments to die
    accounts: list[Account] = []
    longest, reached = 0.5, 0
    while len(accounts) < kills:
        told, ended = one_life(home, messages, chance.uniform(0, longest))
        assert not ended, "it came to the end before it was killed often enough"
        store = open_store(read_settings({"FILLWELL_HOME": str(home)}), "mine")
        with store.log.read() as conn:
            reached = int(read_cursor(conn, 1) or 0)
            assert reached >= told  # acknowledged means there
            assert conn.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
        assert tallies_are_exact(store)
        accounts.append(account_of(store, max(told, _acknowledged(accounts)), messages))
        store.close()
        longest = pace(longest, reached / messages, len(accounts) / kills)
    _, ended = one_life(home, messages, 7_000)
    assert ended
    the_end_is_right(home, messages)
    return accounts


def _acknowledged(accounts: Sequence[Account]) -> int:
    return accounts[-1].acknowledged if accounts else 0


def pace(longest: float, way: float, deaths: float) -> float:
    """Let lives be shorter where the process comes on faster than it dies, so that its deaths lie all along the way."""
    return max(0.05, longest * 0.8) if way > 0.9 * deaths else min(2.0, longest * 1.1)


def the_end_is_right(home: Path, messages: int) -> None:
    """None lost, none twice, and the facts are those that the log alone gives."""
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), "mine")
    assert status(store).accepted == messages
    assert status(store).received == sum(counted(store).values())
    orders = orders_among(messages)
    versions = {f"o{n}": len(range(n, messages, orders)) for n in range(orders)}
    found = open_facts(store).frame("order_line").select("entity", "ordered_units").rows()
    assert dict(found) == versions
    assert len(found) == orders
    incremental = hash_now(store)
    assert hash_rebuilt(store) == incremental
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(7200 if FULL else 600)
def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    kills, messages = (500, 100_000) if FULL else (8, 1_200)
    accounts = live_and_die(tmp_path, kills=kills, messages=messages)
    for name in ("lost", "unexpected", "duplicated", "recovered"):
        record_property(name, sum(getattr(account, name) for account in accounts))
    record_property("kills", len(accounts))
    assert {(a.lost, a.unexpected, a.duplicated) for a in accounts} == {(0, 0, 0)}
    assert len(accounts) == kills

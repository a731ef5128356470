"""Killed at any moment, the log loses nothing and repeats nothing, and the facts are those of the log."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.log.sources import read_cursor
from data.publish import open_facts
from data.settings import read_settings
from data.store import Store, open_store
from tests.data.factories import counted, hash_now, hash_rebuilt, status, tallies_are_exact
from tests.data.victim import ORDERS

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


def live_and_die(home: Path, *, kills: int, messages: int, longest: float) -> None:
    chance = random.Random(kills)  # noqa: S311 -- moments to die
    store: Store | None = None
    for _ in range(kills):
        told, ended = one_life(home, messages, chance.uniform(0, longest))
        if ended:
            break
        store = open_store(read_settings({"FILLWELL_HOME": str(home)}), "mine")
        with store.log.read() as conn:
            assert int(read_cursor(conn, 1) or 0) >= told  # acknowledged means there
            assert conn.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
        assert tallies_are_exact(store)
        store.close()
    _, ended = one_life(home, messages, 600)
    assert ended
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), "mine")
    assert status(store).accepted == messages  # none lost, none twice
    assert status(store).received == sum(counted(store).values())
    versions = {f"o{n}": len(range(n, messages, ORDERS)) for n in range(ORDERS)}
    found = open_facts(store).frame("order_line").select("entity", "ordered_units").rows()
    assert dict(found) == versions
    assert len(found) == ORDERS
    incremental = hash_now(store)
    assert hash_rebuilt(store) == incremental
    store.close()


@pytest.mark.timeout(7200 if FULL else 120)
def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    if FULL:
        live_and_die(tmp_path, kills=500, messages=100_000, longest=1.5)
    else:
        live_and_die(tmp_path, kills=8, messages=1_200, longest=0.8)

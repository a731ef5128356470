"""The audit log: whatever is done to it afterwards shows."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from actions import audit
from actions import tables as t
from actions.desk import Desk, open_desk
from data.settings import read_settings
from data.store import open_store
from tests.actions.factories import a_shop

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
ROWS = 60


def a_log(folder: Path, rows: int = ROWS) -> Desk:
    """Seal a log of so many rows."""
    desk = a_shop(folder).desk
    with desk.write() as conn:
        for n in range(rows):
            audit.note(conn, n, "ada", "cli", "did", f"case/{n}", {"n": n})
    assert audit.seal(desk) == rows
    return desk


def unguarded(desk: Desk, *statements: str) -> None:
    """Change the file as somebody would who can write to it."""
    with desk.write() as conn:
        for trigger in ("audit_guard_update", "audit_guard_delete"):
            conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            conn.exec_driver_sql(statement)


def test_the_database_itself_refuses_to_change_or_delete_a_row(tmp_path: Path) -> None:
    desk = a_log(tmp_path, 3)
    for statement in ("UPDATE audit SET by = 'x'", "DELETE FROM audit WHERE id = 3"):
        with pytest.raises(sa.exc.IntegrityError, match="only ever added"), desk.write() as conn:
            conn.exec_driver_sql(statement)


def test_a_whole_log_says_so_and_counts_what_is_not_sealed_yet(tmp_path: Path) -> None:
    desk = a_log(tmp_path)
    with desk.write() as conn:
        audit.note(conn, 99, "ada", "cli", "did", "case/99", {})
    proof = audit.verify(desk, anchor=audit.head(desk))
    assert (proof.whole, proof.sealed, proof.unsealed) == (True, ROWS, 1)
    assert [e["sealed"] for e in audit.entries(desk, limit=2)] == [False, True]


def _flip(rng: random.Random) -> list[str]:
    column = rng.choice(["at", "by", "entry", "what", "subject", "detail"])
    return [f"UPDATE audit SET {column} = {column} || 'x' WHERE id = {rng.randint(1, ROWS)}"]  # noqa: S608 -- a test


def _delete(rng: random.Random) -> list[str]:
    at = rng.choice([1, rng.randint(2, ROWS - 1), ROWS])
    return [f"DELETE FROM audit WHERE id = {at}", *([f"DELETE FROM seal WHERE audit_id = {at}"] * rng.randint(0, 1))]  # noqa: S608 -- a test


def _swap(rng: random.Random) -> list[str]:
    one, other = rng.sample(range(1, ROWS + 1), 2)
    return [
        f"UPDATE audit SET id = -1 WHERE id = {one}",  # noqa: S608 -- a test
        f"UPDATE audit SET id = {one} WHERE id = {other}",  # noqa: S608 -- a test
        f"UPDATE audit SET id = {other} WHERE id = -1",  # noqa: S608 -- a test
    ]


def _truncate(rng: random.Random) -> list[str]:
    keep = rng.randint(0, ROWS - 1)
    return [f"DELETE FROM audit WHERE id > {keep}", f"DELETE FROM seal WHERE audit_id > {keep}"]  # noqa: S608 -- a test


def _unseal(rng: random.Random) -> list[str]:
    return [f"DELETE FROM seal WHERE audit_id = {rng.randint(1, ROWS - 1)}"]  # noqa: S608 -- a test


MUTATIONS: dict[str, Callable[[random.Random], list[str]]] = {
    "flip": _flip, "delete": _delete, "swap": _swap, "truncate": _truncate, "unseal": _unseal,
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_is_found_with_a_head_kept_elsewhere(tmp_path: Path, mutation: str) -> None:
    desk = a_log(tmp_path / "whole")
    anchor = audit.head(desk)
    desk.store.close()
    rng = random.Random(mutation)  # noqa: S311 -- a seeded choice of mutations
    for n in range(200 if FULL else 12):
        folder = tmp_path / str(n)
        shutil.copytree(tmp_path / "whole", folder)
        copy = open_desk(open_store(read_settings({"FILLWELL_HOME": str(folder)}), "test"))
        statements = MUTATIONS[mutation](rng)
        unguarded(copy, *statements)
        proof = audit.verify(copy, anchor=anchor)
        assert not proof.whole, statements
        copy.store.close()


def test_an_older_copy_put_in_place_is_found_by_the_head(tmp_path: Path) -> None:
    desk = a_log(tmp_path / "old")
    desk.store.close()
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    newer = open_desk(open_store(read_settings({"FILLWELL_HOME": str(tmp_path / "new")}), "test"))
    with newer.write() as conn:
        audit.note(conn, 99, "ada", "cli", "did", "case/99", {})
    audit.seal(newer)
    older = open_desk(open_store(read_settings({"FILLWELL_HOME": str(tmp_path / "old")}), "test"))
    assert audit.verify(older).whole
    assert not audit.verify(older, anchor=audit.head(newer)).whole


def test_a_rewritten_and_resealed_log_is_found_by_the_head(tmp_path: Path) -> None:
    desk = a_log(tmp_path)
    anchor = audit.head(desk)
    unguarded(desk, "UPDATE audit SET by = 'mallory' WHERE id = 5", "DELETE FROM seal")
    audit.seal(desk)
    assert audit.verify(desk).whole
    assert not audit.verify(desk, anchor=anchor).whole


def test_secrets_are_not_written_down(tmp_path: Path) -> None:
    desk = a_shop(tmp_path).desk
    with desk.write() as conn:
        audit.note(conn, 1, "ada", "cli", "did", "x", {"request": {"Authorization": "Bearer canary", "body": 1}})
    assert "canary" not in str(audit.entries(desk))


@pytest.mark.slow
def test_a_million_rows_are_verified_in_half_a_minute(tmp_path: Path) -> None:
    desk = a_shop(tmp_path).desk
    rows = 1_000_000 if FULL else 100_000
    with desk.write() as conn:
        for start in range(1, rows + 1, 20_000):
            conn.execute(
                sa.insert(t.audit),
                [
                    {
                        "id": n,
                        "at": n,
                        "by": "ada",
                        "entry": "cli",
                        "what": "did",
                        "subject": f"case/{n}",
                        "detail": "{}",
                    }
                    for n in range(start, start + 20_000)
                ],
            )
    audit.seal(desk)
    began = time.monotonic()
    assert audit.verify(desk).whole
    assert time.monotonic() - began < (30 if FULL else 10)

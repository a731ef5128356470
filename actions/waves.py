"""Bulk runs: of many actions approved together one is sent and read back, then ten, then the rest.

Of each type of action, that is: what one type has proved says nothing of another. A wave is opened when every action
of the one before is verified; the first that fails stops the run, and what was not sent yet goes back to *planned*.
A run is kept in the desk's database, so that whoever sends (the engine, a command) can go on with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from actions import audit
from actions import tables as t
from actions.cases import Step
from actions.desk import Desk
from actions.people import Person, person, require
from actions.planning import approve_in, would_refuse
from actions.rows import DONE, load, move_on, shown
from actions.under_way import crowded_out
from data.clock import from_micros
from data.errors import RequestError

#: How an action that was not verified came to its end.
_ENDED = {
    "mismatch": "the remote says otherwise", "failed": "it was not done", "cancelled": "it was cancelled",
    "shadow": "it was only noted",
}  # fmt: skip
WAVES = (1, 10)  #: how many of a type go in the first wave and in the second; the rest goes in the third


@dataclass(frozen=True, kw_only=True)
class Item:
    """One action of a run: `held` until its wave is opened, else in its own status."""

    action: int
    case: int
    type: str
    wave: int
    status: str
    words: str  #: what it does
    result: str  #: what a read-back showed, or why it was not done


@dataclass(frozen=True, kw_only=True)
class Run:
    """A bulk run as it stands."""

    id: int
    by: str
    status: str  #: running | stopped | done
    wave: int
    words: str  #: why it stopped
    started_at: datetime
    items: Sequence[Item]

    @property
    def waves(self) -> int:
        """Count its waves."""
        return max((item.wave for item in self.items), default=0)

    @property
    def verified(self) -> int:
        """Count what is proved."""
        return sum(item.status == "verified" for item in self.items)

    def counts(self, wave: int) -> tuple[int, int]:
        """Count a wave's actions: how many are proved, of how many."""
        inside = [item.status for item in self.items if item.wave == wave]
        return inside.count("verified"), len(inside)

    @property
    def left(self) -> list[int]:
        """Name the actions that can still be done: what a resumed run takes up."""
        return [item.action for item in self.items if item.status == "held" or item.status not in DONE]


def wave_of(kinds: Sequence[str]) -> list[int]:
    """Give the wave of each action by its type: of each type one, then ten, then the rest."""
    seen: Counter[str] = Counter()
    given = []
    for kind in kinds:
        nth = seen[kind]
        given.append(1 if nth < WAVES[0] else 2 if nth < sum(WAVES) else 3)
        seen[kind] += 1
    return given


def start(desk: Desk, action_ids: Sequence[int], *, by: Person) -> tuple[int | None, list[Step]]:
    """Begin a run of what this person may approve; gives it (None: there is nothing to do) and what was left out.

    Pressed twice, or begun again after a crash, it is the same run: an action is in one running run at most.

    Raises:
        RequestError: the person may not approve, or there is no such action.
    """
    require(desk, by, "approve", f"{len(action_ids)} actions at once")
    wanted = list(dict.fromkeys(action_ids))
    with desk.write() as conn:
        # Where several can write at once, whoever holds the actions' rows is the one who begins.
        a = t.action.c
        conn.execute(sa.select(a.id).where(a.id.in_(wanted)).order_by(a.id).with_for_update())
        running = _running(conn, wanted)
        if len(running) == len(wanted) and len(set(running.values())) == 1:
            return next(iter(running.values())), []
        refused = [step for action_id in wanted if (step := _refusal(conn, action_id, by, running)) is not None]
        left_out = {step.id for step in refused}
        taken: list[dict[str, Any]] = []
        for row in (load(conn, action_id) for action_id in wanted if action_id not in left_out):
            why = crowded_out(row, taken)
            if why is None:
                taken.append(row)
            else:
                refused.append(Step(row["id"], row["status"], False, why))
        if not taken:
            return None, refused
        run = _insert(conn, [row["id"] for row in taken], by, desk.now)
    advance(desk, run, by=by)
    return run, refused


def advance(desk: Desk, run_id: int, *, by: Person | None = None) -> bool:
    """Open a run's next wave if everything before it is verified, or end it; false where it has to wait.

    A wave is approved by who began the run: `by` where that person is there, else looked up, as the engine does.
    """
    with desk.read() as conn:
        row = _load(conn, run_id)
    approver, forbidden = (by, None) if by is not None else _approver(desk, row)
    with desk.write() as conn:
        row = _load(conn, run_id, lock=True)
        if row["status"] != "running":
            return False
        items = _items(conn, row)
        opened = [item for item in items if item.wave <= row["wave"]]
        failed = next((item for item in opened if item.status in DONE and item.status != "verified"), None)
        if failed is not None:
            _end(conn, row, "stopped", desk.now, words=f"case {failed.case}: {_ENDED[failed.status]}: {failed.result}")
            return True
        if any(item.status != "verified" for item in opened):
            return False
        coming = [item for item in items if item.wave == row["wave"] + 1]
        if not coming:
            _end(conn, row, "done", desk.now)
        elif approver is None:
            _end(conn, row, "stopped", desk.now, words=forbidden)
        else:
            _open(conn, row, coming, approver, desk.now)
    return True


def advance_due(desk: Desk) -> int:
    """Go on with every running run; returns how many moved."""
    r = t.bulk_run.c
    with desk.read() as conn:
        running = list(conn.execute(sa.select(r.id).where(r.status == "running").order_by(r.id)).scalars())
    return sum(advance(desk, run_id) for run_id in running)


def stop(desk: Desk, run_id: int, *, by: Person) -> Step:
    """Stop a run: what was not sent yet goes back to *planned*; what was sent is still read back."""
    require(desk, by, "pause", f"bulk/{run_id}")
    with desk.write() as conn:
        row = _load(conn, run_id, lock=True)
        if row["status"] != "running":
            return Step(run_id, row["status"], False, f"bulk run {run_id} is {row['status']} already")
        _end(conn, row, "stopped", desk.now, words=f"stopped by {by.name}")
    return Step(run_id, "stopped", True, f"bulk run {run_id} is stopped: what was not sent is held back")


def go_on(desk: Desk, run_id: int, *, by: Person) -> tuple[int | None, list[Step]]:
    """Take up what a stopped run left, as a run of its own: after a stop one is tried first again."""
    return start(desk, show(desk, run_id).left, by=by)


def show(desk: Desk, run_id: int) -> Run:
    """Give a run with what became of each of its actions.

    Raises:
        RequestError: there is no such run.
    """
    with desk.read() as conn:
        row = _load(conn, run_id)
        return Run(
            id=row["id"], by=row["by"], status=row["status"], wave=row["wave"], words=row["words"] or "",
            started_at=from_micros(row["started_at"]), items=_items(conn, row),
        )  # fmt: skip


def newest(desk: Desk) -> int | None:
    """Name the run that was begun last; None where there was none."""
    with desk.read() as conn:
        found = conn.execute(sa.select(sa.func.max(t.bulk_run.c.id))).scalar()
    return None if found is None else int(found)


def _approver(desk: Desk, run: Mapping[str, Any]) -> tuple[Person | None, str | None]:
    """Find who began a run; None, with why, where that person may not approve any more."""
    try:
        who = person(desk, run["by"], entry=run["entry"])
    except RequestError as error:
        return None, str(error)
    return (who, None) if who.may("approve") else (None, f"{who.name} may no longer approve")


def _load(conn: sa.Connection, run_id: int, *, lock: bool = False) -> dict[str, Any]:
    query = sa.select(t.bulk_run).where(t.bulk_run.c.id == run_id)
    row = conn.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise RequestError(f"there is no bulk run {run_id}")
    return dict(row)


def _items(conn: sa.Connection, run: Mapping[str, Any]) -> list[Item]:
    i, a = t.bulk_item.c, t.action
    query = (
        sa.select(a, i.wave.label("wave"))
        .join(t.bulk_item, i.action_id == a.c.id)
        .where(i.run_id == run["id"])
        .order_by(i.wave, i.position)
    )
    return [_item(dict(row), run) for row in conn.execute(query).mappings()]


def _item(row: Mapping[str, Any], run: Mapping[str, Any]) -> Item:
    action = shown(row)
    held = action["status"] == "planned" and (row["wave"] > run["wave"] or run["status"] != "running")
    read = action["read_back"] or {}
    result = read.get("words", "")
    if action["status"] in DONE and not result:
        result = action["outcome"] or ""
    return Item(
        action=action["id"], case=action["case_id"], type=action["type"], wave=row["wave"],
        status="held" if held else action["status"], words=action["plan"]["words"], result=result,
    )  # fmt: skip


def _running(conn: sa.Connection, action_ids: Iterable[int]) -> dict[int, int]:
    """Say which of these actions are in a running run, and in which."""
    i, r = t.bulk_item.c, t.bulk_run.c
    query = (
        sa.select(i.action_id, i.run_id)
        .join(t.bulk_run, r.id == i.run_id)
        .where(r.status == "running", i.action_id.in_(list(action_ids)))
    )
    return {int(action): int(run) for action, run in conn.execute(query)}


def _refusal(conn: sa.Connection, action_id: int, by: Person, running: Mapping[int, int]) -> Step | None:
    """Say why an action cannot be part of a new run; None where it can."""
    status = load(conn, action_id)["status"]
    if action_id in running:
        return Step(action_id, status, False, f"it is in bulk run {running[action_id]} already")
    if status in DONE:
        return Step(action_id, status, False, f"it is already {status}")
    why = would_refuse(conn, action_id, by) if status == "planned" else None
    return None if why is None else Step(action_id, status, False, why)


def _insert(conn: sa.Connection, action_ids: Sequence[int], by: Person, now: int) -> int:
    made = conn.execute(
        sa.insert(t.bulk_run).values(by=by.name, entry=by.entry, status="running", wave=0, started_at=now)
    )
    run = int(made.inserted_primary_key[0])  # type: ignore[index]
    kinds = [load(conn, action_id)["type"] for action_id in action_ids]
    items = [
        {"run_id": run, "action_id": action_id, "position": position, "wave": wave}
        for position, (action_id, wave) in enumerate(zip(action_ids, wave_of(kinds), strict=True))
    ]
    conn.execute(sa.insert(t.bulk_item), items)
    audit.note(conn, now, by.name, by.entry, "bulk_started", f"bulk/{run}", {"actions": list(action_ids)})
    return run


def _open(conn: sa.Connection, run: Mapping[str, Any], coming: Sequence[Item], by: Person, now: int) -> None:
    wave = run["wave"] + 1
    conn.execute(sa.update(t.bulk_run).where(t.bulk_run.c.id == run["id"]).values(wave=wave))
    audit.note(
        conn, now, by.name, by.entry, "bulk_wave", f"bulk/{run['id']}",
        {"wave": wave, "actions": [item.action for item in coming]},
    )  # fmt: skip
    for item in coming:
        if load(conn, item.action)["status"] == "planned":
            step = approve_in(conn, item.action, by, now)
            if not step.done:
                _end(conn, {**run, "wave": wave}, "stopped", now, words=f"action {item.action}: {step.words}")
                return


def _end(conn: sa.Connection, run: Mapping[str, Any], status: str, now: int, *, words: str | None = None) -> None:
    """End a run; where it stops, what was approved by it and not sent yet is held back."""
    conn.execute(
        sa.update(t.bulk_run).where(t.bulk_run.c.id == run["id"]).values(status=status, words=words, ended_at=now)
    )
    held = [item.action for item in _items(conn, run) if item.status == "approved"] if status == "stopped" else []
    for action_id in held:
        move_on(conn, load(conn, action_id), "planned", approved_at=None)
    detail: dict[str, object] = {"why": words, "held_back": held}
    audit.note(conn, now, run["by"], run["entry"], f"bulk_{status}", f"bulk/{run['id']}", detail)

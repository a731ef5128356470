"""The check of the whole loop on a fresh sandbox: what is wrong there is found, fixed, and proved in its own state."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from actions import outbox
from actions import tables as desk_tables
from actions.desk import open_desk
from actions.people import Person, person
from actions.rows import DONE
from app.connect import Connected, connect, note_sandbox
from app.demo.judge import Judge, judge_at
from app.demo.sandbox import own_sandbox
from app.demo.stage import APPROVER, staff
from app.engine import work
from app.engine.clock import SteppedClock
from app.engine.door import listening
from app.engine.work import Engine
from app.processes import free_port
from data.errors import FillwellError
from data.log import tables as log_tables
from data.log.status import statuses
from data.publish import open_facts
from data.settings import Settings, read_settings
from data.store import open_store

#: How many faults of each kind are injected, and which action mends the case.
FAULTS = {"listing_stuck": 6, "oversold": 4, "fulfilment_lost": 4, "stock_run_down": 4}
STUCK = 4
FIXES_PER_DETECTOR = 4
LEAVES_WITHIN = timedelta(hours=26)  #: from being picked first to being handed over: the next cut-off at the latest
MOST_ROUNDS = 8  #: of sending and reading back, until what is still open counts as not proved
#: What the way between the systems and us does to messages meanwhile; the first hits webhooks, the second answers.
WEATHER = {"drop": 0.1, "duplicate": 0.1, "reorder": 0.1}
HTTP_WEATHER = {"status_429": 0.02, "status_500": 0.02}

Tell = Callable[[str], None]


@dataclass
class Trial:
    """A running check: the sandbox, our side, and what was true at each step."""

    judge: Judge
    engine: Engine
    connected: Connected
    clock: SteppedClock
    tell: Tell
    injected: set[tuple[str, str]] = field(default_factory=set)
    true: set[tuple[str, str]] = field(default_factory=set)  #: every violation that the sandbox had at a step

    def step(self, by: timedelta, *, detect: bool = True) -> None:
        """Let time pass, read what it brought, and look for exceptions."""
        self.clock.now = self.judge.advance(by) if by else self.judge.now()
        work.read_all(self.engine)
        work.publish_news(self.engine)
        if detect:
            work.detect_cases(self.engine)
            self.true |= {(v["detector"], v["subject"]) for v in self.judge.violations()}

    def inject(self, kind: str, count: int, **parameters: object) -> None:
        """Cause business faults and remember them."""
        for fault in self.judge.inject(kind, seed=1, count=count, **parameters):
            if fault.get("detector"):
                self.injected.add((fault["detector"], fault["subject"]))


def check(settings: Settings, scratch: Path, tell: Tell) -> dict[str, Any]:
    """Run the whole loop in a workspace below `scratch` and report it; the sandbox's cache stays in the home."""
    with _trial(settings, scratch, tell) as trial:
        tell("reading the year")
        work.read_all(trial.engine, lambda what, done, _of: tell(f"reading {what}: {done:,}"))
        tell("folding and publishing")
        work.publish_news(trial.engine)
        tell("letting three days pass with orders that are stuck")
        trial.inject("work_stuck", STUCK)
        for _ in range(2):
            trial.step(timedelta(hours=40), detect=False)
        with listening(free_port(), trial.engine.store, trial.connected, trial.clock, arrived=lambda: None):
            _trouble(trial)
            tell("detecting")
            for _ in range(2):
                trial.step(timedelta(minutes=10))
            tell("fixing and verifying")
            _fix(trial)
            tell("a feed stops")
            _stop_a_feed(trial)
        return _report(trial)


def _trouble(trial: Trial) -> None:
    """Make the way between the systems and us rough, and cause faults behind our back."""
    trial.judge.inject("webhooks", **WEATHER)
    trial.judge.inject("http", system="storefront", **HTTP_WEATHER)
    trial.tell("injecting faults")
    for kind, count in FAULTS.items():
        trial.inject(kind, count)
    trial.step(timedelta(minutes=45), detect=False)
    work.project_stock(trial.engine)


def passed(report: dict[str, Any]) -> bool:
    """Tell whether every fault was found, nothing was imagined, and every action was proved."""
    sums = report["accepted"] + report["duplicates"] + report["conflicts"] + report["dead_letters"]
    return bool(
        report["faults_injected"] > 0
        and report["faults_detected"] == report["faults_injected"]
        and report["false_cases"] == 0
        and report["actions_sent"] >= 8
        and report["actions_verified"] == report["actions_sent"]
        and report["received"] == sums
    )


@contextmanager
def _trial(settings: Settings, scratch: Path, tell: Tell) -> Iterator[Trial]:
    tell("opening the demo shop")
    mine = read_settings({"FILLWELL_HOME": str(scratch)})
    folder = scratch / "workspaces" / "check"
    with own_sandbox(settings.home, frozen=True) as url:
        note_sandbox(folder, url)
        judge = judge_at(url)
        clock = SteppedClock(judge.now())
        store = open_store(mine, "check")
        connected = connect(store, {})
        desk = open_desk(store, clock=clock)
        engine = Engine(store, desk, connected, clock, folder, {"shadow": None, "budget": None})
        staff(desk)
        yield Trial(judge, engine, connected, clock, tell)
        store.close()


def _fix(trial: Trial) -> None:
    """Plan, approve, send and verify corrections of some cases of each detector."""
    engine = trial.engine
    approver = person(engine.desk, APPROVER, entry="check")
    taken: Counter[str] = Counter()
    for case in _cases(engine):
        if taken[case["detector"]] >= FIXES_PER_DETECTOR or case["suggested"] is None:
            continue
        if _start(trial, case["id"], approver):
            taken[case["detector"]] += 1
    _work_off(trial)


def _start(trial: Trial, case: int, approver: Person) -> bool:
    """Plan and approve one correction; false where the plan says that it must not or need not be."""
    engine = trial.engine
    view = work.look(engine)
    if view is None:
        return False
    planned = outbox.plan(engine.desk, view, case, by=approver, targets=engine.targets)
    if planned.action is None:
        trial.tell(f"  case {case}: {planned.words}")
        return False
    second = person(engine.desk, None, entry="check")
    step = outbox.approve(engine.desk, planned.action, by=approver)
    if not step.done:
        step = outbox.approve(engine.desk, planned.action, by=second)
    return step.done


def _work_off(trial: Trial) -> None:
    """Send what is approved and read back until everything is decided; the clock is stepped, nobody sleeps."""
    for _ in range(MOST_ROUNDS):
        work.act(trial.engine)
        if all(row["status"] in DONE for row in _actions(trial.engine)):
            break
        trial.step(timedelta(minutes=2), detect=False)
    trial.step(timedelta(minutes=2))


def _stop_a_feed(trial: Trial) -> None:
    trial.inject("feed_stopped", 1, system="warehouse", stream="stock")
    for _ in range(2):
        trial.step(timedelta(hours=1))
    trial.judge.inject("feed_resumed", system="warehouse", stream="stock")
    approver = person(trial.engine.desk, APPROVER, entry="check")
    for case in _cases(trial.engine):
        if case["detector"] == "X46" and case["status"] == "open":
            _start(trial, case["id"], approver)
    _work_off(trial)


def _cases(engine: Engine) -> list[dict[str, Any]]:
    with engine.desk.read() as conn:
        rows = conn.execute(sa.select(desk_tables.case).order_by(desk_tables.case.c.id)).mappings()
        return [dict(row) for row in rows]


def _report(trial: Trial) -> dict[str, Any]:
    engine = trial.engine
    cases = _cases(engine)
    found = {(case["detector"], _bare(subject)) for case in cases for subject in _subjects(case)}
    missed, imagined = sorted(trial.injected - found), sorted(found - trial.true)
    for what, subjects in (("not found", missed), ("without a truth", imagined)):
        for detector, subject in subjects:
            trial.tell(f"  {what}: {detector} {subject}")
    sent = [row for row in _actions(engine) if row["sent_at"] is not None]
    proved = [row for row in sent if row["status"] == "verified" and _borne(trial.judge, row)]
    proved = _left(trial, proved)
    for row in sent:
        if row not in proved:
            trial.tell(
                f"  not proved: action {row['id']} {row['type']} on {row['target']}: {row['status']}, {row['outcome']}"
            )
    by_type = Counter(row["type"] for row in proved)
    trial.tell("  proved: " + ", ".join(f"{number} {kind}" for kind, number in sorted(by_type.items())))
    with engine.store.log.read() as conn:
        streams = statuses(conn)
        events = conn.execute(sa.select(sa.func.count()).select_from(log_tables.event)).scalar_one()
    return {
        "orders": open_facts(engine.store).frame("order_line").filter(~_simulated())["entity"].n_unique(),
        "events": events,
        "received": sum(s.received for s in streams),
        "accepted": sum(s.accepted for s in streams),
        "duplicates": sum(s.duplicates for s in streams),
        "conflicts": sum(s.conflicts for s in streams),
        "dead_letters": sum(s.dead_letters for s in streams),
        "faults_injected": len(trial.injected),
        "faults_detected": len(trial.injected & found),
        "false_cases": len(imagined),
        "cases_by_detector": dict(sorted(Counter(case["detector"] for case in cases).items())),
        "actions_sent": len(sent),
        "actions_verified": len(proved),
    }


def _simulated() -> Any:  # noqa: ANN401 -- a Polars expression; the library is imported late
    import polars as pl

    return pl.col("simulated")


def _subjects(case: dict[str, Any]) -> list[str]:
    """Name what a case stands for: itself, or each of the many that it groups."""
    members: list[str] = json.loads(case["members"])
    return members or [case["subject"]]


def _bare(subject: str) -> str:
    """Give a subject as the sandbox calls it: orders without the authority that issued them."""
    return subject.removeprefix("storefront/")


def _actions(engine: Engine) -> list[dict[str, Any]]:
    with engine.desk.read() as conn:
        rows = conn.execute(sa.select(desk_tables.action).order_by(desk_tables.action.c.id)).mappings()
        return [dict(row) for row in rows]


def _left(trial: Trial, proved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the sandbox live on to its next cut-off: an order that was to be picked first must have left by then."""
    trial.tell("letting the orders leave that were to be picked first")
    trial.judge.advance(LEAVES_WITHIN)

    def has_left(action: dict[str, Any]) -> bool:
        key = json.loads(action["command"])["key"]
        return bool(trial.judge.state(action["system"], "work", key)["status"] == "shipped")

    return [action for action in proved if action["type"] != "expedite_order" or has_left(action)]


def _borne(judge: Judge, action: dict[str, Any]) -> bool:
    """Tell whether the sandbox's own state bears the action's reference: proof that no read-back of ours can fake."""
    command = json.loads(action["command"])
    if command["request"] is None:
        return True  # reading a feed again changes nothing at the remote
    key = command["key"] or action["remote_id"]  # what was made new is known by the id that the remote gave it
    try:
        return command["reference"] in json.dumps(judge.state(command["connection"], command["stream"], key))
    except FillwellError:
        return False

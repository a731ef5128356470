"""What the demo shop is like when its doors open: a few things went wrong in the last days, and more go on doing so.

The product proper knows nothing of this; the desk says that the demo's faults are made.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

from actions.desk import Desk
from actions.people import person, set_user
from actions.policy import set_policy
from actions.registry import action_types
from app.demo.judge import Judge

APPROVER = "demo-approver"

#: How long before the doors open the sandbox's last days begin: long enough for stuck orders to be late.
EARLIER = timedelta(hours=80)
#: What goes wrong, and how long before the doors open: kind, how many, hours before.
TROUBLES = (
    ("work_stuck", 5, 76.0),
    ("fulfilment_lost", 6, 9.0),
    ("stock_run_down", 4, 3.0),
    ("oversold", 4, 2.0),
    ("listing_stuck", 8, 1.0),
)
#: What goes wrong later, one at a time, in turn.
LATER = ("listing_stuck", "fulfilment_lost", "listing_stuck", "oversold", "stock_run_down")
LATER_EVERY = timedelta(minutes=4)


def set_the_stage(judge: Judge, opens_at: datetime) -> None:
    """Live through the last days before the doors open, things going wrong on the way, and let time run."""
    for kind, count, hours_before in TROUBLES:
        _until(judge, opens_at - timedelta(hours=hours_before))
        judge.inject(kind, seed=11, count=count)
    _until(judge, opens_at)
    judge.run()


def staff(desk: Desk) -> None:
    """Let the demo's desk act: a named approver, and every action on *approve*, as after a good first month."""
    admin = person(desk, None, entry="demo")
    set_user(desk, APPROVER, "approver", by=admin)
    for name in action_types():
        set_policy(desk, name, by=admin, ladder="approve")


def later_troubles(judge: Judge, first_at: datetime) -> Iterator[None]:
    """Cause one more trouble whenever it is due by the sandbox's clock; advance this once in a while."""
    due = first_at + LATER_EVERY
    for number, kind in enumerate(itertools.cycle(LATER)):
        while judge.now() < due:
            yield
        judge.inject(kind, seed=100 + number, count=1)
        due += LATER_EVERY


def _until(judge: Judge, moment: datetime) -> None:
    ahead = moment - judge.now()
    if ahead > timedelta():
        judge.advance(ahead)

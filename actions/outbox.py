"""The outbox: an intent is planned, approved, claimed, sent, recorded and read back; it is done when that shows it.

planned → approved → claimed → sent → confirmed | unknown → verified | mismatch | failed | cancelled
(a type in shadow only notes what it would have done)

Each step is one conditional update, so twenty hands on one case make one effect. What became of a call that was cut
off is *unknown*: nothing is sent again before a read-back has decided. The same intent sent again bears the same key;
planning anew makes a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.cases import Step
from actions.desk import Desk
from actions.people import Person
from actions.planning import Planned, approve, cancel, plan, plan_due, undo
from actions.readback import verify, verify_due
from actions.rows import DONE, actions, load
from actions.sending import recover, send, send_due
from actions.targets import Targets

__all__ = [
    "Planned", "actions", "approve", "bulk", "cancel", "load", "plan", "plan_due", "recover", "send", "send_due",
    "undo", "verify", "verify_due",
]  # fmt: skip

WAVES = (1, 10)  #: a bulk run tries one, then ten, then the rest


def bulk(desk: Desk, action_ids: Sequence[int], *, by: Person, targets: Targets) -> list[Step]:
    """Approve, send and verify many: one, then ten, then the rest; it stops at the first mismatch.

    Run it again to go on after a stop: what is done says so and is not done twice.
    """
    results: list[Step] = []
    start = 0
    for size in (*WAVES, len(action_ids)):
        for action_id in action_ids[start : start + size]:
            step = _through(desk, action_id, by, targets)
            results.append(step)
            if step.status == "mismatch" and step.done:
                rest = action_ids[len(results) :]
                return results + [Step(i, "held", False, f"held back: action {action_id} did not match") for i in rest]
        start += size
    return results


def _through(desk: Desk, action_id: int, by: Person, targets: Targets) -> Step:
    with desk.read() as conn:
        status = load(conn, action_id)["status"]
    if status in DONE:
        return Step(action_id, status, False, f"it is already {status}")
    if status == "planned":
        approved = approve(desk, action_id, by=by)
        if not approved.done:
            return approved
    sent = send(desk, action_id, by=by, targets=targets)
    if sent.status not in ("confirmed", "unknown"):
        return sent
    return verify(desk, action_id, by=by, targets=targets)

"""The outbox: an intent is planned, approved, claimed, sent, recorded and read back; it is done when that shows it.

planned → approved → claimed → sent → confirmed | unknown → verified | mismatch | failed | cancelled
(a type in shadow only notes what it would have done)

Each step is one conditional update, so twenty hands on one case make one effect. What became of a call that was cut
off is *unknown*: nothing is sent again before a read-back has decided. The same intent sent again bears the same key;
planning anew makes a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions import waves
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


def bulk(desk: Desk, action_ids: Sequence[int], *, by: Person, targets: Targets) -> list[Step]:
    """Approve, send and verify many in waves: one, then ten, then the rest; it stops at the first failure.

    Run it again to go on after a stop: what is done says so and is not done twice.
    """
    run, refused = waves.start(desk, action_ids, by=by)
    told = {step.id: step for step in refused}
    if run is not None:
        try:
            _drive(desk, run, by, targets, told)
        except KeyboardInterrupt:
            waves.stop(desk, run, by=by)
            raise
        told |= {item.action: _reached(item) for item in waves.show(desk, run).items if item.action not in told}
    return [told[action_id] for action_id in dict.fromkeys(action_ids)]


def _drive(desk: Desk, run: int, by: Person, targets: Targets, told: dict[int, Step]) -> None:
    """Send and read back wave by wave, until the run ends or something in it has to wait."""
    while True:
        before = waves.show(desk, run)
        for item in before.items:
            if item.wave <= before.wave and item.status not in DONE and item.action not in told:
                told[item.action] = _through(desk, item.action, by, targets)
                waves.advance(desk, run, by=by)
                if waves.show(desk, run).status == "stopped":
                    return
        after = waves.show(desk, run)
        if after.status != "running" or after.wave == before.wave:
            return


def _through(desk: Desk, action_id: int, by: Person, targets: Targets) -> Step:
    sent = send(desk, action_id, by=by, targets=targets)
    if sent.status not in ("confirmed", "unknown"):
        return sent
    return verify(desk, action_id, by=by, targets=targets)


def _reached(item: waves.Item) -> Step:
    """Tell of an action that this run did not come to, or that was done before it."""
    words = f"it is already {item.status}" if item.status in DONE else "held back: the wave before it is not verified"
    return Step(item.action, item.status, False, words)

"""How a case is drawn: what should be against what is, the proof, the plan card, the way of an action."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.desk.components.badges import badge
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading
from app.services import words
from app.services.queue import Detail, said

#: The way of an action, and how far each status has come on it.
STEPS = ("planned", "approved", "sent", "accepted", "verified")
_REACHED = {
    "planned": 1, "approved": 2, "claimed": 2, "sent": 3, "unknown": 3, "confirmed": 4, "verified": 5,
}  # fmt: skip
#: Where an action ended otherwise, in words.
_ENDED = {
    "mismatch": "the remote says otherwise",
    "failed": "not done",
    "cancelled": "cancelled",
    "shadow": "only noted: shadow",
}


def facing(detail: Detail) -> str:
    """Put our state and the remote's side by side; what differs is bold."""
    rows = [
        (
            esc(field),
            esc(ours),
            f'<span class="{"differs" if differs(ours, theirs) else ""}">{esc(theirs)}</span>',
        )
        for field, ours, theirs in detail.facing
    ]
    columns = [Column("Field", "html"), Column("Our arithmetic says", "html"), Column("The remote says", "html")]
    return table(columns, rows)


def differs(ours: str, theirs: str) -> bool:
    """Tell whether the two contradict each other; what one side does not say is no contradiction."""
    return words.NOTHING not in (ours, theirs) and ours != theirs


def money_line(detail: Detail) -> str:
    """Say what is at stake, by which probability, and until when."""
    row = detail.row
    parts = [
        _stake("at risk", words.money(row.expected_loss_minor, row.currency)),
        _stake("exposed", words.money(row.exposed_minor, row.currency)),
        _stake("lost by the shift's end if nobody acts", words.money(row.lost_by_shift_end_minor, row.currency)),
    ]
    if detail.probability is not None:
        name = "probability, projected" if detail.is_projected else "probability, assumed"
        parts.append(_stake(name, words.percent(detail.probability, 0)))
    return f'<div class="fw-strip">{"".join(parts)}</div>'


def _stake(name: str, amount: str) -> str:
    return f"<span><b>{esc(amount)}</b> {esc(name)}</span>"


def receipt(lines: Sequence[tuple[str, str]]) -> str:
    """Write arithmetic as a receipt."""
    rows = "".join(f"<div><span>{esc(name)}</span><span>{esc(value)}</span></div>" for name, value in lines)
    return f'<div class="fw-receipt">{rows}</div>'


def history(rows: Sequence[tuple[datetime, str, str, str]]) -> str:
    """List what happened to a case."""
    columns = [Column("When (UTC)"), Column("Who"), Column("What"), Column("Detail")]
    return table(columns, [(words.instant(at), who, what, detail) for at, who, what, detail in rows])


def plan_card(plan: Mapping[str, Any]) -> str:
    """Draw the card on which a person decides: in words, before and after, why, side effects, the exact request."""
    changes = [
        (
            f"{c.get('system', '')} {c.get('thing') or c.get('object', '')}",
            str(c.get("field", "")),
            said(c.get("before")),
            said(c.get("after")),
        )
        for c in plan.get("changes") or ()
    ]
    tone = "info" if plan.get("direction") == "protective" else "warn"
    parts = [heading(plan.get("words", ""), aside=badge(str(plan.get("direction", "")), tone))]
    if changes:
        parts.append(
            table([Column("Where"), Column("Field"), Column("Before", "number"), Column("After", "number")], changes)
        )
    facts = [
        ("why", "; ".join(plan.get("why") or ())),
        ("side effects", "; ".join(plan.get("side_effects") or ()) or "none known"),
        ("reversible", str(plan.get("reversible") or "no")),
        ("sent twice", str(plan.get("repeat") or "nothing is known of it")),
        *((("remaining race", str(plan["race"])),) if plan.get("race") else ()),
        ("inputs", _inputs(plan)),
        ("limits", "; ".join(plan.get("limits") or ()) or "none touched"),
        ("signed as", str(plan.get("reference", ""))),
    ]
    parts.append(
        "".join(
            f'<div class="fw-fact"><span>{esc(name)}</span><span>{esc(value)}</span></div>' for name, value in facts
        )
    )
    return "".join(parts)


def request_text(plan: Mapping[str, Any]) -> str:
    """Write the request exactly as it will be sent."""
    request = plan.get("request")
    if not isinstance(request, Mapping):
        return "no request: the engine reads the stream again"
    return f"{request['method']} {request['path']}\n{json.dumps(request['body'], indent=2, ensure_ascii=False)}"


def _inputs(plan: Mapping[str, Any]) -> str:
    age = plan.get("input_age_seconds")
    stale = ", ".join(plan.get("stale") or ())
    told = "age not known" if age is None else f"{words.span(timedelta(seconds=age))} old"
    return f"{told}; late: {stale}" if stale else told


def way(action: Mapping[str, Any]) -> str:
    """Draw how far an action has come: planned, approved, sent, accepted, verified."""
    status = str(action["status"])
    reached = _REACHED.get(status, 0)
    if status in _ENDED:
        reached = 4 if status == "mismatch" else 3 if action.get("sent_at") else 1
    shown = []
    for index, name in enumerate(STEPS, start=1):
        css, mark = ("done", "✓") if index <= reached else ("", "○")
        if index == reached + 1 and status not in (*_ENDED, "verified", "planned"):
            css, mark = "now", "…"
        shown.append(f'<span class="{css}">{mark} {name}</span>')
    if status in _ENDED:
        shown.append(f'<span class="bad">■ {esc(_ENDED[status])}</span>')
    return f'<div class="fw-steps">{"".join(shown)}</div>{_outcome(action)}'


def _outcome(action: Mapping[str, Any]) -> str:
    """Say what the read-back showed, or what keeps the action from it."""
    read, at = action.get("read_back"), action.get("verified_at")
    told = str(read.get("words", "")) if isinstance(read, Mapping) else ""
    if isinstance(at, datetime) and action["status"] == "verified":
        return f'<div class="fw-note">{badge(f"verified {at:%H:%M:%S} UTC", "good")} {esc(told)}</div>'
    if action["status"] in _ENDED or told:
        return f'<div class="fw-note">{esc(told or action.get("outcome") or "")}</div>'
    return ""


def answer_text(action: Mapping[str, Any]) -> str:
    """Write the request, its key and what the remote answered, as they were."""
    parts = [request_text(action["plan"] or {}), f"Idempotency-Key: {action['key']}"]
    if action.get("outcome"):
        parts.append(f"Answer, {action['attempts']} sent: {action['outcome']}")
    return "\n\n".join(parts)

"""What a detector is, and the frame of findings that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import polars as pl

from actions.view import View
from data.facts import T

#: One row a finding. `opens` is false where only half the threshold is passed: that keeps a case, but opens none.
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "subject": pl.String, "title": pl.String, "kind": pl.String, "object_id": pl.String, "channel": pl.String,
    "location": pl.String, "sku": pl.String, "order_id": pl.String, "ours": pl.String, "remote": pl.String,
    "evidence": pl.String, "members": pl.String, "lines": pl.String, "exposed_minor": pl.Int64,
    "expected_loss_minor": pl.Int64, "currency": pl.String, "probability": pl.Float64,
    "cost_of_delay_minor": pl.Int64, "deadline": T, "suggested": pl.String, "opens": pl.Boolean,
    "hold_seconds": pl.Int64, "causes": pl.String,
}  # fmt: skip
FINDING = pl.Schema(_COLUMNS)

P = TypeVar("P")


@dataclass(frozen=True, kw_only=True)
class Detector(Generic[P]):
    """A kind of exception: a pure function of the view, with the inputs that it needs to be armed."""

    id: str
    title: str
    owner: str  #: the team that works its cases
    needs: tuple[str, ...]  #: fact tables, `projection` or `schedules`; without them it is not armed
    streams: tuple[str, ...]  #: while one of them is late its findings are counted under the late feed
    version: int
    parameters: P  #: frozen
    find: Callable[[View, P], pl.DataFrame]

    def findings(self, view: View) -> pl.DataFrame:
        """Find what is wrong in this view."""
        return self.find(view, self.parameters)

    def missing(self, view: View) -> tuple[str, ...]:
        """Name the inputs that are not there."""
        return tuple(need for need in self.needs if not view.has(need))


@dataclass(frozen=True, kw_only=True)
class Money:
    """What is at stake on one order line, or on the future demand of an item."""

    line: str  #: `order/line`, or `future:channel:sku`: counted once over all cases
    exposed_minor: int
    expected_loss_minor: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong now, with the evidence that proves it."""

    subject: str
    title: str
    kind: str  #: what `object_id` is the id of
    object_id: str
    ours: Mapping[str, object]  #: what should be, by our arithmetic
    remote: Mapping[str, object]  #: what the other system says
    evidence: Mapping[str, object]  #: the inputs and the arithmetic
    money: Sequence[Money]
    currency: str
    probability: float | None = None  #: assumed until enough closed cases calibrate it
    cost_of_delay_minor: int = 0  #: per hour
    channel: str | None = None
    location: str | None = None
    sku: str | None = None
    order: str | None = None
    deadline: datetime | None = None
    suggested: str | None = None  #: type of action
    members: Sequence[str] = ()  #: subjects, where one case stands for many
    opens: bool = True
    causes: Sequence[str] = ()  #: `detector/subject`: while a case of one of these lives, this one is counted under it
    hold_seconds: int = 0  #: how long it must last before it is believed, beyond being seen twice


def frame(findings: Sequence[Finding]) -> pl.DataFrame:
    """Make the frame of findings, with its schema even where nothing is wrong."""
    rows = [
        {
            "subject": f.subject, "title": f.title, "kind": f.kind, "object_id": f.object_id, "channel": f.channel,
            "location": f.location, "sku": f.sku, "order_id": f.order, "ours": _json(f.ours), "remote": _json(f.remote),
            "evidence": _json(f.evidence), "members": _json(f.members),
            "lines": _json([[m.line, m.exposed_minor, m.expected_loss_minor] for m in f.money]),
            "exposed_minor": sum(m.exposed_minor for m in f.money),
            "expected_loss_minor": sum(m.expected_loss_minor for m in f.money),
            "currency": f.currency, "probability": f.probability, "cost_of_delay_minor": f.cost_of_delay_minor,
            "deadline": f.deadline, "suggested": f.suggested, "opens": f.opens, "hold_seconds": f.hold_seconds,
            "causes": _json(list(f.causes)),
        }
        for f in findings
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=FINDING)


def at_stake(lines: Iterable[Mapping[str, Any]], share: float) -> list[Money]:
    """Give what is open of some order lines at its net value, and the share of it that is expected to be lost."""
    money = []
    for line in lines:
        exposed = line["net_minor"] * line["open_units"] // max(line["ordered_units"], 1)
        loss = round(share * exposed)
        money.append(Money(line=f"{line['entity']}/{line['line_id']}", exposed_minor=exposed, expected_loss_minor=loss))
    return money


def per_hour(loss_minor: int, deadline: datetime | None, now: datetime) -> int:
    """Spread a loss over the hours in which it falls due: up to the deadline, between an hour and a day."""
    hours = 24.0 if deadline is None else min(max((deadline - now) / timedelta(hours=1), 1.0), 24.0)
    return round(loss_minor / hours)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)

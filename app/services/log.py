"""What the log screen asks for: what was done, by whom, with which proof, and whether the log is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions import audit
from actions.registry import action_types
from actions.rows import actions
from app.services.acting import desk_of
from app.services.queue import said
from data.clock import from_micros
from data.store import Store

SHOWN = 500


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of the audit log."""

    id: int
    at: datetime
    by: str
    entry: str
    what: str
    subject: str
    detail: str
    sealed: bool


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Whether the log is whole, and the head to keep elsewhere."""

    whole: bool
    words: str
    head: str


def entries(store: Store) -> list[Entry]:
    """List the newest rows."""
    return [_entry(row) for row in audit.entries(desk_of(store), limit=SHOWN)]


def chain(store: Store) -> Chain:
    """Recompute the chain over every row."""
    desk = desk_of(store)
    proof, head = audit.verify(desk), audit.head(desk)
    return Chain(whole=proof.whole, words=proof.words, head=head.hash if head else "")


def done(store: Store) -> Sequence[dict[str, Any]]:
    """List actions, the newest first."""
    return actions(desk_of(store), limit=SHOWN)


def can_undo(action: dict[str, Any]) -> bool:
    """Tell whether an action was done and has a command that takes it back."""
    kind = action_types().get(action["type"])
    return kind is not None and kind.undo is not None and action["status"] in ("verified", "confirmed", "mismatch")


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        id=row["id"], at=from_micros(row["at"]), by=row["by"], entry=row["entry"], what=row["what"].replace("_", " "),
        subject=row["subject"], detail=said(json.loads(row["detail"])), sealed=bool(row["sealed"]),
    )  # fmt: skip

"""What a type of action is, and the card on which a person decides.

A type is a set of pure functions: where it looks, what it plans from what was read there, how a read-back is judged,
and which command takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

import msgspec
import polars as pl

from actions.view import View
from data.errors import RequestError
from data.events import Event
from data.lake import Facts
from ingest import verbs
from ingest.adapter import WriteRequest
from ingest.verbs import Verbs

Direction = Literal["protective", "expansive"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """Where a command looks before it is planned and after it was sent."""

    connection: str
    stream: str
    key: str | None  #: None where the thing does not exist before it is made


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field that will change in one system."""

    system: str
    thing: str
    field: str
    before: object
    after: object


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """A document that an earlier action of ours makes or made, for one item."""

    action: int
    noun: str  #: purchase | transfer
    reference: str
    sku: str
    units: int
    destination: str
    origin: str | None  #: where a transfer comes from
    free: int | None  #: what was free there when it was planned
    read_at: datetime | None  #: since when the log has the remote's own word for it
    stands: bool  #: false after a mismatch: then only what the facts show of it counts

    @property
    def words(self) -> str:
        """Say what it brings."""
        return f"a {self.noun} of {self.units:,} × {self.sku} for {self.destination}"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Everything that a plan may depend on."""

    case: Mapping[str, Any]
    view: View
    look: Look
    remote: Event | None  #: read just now
    reference: str  #: what the remote's own records will say about who changed it
    system: str = (
        ""  #: the kind of system that is looked at: it decides how a verb is spelled, and whether there is one
    )
    choice: Mapping[str, int | str] = field(default_factory=dict)  #: what a person chose to do otherwise
    drafted: Sequence[Drafted] = ()  #: earlier documents of ours for the case's item

    @property
    def verbs(self) -> Verbs:
        """Give the verbs of the system that is looked at."""
        return verbs.of(self.system)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a command would do; `blocked` says why it cannot or need not."""

    target: str  #: the remote entity; one action is in flight for each
    words: str
    direction: Direction
    request: WriteRequest | None
    reversible: str  #: until when and how it is taken back; begins with "no" where it cannot be
    changes: tuple[Change, ...] = ()
    why: tuple[str, ...] = ()
    side_effects: tuple[str, ...] = ()
    repeat: str = ""  #: why the same again is harmless, where it is not the system's own promise
    expected: Mapping[str, object] = field(default_factory=dict)  #: what the read-back is judged by
    value_minor: int | None = 0  #: None where nobody knows what it is worth
    currency: str = ""
    free_units: int | None = None  #: what is free where its units come from
    blocked: str | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """The command as it is stored and sent: typed, whole, without secrets."""

    type: str
    connection: str
    stream: str
    key: str | None
    request: WriteRequest | None
    expected: dict[str, Any]
    reference: str
    system: str = ""  #: the kind of system

    @property
    def verbs(self) -> Verbs:
        """Give the verbs of the system that it was sent to."""
        return verbs.of(self.system)


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sees before deciding."""

    type: str
    words: str
    request: WriteRequest | None
    changes: tuple[Change, ...]
    why: tuple[str, ...]
    inputs_as_of: datetime | None
    input_age_seconds: int | None
    stale: tuple[str, ...]
    direction: Direction
    side_effects: tuple[str, ...]
    reversible: str
    limits: tuple[str, ...]
    value_minor: int | None
    currency: str
    reference: str
    blocked: str | None = None
    repeat: str = ""  #: why the same request sent twice has one effect
    race: str = ""  #: what another hand may do between our look and our write; empty: a stale write is refused
    free_units: int | None = None  #: what was free where its units come from
    beside: tuple[int, ...] = ()  #: earlier drafts for the item that it reckons with


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a read-back shows: `verified`, `absent` (nothing of the intent is there) or `mismatch`."""

    state: Literal["verified", "absent", "mismatch"]
    words: str
    seen: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Meanwhile:
    """What happened since it was sent: what was sold and came back, each order named, and how fresh streams are."""

    now: datetime
    sent_at: datetime
    verified_before: bool = False  #: this is the second look
    as_of: Mapping[tuple[str, str], datetime] = field(default_factory=dict)  #: by connection and stream
    sold: int = 0
    returned: int = 0
    orders: tuple[str, ...] = ()
    facts: Facts | None = None  #: what is published now, for what changes only our own books


C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class ActionType(Generic[C]):
    """One kind of correction. `document` marks commands that make a new thing, found again by its reference."""

    id: str
    title: str
    inputs: tuple[str, ...]  #: streams that the plan is computed from; stale ones block expansive plans
    choices: Mapping[str, type[int | str]] = field(default_factory=dict)  #: what a person may choose otherwise
    look: Callable[[Mapping[str, Any], View], Look]
    plan: Callable[[Ask], Draft]
    verify: Callable[[Intent, Event | None, Meanwhile], Verdict]
    undo: Callable[[Intent, Event | None, str], Draft] | None = None
    document: str | None = None  #: kind of event that states the thing made
    brings_units: bool = False  #: its document brings units of the case's item to the case's location
    finds: Callable[[Intent, Event], bool] | None = None  #: recognises it; by our reference where it is not given
    internal: bool = False  #: changes nothing at a remote: it has no request, and failing is no mismatch
    idempotent: bool = True  #: the remote keeps idempotency keys: the same key twice has one effect
    settle: timedelta = timedelta(seconds=60)  #: how long the remote may take to show what it accepted
    shows_after: timedelta = timedelta(minutes=15)  #: how long until the case should be gone once it is verified
    parameters: C | None = None

    @property
    def sets_its_target(self) -> bool:
        """Tell whether the next action on the same target replaces what this one did; a new document stands beside it.

        A count is stated by the stock that it sets, not by a document of its own.
        """
        return self.document in (None, "stock")

    def chosen(self, given: Mapping[str, int | str]) -> dict[str, int | str]:
        """Read what a person chose, each as the number or the text that the plan takes.

        Raises:
            RequestError: the plan knows no such choice, or takes a whole number there.
        """
        if unknown := sorted(given.keys() - self.choices.keys()):
            known = ", ".join(sorted(self.choices)) or "no choice"
            raise RequestError(f"{self.id} takes {known}; not {', '.join(unknown)}")
        return {name: _whole(name, value) if self.choices[name] is int else str(value) for name, value in given.items()}


def _whole(name: str, value: int | str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise RequestError(f"{name} must be a whole number, not {value!r}") from error


def sold_since(facts: Facts, channel: str, sku: str, since: datetime) -> tuple[int, int, tuple[str, ...]]:
    """Count what a channel sold of an item and took back since a moment: (sold, returned, orders)."""
    lines = facts.frame("order_line").filter(
        (pl.col("channel") == channel) & (pl.col("sku") == sku) & (pl.col("placed_at") >= since)
    )
    back = facts.frame("return_line").filter(
        (pl.col("channel") == channel) & (pl.col("sku") == sku) & (pl.col("received_at") >= since)
    )
    sold = int((lines["ordered_units"] - lines["cancelled_units"]).sum())
    return sold, int(back["units"].sum()), tuple(lines["entity"].unique().sort())

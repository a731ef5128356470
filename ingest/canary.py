"""The first write to a system: one thing that a person picks is changed by the least, read back, and put back.

Two kinds: a number that is set one lower and back, which can sell nothing that is not there, and a draft of a document
that is made and cancelled, which moves nothing. What was chosen is a value that can be kept before anything is sent:
the same canary flown again, after being cut off anywhere, ends where the first one would have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from data.clock import Clock
from data.errors import RequestError
from data.events import (
    Event,
    LevelStated,
    ListingStated,
    LocationStated,
    PurchaseStated,
    StockStated,
    TermsStated,
    TransferStated,
)
from ingest import verbs
from ingest.adapter import Adapter, WriteRequest, WriteResult

LOOKS = 3  #: at what was written, before it counts as not there


class Canary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is written and taken back; see `choose`."""

    system: str
    flight: str  #: names it: its keys and its reference
    kind: str  #: level | listing | transfer | purchase
    sku: str
    target: str = ""  #: key of the level or the listing
    quantity: int = 0  #: what it was
    place: str = ""  #: where it is, in words; of a draft the location that it would bring it to
    origin: str = ""  #: location or supplier that the draft would bring it from

    @property
    def words(self) -> str:
        """Say what will be written, and that it is taken back."""
        match self.kind:
            case "level":
                return f"{self.sku} at {self.place}: set {self.quantity - 1} instead of {self.quantity}, and back"
            case "listing":
                return f"{self.sku} on {self.place}: offer {self.quantity - 1} instead of {self.quantity}, and back"
            case _:
                return f"draft a {self.kind} of 1 {self.sku} from {self.origin} to {self.place}, and cancel it"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One step as it went."""

    step: str  #: what was intended
    sent: str  #: what the system answered
    seen: str  #: what the read-back shows
    holds: bool  #: whether that is what was intended


@dataclass(frozen=True, kw_only=True)
class Flight:
    """What became of a canary."""

    lines: tuple[Line, ...]
    left: str  #: what is left in the system that a person must put right; empty: nothing

    @property
    def good(self) -> bool:
        """Tell whether everything was written, read back and taken back."""
        return not self.left and all(line.holds for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class _Step:
    says: str
    stream: str
    request: Callable[[str], WriteRequest]  #: by the key of what is written
    holds: Callable[[Event], bool]
    shown: Callable[[Event], str]
    makes: bool = False  #: a document that has no key yet


def kinds(system: str) -> tuple[str, ...]:
    """Name what a system lets itself be asked, the least first; nothing where it only is read."""
    able = verbs.of(system)
    offered = {
        "level": "set_stock_level", "listing": "set_listing_quantity", "transfer": "create_transfer_draft",
        "purchase": "create_purchase_draft",
    }  # fmt: skip
    return tuple(kind for kind, verb in offered.items() if able.has(verb))


def choose(adapter: Adapter, sku: str, *, flight: str, clock: Clock) -> Canary:
    """Choose what is written of an item; without one, of any that has enough.

    Raises:
        RequestError: there is nothing of it that can be written harmlessly; the sentence says what was looked for.
        SourceUnavailable, SourceRejected: the system cannot be read.
    """
    ways = kinds(adapter.system)
    if not ways:
        raise RequestError(f"{adapter.connection} is only read, nothing is ever written to it; it needs no canary")
    for kind in ways:
        found = _CHOICES[kind](adapter, sku, flight, clock)
        if found is not None:
            return found
    of = f"of {sku!r} " if sku else ""
    raise RequestError(
        f"{adapter.connection} has nothing {of}that can be written and taken back ({_LOOKED_FOR[ways[-1]]}); "
        "pick another item, or connect without the canary"
    )


def fly(adapter: Adapter, canary: Canary, *, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> Flight:
    """Write, read back, take back and read back again; what already stands is not written again."""
    lines: list[Line] = []
    key, seen = canary.target, None
    for number, step in enumerate(_steps(canary)):
        seen = _look(adapter, step.stream, key, clock) if key else None
        result = None
        if (seen is None and step.makes) or (seen is not None and not step.holds(seen)):
            result = adapter.send(step.request(key), key=f"{canary.flight}-{number}")
            key = key or (result.remote_id or "")
            seen = _look_until(adapter, step, key, clock, sleep)
        holds = seen is not None and step.holds(seen)
        shown = "nothing is there" if seen is None else step.shown(seen)
        lines.append(Line(step=step.says, sent=_told(result), seen=shown, holds=holds))
        if step.makes and not key and result is not None and result.outcome in ("rejected", "stale"):
            return Flight(lines=tuple(lines), left="")  # refused for certain: there is nothing to cancel
    return Flight(lines=tuple(lines), left="" if lines[-1].holds else _left(canary, key, seen))


def _left(canary: Canary, key: str, seen: Event | None) -> str:
    """Say what a person must put right; a document that was never made leaves nothing."""
    if canary.kind in ("level", "listing"):
        return f"the {canary.kind} of {canary.sku} at {canary.place} was {canary.quantity}: look at it there"
    if seen is None and not key:
        return f"it is not known whether a draft was made: look for the reference {canary.flight!r} there"
    return f"the {canary.kind} {key} is not cancelled: cancel it there"


def _steps(canary: Canary) -> tuple[_Step, _Step]:
    able = verbs.of(canary.system)
    match canary.kind:
        case "level":
            return (
                _level(able, canary.quantity, canary.quantity - 1),
                _level(able, canary.quantity - 1, canary.quantity),
            )
        case "listing":
            return (
                _listing(able, canary, canary.quantity, canary.quantity - 1),
                _listing(able, canary, canary.quantity - 1, canary.quantity),
            )
        case "transfer":
            units = {canary.sku: 1}
            return _document(
                "transfers", TransferStated,
                lambda _: able.create_transfer_draft(canary.origin, canary.place, units, reference=canary.flight),
                able.cancel_transfer_draft,
            )  # fmt: skip
        case _:
            units = {canary.sku: 1}
            return _document(
                "purchases", PurchaseStated,
                lambda _: able.create_purchase_draft(canary.origin, canary.place, units, reference=canary.flight),
                able.cancel_purchase_draft,
            )  # fmt: skip


def _level(able: verbs.Verbs, expected: int, wanted: int) -> _Step:
    return _Step(
        says=f"set {wanted} instead of {expected}", stream="levels",
        request=lambda key: able.set_stock_level(key, wanted, expected=expected, below_reserved=False),
        holds=lambda event: isinstance(event, LevelStated) and event.stocked == wanted,
        shown=lambda event: f"{event.stocked} are kept" if isinstance(event, LevelStated) else "the level is gone",
    )  # fmt: skip


def _listing(able: verbs.Verbs, canary: Canary, expected: int, wanted: int) -> _Step:
    return _Step(
        says=f"offer {wanted} instead of {expected}", stream="listings",
        request=lambda key: able.set_listing_quantity(key, wanted, expected=expected, reference=canary.flight),
        holds=lambda event: isinstance(event, ListingStated) and event.quantity == wanted,
        shown=lambda event: f"{event.quantity} are offered" if isinstance(event, ListingStated) else "it is gone",
    )  # fmt: skip


def _document(
    stream: str,
    shape: type[TransferStated | PurchaseStated],
    make: Callable[[str], WriteRequest],
    cancel: Callable[[str], WriteRequest],
) -> tuple[_Step, _Step]:
    what = stream.removesuffix("s")

    def stands(status: str) -> Callable[[Event], bool]:
        return lambda event: isinstance(event, shape) and event.status == status

    def shown(event: Event) -> str:
        return f"the {what} is {event.status}" if isinstance(event, shape) else f"the {what} is gone"

    made = _Step(says=f"draft a {what}", stream=stream, request=make, holds=stands("draft"), shown=shown, makes=True)
    return made, _Step(says="cancel it", stream=stream, request=cancel, holds=stands("cancelled"), shown=shown)


def _look(adapter: Adapter, stream: str, key: str, clock: Clock) -> Event | None:
    raw = adapter.get(stream, key, clock=clock)
    return None if raw is None else next(iter(adapter.parse(stream, raw).events), None)


def _look_until(adapter: Adapter, step: _Step, key: str, clock: Clock, sleep: Callable[[float], None]) -> Event | None:
    """Look a few times: a system may show a moment late what it took."""
    seen = None
    for again in range(LOOKS):
        if again:
            sleep(1.0)
        seen = _look(adapter, step.stream, key, clock) if key else None
        if not key or (seen is not None and step.holds(seen)):
            break
    return seen


def _told(result: WriteResult | None) -> str:
    if result is None:
        return "nothing: it stood there already"
    status = f"HTTP {result.status}: " if result.status else ""
    return f"{result.outcome} ({status}{result.response[:200]})" if result.outcome != "applied" else "applied"


def _said(adapter: Adapter, stream: str, clock: Clock) -> Iterator[tuple[str, Event]]:
    for page in adapter.changes(stream, None, clock=clock):
        for raw in page.items:
            for event in adapter.parse(stream, raw).events:
                yield raw.key, event


def _a_level(adapter: Adapter, sku: str, flight: str, clock: Clock) -> Canary | None:
    """Choose the level with most to spare: one unit fewer must not fall below what is reserved."""
    best: tuple[int, Canary] | None = None
    for key, event in _said(adapter, "levels", clock):
        if not isinstance(event, LevelStated) or (sku and event.sku != sku):
            continue
        spare = event.stocked - max(event.reserved, event.held or 0)
        if spare > 1 and (best is None or spare > best[0]):
            found = Canary(
                system=adapter.system, flight=flight, kind="level", sku=event.sku, target=key, quantity=event.stocked,
                place=event.location,
            )  # fmt: skip
            best = spare, found
    if best is None:
        return None
    names = {e.location: e.name for _, e in _said(adapter, "locations", clock) if isinstance(e, LocationStated)}
    return msgspec.structs.replace(best[1], place=names.get(best[1].place, best[1].place))


def _a_listing(adapter: Adapter, sku: str, flight: str, clock: Clock) -> Canary | None:
    for key, event in _said(adapter, "listings", clock):
        if isinstance(event, ListingStated) and event.sku == (sku or event.sku) and event.quantity > 1:
            return Canary(
                system=adapter.system, flight=flight, kind="listing", sku=event.sku, target=key,
                quantity=event.quantity, place=event.channel,
            )  # fmt: skip
    return None


def _a_transfer(adapter: Adapter, sku: str, flight: str, clock: Clock) -> Canary | None:
    places = [e.location for _, e in _said(adapter, "locations", clock) if isinstance(e, LocationStated)]
    if len(places) < 2:
        return None
    for _, event in _said(adapter, "stock", clock):
        if isinstance(event, StockStated) and event.sku == (sku or event.sku) and event.on_hand > event.allocated:
            other = next((place for place in places if place != event.location), None)
            if other is not None:
                return Canary(
                    system=adapter.system, flight=flight, kind="transfer", sku=event.sku, origin=event.location,
                    place=other,
                )  # fmt: skip
    return None


def _a_purchase(adapter: Adapter, sku: str, flight: str, clock: Clock) -> Canary | None:
    """Choose what was bought before, where it was brought to; else what a supplier offers, at the first location."""
    if "terms" not in adapter.streams:
        return None
    for _, event in _said(adapter, "purchases", clock):
        if isinstance(event, PurchaseStated):
            for line in event.lines:
                if line.sku == (sku or line.sku):
                    return Canary(
                        system=adapter.system, flight=flight, kind="purchase", sku=line.sku, origin=event.supplier,
                        place=event.location,
                    )  # fmt: skip
    if "locations" not in adapter.streams:
        return None
    place = next((e.location for _, e in _said(adapter, "locations", clock) if isinstance(e, LocationStated)), None)
    for _, event in _said(adapter, "terms", clock):
        if place is not None and isinstance(event, TermsStated) and event.sku == (sku or event.sku):
            return Canary(
                system=adapter.system, flight=flight, kind="purchase", sku=event.sku, origin=event.supplier, place=place
            )
    return None


_CHOICES: Mapping[str, Callable[[Adapter, str, str, Clock], Canary | None]] = {
    "level": _a_level, "listing": _a_listing, "transfer": _a_transfer, "purchase": _a_purchase,
}  # fmt: skip

_LOOKED_FOR: Mapping[str, str] = {
    "level": "a level with two units or more that nothing reserves",
    "listing": "a listing that offers two units or more",
    "transfer": "an item that is free at one of two locations",
    "purchase": "an item with a supplier",
}

"""What the shapes of all vendors share: bounded numbers, ids, aware times, and how a shape becomes events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from data import canonical
from data.errors import RecordInvalid
from data.events import Event
from data.money import to_minor

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=2_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Signed = Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
Version = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Time = Annotated[datetime, Meta(tz=True)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Amount = Annotated[str, Meta(min_length=1, max_length=40)]  #: a decimal as text, in major units

T = TypeVar("T")
Parser = Callable[[bytes], tuple[Event, ...]]
Identity = Mapping[tuple[str, str], str]  #: (kind, their id or code) -> ours


class Item(msgspec.Struct, kw_only=True, frozen=True):
    """What every item has."""

    id: Id
    version: Version
    updated_at: Time


class Customer(msgspec.Struct, frozen=True):
    """A buyer, without what is personal."""

    id: Id
    country: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a parser must know beside the item."""

    connection: str
    authority: str  #: the connection whose order ids this system refers to
    currency: str = ""  #: of amounts that name none
    stock_from: str = ""  #: the connection that owns the stock, its work and its parcels; this one where empty
    identity: Identity = field(default_factory=dict)
    user: str = ""  #: who logs in, where a token alone does not say it
    overlap: timedelta | None = None  #: how far back each read begins; the system's own where empty

    @property
    def owns_stock(self) -> bool:
        """Tell whether this system's word for stock, work and parcels is the merchant's."""
        return self.stock_from in ("", self.connection)

    def ours(self, kind: str, theirs: str) -> str:
        """Give our name of what they name so (`sku`, `location`); their own where nobody mapped it."""
        return self.identity.get((kind, theirs), theirs)

    def order(self, number: str) -> str:
        """Give the order's id with the authority that issued it."""
        return f"{self.authority}/{plain(number, 'order')}"


def reader(shape: type[T], translate: Callable[[T, Context], Event], context: Context) -> Parser:
    """Make a parser of a vendor's shape and of what it says in our words."""
    decoder = msgspec.json.Decoder(shape)

    def parse(raw: bytes) -> tuple[Event, ...]:
        return (translate(decoder.decode(raw), context),)

    return parse


def reader_of_several(shape: type[T], translate: Callable[[T, Context], tuple[Event, ...]], context: Context) -> Parser:
    """Make a parser of a vendor's shape that says several things in our words, or none."""
    decoder = msgspec.json.Decoder(shape)

    def parse(raw: bytes) -> tuple[Event, ...]:
        return translate(decoder.decode(raw), context)

    return parse


def plain(text: str, field: str) -> str:
    """Refuse an id with characters that no id has and databases stumble over."""
    if not text.isprintable():
        raise RecordInvalid(f"{field} {text!r} holds characters that cannot be printed; an id was expected")
    return text


def utc(at: datetime) -> datetime:
    """Normalise an aware time."""
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def maybe_utc(at: datetime | None) -> datetime | None:
    """Normalise an aware time that may be missing."""
    return None if at is None else utc(at)


@lru_cache(maxsize=65_536)
def decimal(text: str) -> Decimal:
    """Read an amount in major units in its one spelling; the log then has nothing to set right.

    Raises:
        RecordInvalid: it is no number, not finite or absurdly large.
    """
    try:
        amount = Decimal(text)
    except ArithmeticError as error:
        raise RecordInvalid(
            f"{text!r} is no amount; a decimal such as 12.50 was expected", error_class="number"
        ) from error
    return canonical.decimal(amount, "the amount")


@lru_cache(maxsize=65_536)
def minor(text: str, currency: str) -> int:
    """Read an amount in major units as integer minor units."""
    return to_minor(decimal(text), currency)


def day(text: str) -> date:
    """Read a date, or the date of a time."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise RecordInvalid(f"{text!r} is no date; YYYY-MM-DD was expected") from error

"""What the merchant sold before anybody looked: a few orders in every state of their life, and many that went well."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

#: How many delivered orders are made of each of PATTERNS, spread over the last DAYS days.
CLONES, DAYS = 50, 60


@dataclass(frozen=True)
class Order:
    """One order and how far it got."""

    fate: str
    place: str
    lines: dict[str, int]
    channel: int = 0
    #: of the lines: what was packed, shipped, sent back in good state, sent back damaged
    packed: dict[str, int] = field(default_factory=dict)
    shipped: dict[str, int] = field(default_factory=dict)
    good: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sold:
    """An order as the storefront made it."""

    number: int  #: the storefront's display id: the reference of the ERP's sale
    placed_at: datetime
    order: Order


def _whole(fate: str, place: str, lines: dict[str, int], **more: object) -> Order:
    return Order(fate, place, lines, packed=lines, shipped=lines, **more)  # type: ignore[arg-type]


#: Delivered orders that are copied CLONES times each.
PATTERNS = (
    _whole("delivered", "BER", {"TEE-002-M": 1}),
    _whole("delivered", "BER", {"CAP-003-S": 1, "PEN-006-M": 2}),
    _whole("delivered", "BER", {"PAD-007-L": 1, "POT-009-S": 1}, channel=1),
    _whole("delivered", "LYS", {"LMP-008-M": 1}),
)
#: Orders whose whole life went through the storefront's own API.
LIVES = (
    Order("reserved", "BER", {"TEE-002-S": 2, "CAP-003-M": 1}),
    Order("reserved", "LYS", {"LMP-008-S": 1}, channel=1),
    Order("unpaid", "BER", {"PEN-006-S": 3}),
    Order("packed", "BER", {"PAD-007-S": 3, "PEN-006-L": 2}, packed={"PAD-007-S": 2}),
    Order("shipped in part", "BER", {"TEE-002-L": 3}, packed={"TEE-002-L": 2}, shipped={"TEE-002-L": 2}),
    _whole("shipped", "BER", {"BAG-004-S": 1}),
    _whole("delivered", "BER", {"TEA-005-M": 2}),
    _whole("completed", "LYS", {"LMP-008-L": 2}, channel=1),
    _whole("returned", "BER", {"BAG-004-M": 2}, good={"BAG-004-M": 1}),
    _whole("returned", "BER", {"POT-009-M": 2}, good={"POT-009-M": 1}, damaged={"POT-009-M": 1}),
    _whole("return requested", "BER", {"CAP-003-L": 2}, good={"CAP-003-L": 1}),
    Order("cancelled", "BER", {"PAD-007-M": 2}),
    Order("cancelled after payment", "BER", {"POT-009-L": 1}),
)

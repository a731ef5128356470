"""Buyers: simulated orders, drawn by the demand law, limited by what is listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from sandbox.catalog import CAP, CHANNELS
from sandbox.instants import DAY, SECOND
from sandbox.law import draw_lines
from sandbox.shapes import Customer
from sandbox.storefront import NewLine, NewOrder

if TYPE_CHECKING:
    from sandbox.world import World

FIRST_NAMES = (
    "Alba", "Bruno", "Carla", "Dario", "Edith", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Karin", "Liam", "Mira",
    "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Stefan", "Tilda", "Ugo", "Vera", "Willem", "Xenia", "Yusuf", "Zora",
)  # fmt: skip
LAST_NAMES = (
    "Ashdown", "Bellweather", "Cranmoor", "Dunmore", "Eastgate", "Fairholm", "Greystone", "Hartfell", "Inverlee",
    "Jessop", "Kirkwall", "Larkspur", "Millbrook", "Northway", "Oakhurst", "Pemberly", "Quarrie", "Ravenhill",
    "Silverdale", "Thornbury", "Underhill", "Valebridge", "Westmere", "Yarrow",
)  # fmt: skip
FREE_SHIPPING_FROM = 50_000
WEB_SHIPPING = 3_950


class BuyersState(msgspec.Struct):
    """The number of the next simulated order."""

    next_order: int = 700_001


def invented_customer(pseudonym: str, country: str) -> Customer:
    """Invent a name and address for a pseudonym; the same pseudonym is the same person."""
    number = crc32(pseudonym.encode())
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    last = LAST_NAMES[number // 31 % len(LAST_NAMES)]
    return Customer(pseudonym, f"{first}.{last}.{pseudonym}@example.com".lower(), f"{first} {last}", country)


def pseudonym_of(customer: int | None, order_id: str) -> str:
    """Name a customer; who bought without an account is a guest of that one order."""
    return f"guest-{order_id}" if customer is None else f"c{customer}"


class Buyers:
    """Place orders at the steady rate of the law, day and night."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = BuyersState()

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Name what can happen here."""
        return {"arrive": self.arrive}

    def begin(self) -> None:
        """Let the first buyer of each channel come."""
        for channel in CHANNELS:
            self._next(channel)

    def arrive(self, channel: str) -> None:
        """Place one order, if anything wanted is listed."""
        self._next(channel)
        law = self.world.law.channels[channel]
        lines = self._wanted(channel)
        customer, country = self.world.rng.choice(law.buyers)
        if not lines:
            return
        order_id = str(self.state.next_order)
        self.state.next_order += 1
        worth = sum(line.quantity * line.mills for line in lines)
        self.world.storefront.place(
            NewOrder(
                id=order_id,
                channel=channel,
                customer=invented_customer(pseudonym_of(customer, order_id), country),
                lines=lines,
                shipping=WEB_SHIPPING if channel == "web" and worth < FREE_SHIPPING_FROM else 0,
                simulated=True,
            )
        )

    def _next(self, channel: str) -> None:
        wait = self.world.rng.expovariate(self.world.law.channels[channel].per_day) * DAY
        self.world.schedule(self.world.now + max(round(wait / SECOND), 1) * SECOND, "arrive", channel)

    def _wanted(self, channel: str) -> list[NewLine]:
        listings = self.world.storefront.listings
        taken: dict[int, int] = {}
        lines = []
        for sku, wanted, mills in draw_lines(self.world.law.channels[channel], self.world.rng):
            goods = self.world.catalog.skus[sku]
            listing = listings[f"{channel}:{goods.code}"]
            left = listing.quantity - taken.get(sku, 0) if listing.active else 0
            # A listing at its cap says "at least this many".
            quantity = wanted if listing.active and listing.quantity >= CAP[channel] else min(wanted, left)
            if quantity > 0:
                taken[sku] = taken.get(sku, 0) + quantity
                lines.append(NewLine(goods.code, goods.title, "product", quantity, mills))
        return lines

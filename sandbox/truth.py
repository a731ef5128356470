"""The truth: every violation that the sandbox's own state holds, by the rules of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import msgspec
import numpy as np

from sandbox.catalog import CHANNELS
from sandbox.instants import DAY, HOUR, MINUTE, parse
from sandbox.law import DELAY_DAYS, DELAY_WEIGHTS, PlaceLaw
from sandbox.shapes import Order, Work
from sandbox.warehouse_floor import OPEN_STAGES
from sandbox.world import World

TOLERATED_UNITS = 2
TOLERATED_SHARE = 0.1
STALLED_AFTER = 30 * HOUR
TOLD_WITHIN = 30 * MINUTE
EXTRA_DAYS = 7
LISTED_ABOVE = 0.2
PATHS = 2000


class Violation(msgspec.Struct, omit_defaults=True):
    """A rule that does not hold for a subject."""

    detector: str
    subject: str
    injected: bool
    since: str
    p: float | None = None


def oversold(world: World) -> Iterator[str]:
    """X01: a place has to ship more than lies there in good condition."""
    warehouse = world.warehouse
    for number, place in enumerate(world.catalog.places):
        demand = warehouse.room.open_demand(number)
        if demand and demand > warehouse.room.sellable(number):
            yield place.id


def drifted(world: World) -> Iterator[str]:
    """X02: an active listing is far from the stock behind it; a sync under way is given its time."""
    storefront = world.storefront
    for number, goods in enumerate(world.catalog.skus):
        for channel in CHANNELS:
            listing = storefront.listings[f"{channel}:{goods.code}"]
            expected = storefront.expected(channel, number)
            if listing.quantity == expected or not listing.active:
                continue
            is_under_way = number in storefront.state.syncing and listing.id not in storefront.stuck
            tolerated = max(TOLERATED_UNITS, TOLERATED_SHARE * expected)
            if not is_under_way and abs(listing.quantity - expected) > tolerated:
                yield listing.id


def late_orders(world: World) -> Iterator[str]:
    """X10: an order's allocated goods are past their date, or its work has not moved for 30 hours."""
    for order_id, work_ids in world.warehouse.state.open_work.items():
        order = world.storefront.orders[order_id]
        work = [world.warehouse.work[work_id] for work_id in work_ids]
        if is_late(world, order, [one for one in work if one.status in OPEN_STAGES]):
            yield order_id


def is_late(world: World, order: Order, work: list[Work]) -> bool:
    """Judge one order by its work that does not wait for stock."""
    if order.hold is not None or order.cancelled_at is not None or not work:
        return False
    now = world.now + world.shift
    return now > parse(order.ship_by) or any(now - entered(one) > STALLED_AFTER for one in work)


def entered(work: Work) -> int:
    """Say when work reached its stage, as far as its item tells."""
    times = {"packed": work.packed_at, "picked": work.picked_at}
    return parse(times.get(work.status) or work.released_at or work.updated_at)


def untold_orders(world: World) -> Iterator[str]:
    """X22: a parcel left more than half an hour ago and its order does not know."""
    orders = {
        order_id
        for order_id, handed_over in world.warehouse.state.untold.values()
        if world.now - handed_over > TOLD_WITHIN
    }
    yield from sorted(orders)


def next_receipts(world: World) -> dict[int, int]:
    """Find the planned instant of the next firm receipt of each place that has one."""
    due: dict[int, int] = {}
    for purchase_id, promised in world.erp.state.open_purchases.items():
        purchase = world.erp.purchases[purchase_id]
        for line in purchase.lines:
            place = world.warehouse.place_of[f"{line.sku}@{purchase.location}"]
            due[place] = min(promised, due.get(place, promised))
    return due


def transfers_due(world: World) -> dict[int, int]:
    """Find the instant at which each place on the receiving end of a sent transfer has its goods."""
    due: dict[int, int] = {}
    for transfer_id, instant in world.warehouse.state.moving.items():
        transfer = world.warehouse.transfers[transfer_id]
        for line in transfer.lines:
            if line.quantity:
                place = world.warehouse.place_of[f"{line.sku}@{transfer.target}"]
                due[place] = min(instant, due.get(place, instant))
    return due


class StockoutOdds:
    """X37: how likely a place runs out before its next firm receipt, by the law itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[int, int, int, int], float] = {}

    def risky(self) -> dict[str, float]:
        """Give the odds of every place where they are above .2."""
        receipts, moves = next_receipts(self.world), transfers_due(self.world)
        found = {}
        for number, place in enumerate(self.world.catalog.places):
            if self.world.law.places[number] is not None:
                odds = self.of(number, receipts.get(number), moves.get(number))
                if odds > LISTED_ABOVE:
                    found[place.id] = round(odds, 4)
        return found

    def of(self, number: int, receipt: int | None, move: int | None) -> float:
        """Give the odds of one place; 0 where a bound shows that they are at most .2."""
        law = self.world.law
        place_law = law.places[number]
        atp = self.world.warehouse.room.free(number)
        if place_law is None:
            return 0.0
        if atp <= 0:
            return 1.0
        days, weights = self._waits(number, receipt, move)
        longest = max(days)
        # Cantelli: two standard deviations above the mean are passed with odds of at most 1/5.
        if atp >= law.mean[number] * longest + 2 * (law.spread[number] * longest) ** 0.5:
            return 0.0
        key = (number, atp, receipt or 0, self.world.now // HOUR)
        if move is not None or key not in self._known:
            self._known[key] = simulated_odds(place_law, atp, days, weights, seed=number)
        return self._known[key]

    def _waits(self, number: int, receipt: int | None, move: int | None) -> tuple[list[float], list[float]]:
        now = self.world.now
        if move is not None and (receipt is None or move < receipt):
            return [max(move - now, 0) / DAY], [1.0]
        if receipt is None:
            vendor = self.world.catalog.vendors[self.world.catalog.skus[self.world.catalog.places[number].sku].supplier]
            return [float(vendor.lead_days + EXTRA_DAYS)], [1.0]
        waits = [
            ((receipt - now) / DAY + delay, weight) for delay, weight in zip(DELAY_DAYS, DELAY_WEIGHTS, strict=True)
        ]
        still = [(days, weight) for days, weight in waits if days > 0] or [(0.0, 1)]
        total = sum(weight for _, weight in still)
        return [days for days, _ in still], [weight / total for _, weight in still]


def simulated_odds(law: PlaceLaw, atp: int, days: list[float], weights: list[float], seed: int) -> float:
    """Draw the demand until the receipt many times; give the share of times in which it takes all stock."""
    rng = np.random.default_rng(crc32(str(seed).encode()))
    wait = rng.choice(np.array(days), size=PATHS, p=np.array(weights))
    lines = rng.poisson(law.lines_per_day * wait)
    steps = np.cumsum(np.array(law.weight))
    picks = np.minimum(np.searchsorted(steps, rng.random(int(lines.sum()))), len(steps) - 1)
    units = np.array(law.quantity)[picks]
    path = np.repeat(np.arange(PATHS), lines)
    demand = np.bincount(path, units, PATHS)
    return float((demand >= atp).mean())


class Judge:
    """Gathers all violations and remembers since when they are there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.odds = StockoutOdds(world)
        self._since: dict[tuple[str, str], str] = {}

    def violations(self, injected: set[tuple[str, str]], stopped: dict[str, str]) -> list[Violation]:
        """List what is wrong at this instant, injected or grown."""
        found: list[tuple[str, str, float | None]] = [
            *(("X01", subject, None) for subject in oversold(self.world)),
            *(("X02", subject, None) for subject in drifted(self.world)),
            *(("X10", subject, None) for subject in late_orders(self.world)),
            *(("X22", subject, None) for subject in untold_orders(self.world)),
            *(("X37", subject, odds) for subject, odds in self.odds.risky().items()),
            *(("X46", subject, None) for subject in stopped),
        ]
        now = self.world.written()
        self._since = {
            (detector, subject): self._since.get((detector, subject), stopped.get(subject, now))
            for detector, subject, _ in found
        }
        return [
            Violation(detector, subject, (detector, subject) in injected, self._since[detector, subject], odds)
            for detector, subject, odds in found
        ]

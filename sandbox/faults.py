"""Faults on order: business faults with a known truth; each says what it has done to which subject."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sandbox.catalog import BUFFER, CAP
from sandbox.truth import is_late, next_receipts, transfers_due
from sandbox.warehouse_floor import OPEN_STAGES

if TYPE_CHECKING:
    from sandbox.merchant import Merchant

STEADY_LINES_PER_DAY = 0.7
ODDS_WANTED = 0.97  # above the .95 of the contract by more than the simulation errs
FAULT_REFERENCE = "fault"


class Fault(msgspec.Struct):
    """One fault that was injected."""

    id: str
    kind: str
    detector: str | None
    subject: str
    injected_at: str
    state: str = "pending"  #: pending (not yet true), active (true now), over
    params: dict[str, Any] = {}


class CannotInject(Exception):  # noqa: N818 - it is an answer, not a defect
    """The world offers no subject for this fault, or the request makes no sense."""


class Faults:
    """Injects business faults, and knows what was injected."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.world = merchant.world
        self.all: list[Fault] = []
        self.kinds: dict[str, tuple[str, Callable[[Random, int], list[str]]]] = {
            "listing_stuck": ("X02", self.stick_listings),
            "oversold": ("X01", self.oversell),
            "work_stuck": ("X10", self.stick_work),
            "fulfilment_lost": ("X22", self.lose_fulfilments),
            "stock_run_down": ("X37", self.run_down),
        }

    def inject(self, kind: str, seed: int, count: int) -> list[Fault]:
        """Inject business faults of a kind into so many subjects."""
        detector, method = self.kinds[kind]
        self.world.tick()
        subjects = method(Random(f"{kind}:{seed}"), count)
        return [self.note(kind, detector, subject) for subject in subjects]

    def note(self, kind: str, detector: str | None, subject: str, params: dict[str, Any] | None = None) -> Fault:
        """Keep a fault in the book."""
        fault = Fault(
            f"fault-{len(self.all) + 1}", kind, detector, subject, self.world.written(), "pending", params or {}
        )
        self.all.append(fault)
        return fault

    def injected(self) -> set[tuple[str, str]]:
        """Name what was injected and is not over for good."""
        return {(fault.detector, fault.subject) for fault in self.all if fault.detector and fault.state != "over"}

    def judge(self, wrong: set[tuple[str, str]]) -> None:
        """Bring the state of each fault up to date with what is wrong now."""
        for fault in self.all:
            if fault.detector is None:
                continue
            if (fault.detector, fault.subject) in wrong and fault.state == "pending":
                fault.state = "active"
            elif (fault.detector, fault.subject) not in wrong and fault.state == "active":
                fault.state = "over"

    def end(self, fault: Fault) -> None:
        """Take a fault's cause away; what it has already done stays, unless the sync or the push mends it."""
        warehouse, storefront = self.world.warehouse, self.world.storefront
        if fault.kind == "listing_stuck":
            storefront.stuck.discard(fault.subject)
            storefront.stock_changed(self.world.catalog.index[fault.subject.partition(":")[2]])
        elif fault.kind == "work_stuck":
            for work_id in warehouse.state.open_work.get(fault.subject, []):
                warehouse.floor.let_go(work_id)
        elif fault.kind == "fulfilment_lost":
            warehouse.dock.push_lost(fault.subject)
        elif fault.kind in {"oversold", "stock_run_down"}:
            self.world.erp.unplanned.discard(warehouse.place_of[fault.subject])
        elif fault.kind == "feed_stopped":
            system, _, stream = fault.subject.partition("/")
            self.merchant.resume_feed(system, stream or None)
        fault.state = "over"

    def stick_listings(self, rng: Random, count: int) -> list[str]:
        """Stop the sync of some listings and set them far off, over or under by turns."""
        storefront, catalog = self.world.storefront, self.world.catalog
        candidates = [
            (channel, sku)
            for channel in ("web", "marketplace", "wholesale")
            for sku in sorted(set(self.world.law.channels[channel].sku))
            if 25 <= storefront.expected(channel, sku) < CAP[channel]
            and f"{channel}:{catalog.skus[sku].code}" not in storefront.stuck
        ]
        chosen = _some(rng, candidates, count)
        subjects = []
        for number, (channel, sku) in enumerate(chosen):
            listing = storefront.listings[f"{channel}:{catalog.skus[sku].code}"]
            expected = storefront.expected(channel, sku)
            off = expected + max(40, expected) if number % 2 == 0 else expected // 4
            storefront.stuck.add(listing.id)
            storefront.set_quantity(listing, off, None)
            subjects.append(listing.id)
        return subjects

    def oversell(self, rng: Random, count: int) -> list[str]:
        """Write off stock that was already promised."""
        warehouse, state = self.world.warehouse, self.world.warehouse.state
        candidates = [
            place
            for place, law in enumerate(self.world.law.places)
            if law is not None
            and state.allocated[place] - state.picked[place] >= 2
            and not state.backlog[place]
            and place not in self.world.erp.unplanned
        ]
        # Where a delivery is due the fault would heal by itself, so those come last.
        rng.shuffle(candidates)
        candidates.sort(key=lambda place: self.world.erp.state.on_order[place] > 0)
        for place in _enough(candidates, count):
            unpicked = state.allocated[place] - state.picked[place]
            lost_goods = state.quarantined[place] + state.damaged[place]
            state.on_hand[place] = lost_goods + state.picked[place] + unpicked // 3
            self.world.erp.unplanned.add(place)
            warehouse.room.changed(place)
        return [self.world.catalog.places[place].id for place in candidates[:count]]

    def stick_work(self, rng: Random, count: int) -> list[str]:
        """Let the work of some orders stop moving."""
        warehouse, storefront = self.world.warehouse, self.world.storefront
        candidates = []
        for order_id, work_ids in sorted(warehouse.state.open_work.items()):
            work = [warehouse.work[work_id] for work_id in work_ids]
            moving = [one for one in work if one.status in OPEN_STAGES and one.id not in warehouse.floor.stuck]
            if moving and not is_late(self.world, storefront.orders[order_id], moving):
                candidates.append((order_id, moving[0].id))
        chosen = _some(rng, candidates, count)
        for _, work_id in chosen:
            warehouse.floor.stuck[work_id] = ""
        return [order_id for order_id, _ in chosen]

    def lose_fulfilments(self, rng: Random, count: int) -> list[str]:
        """Let parcels leave now, without a word to the storefront."""
        warehouse = self.world.warehouse
        by_stage: dict[str, dict[str, str]] = {stage: {} for stage in reversed(OPEN_STAGES)}
        for order_id, work_ids in sorted(warehouse.state.open_work.items()):
            if warehouse.floor.stuck.keys().isdisjoint(work_ids):
                for work_id in work_ids:
                    by_stage.get(warehouse.work[work_id].status, {})[order_id] = work_id
        candidates: dict[str, str] = {}
        for stage in by_stage.values():
            shuffled = list(stage.items())
            rng.shuffle(shuffled)
            for order_id, work_id in shuffled:
                candidates.setdefault(order_id, work_id)
        chosen = _enough(list(candidates.items()), count)
        for _, work_id in chosen:
            warehouse.dock.lost.add(work_id)
            warehouse.floor.rush(work_id)
        return [order_id for order_id, _ in chosen]

    def run_down(self, rng: Random, count: int) -> list[str]:
        """Leave so little of steady sellers that they run out before anything can come."""
        state = self.world.warehouse.state
        receipts, moves = next_receipts(self.world), transfers_due(self.world)
        steady = [
            place
            for place, law in enumerate(self.world.law.places)
            if law is not None
            and law.lines_per_day >= STEADY_LINES_PER_DAY
            and place not in receipts
            and place not in moves
            and not state.backlog[place]
            and self.world.warehouse.room.free(place) > BUFFER["marketplace"]
            and place not in self.world.erp.unplanned
        ]
        rng.shuffle(steady)
        chosen: list[int] = []
        for place in steady:
            if len(chosen) < count and self._leave_little(place):
                chosen.append(place)
        _enough(chosen, count)
        return [self.world.catalog.places[place].id for place in chosen]

    def _leave_little(self, place: int) -> bool:
        state, warehouse = self.world.warehouse.state, self.world.warehouse
        before = state.on_hand[place]
        for days in (2.0, 1.0, 0.5, 0.25):
            left = max(round(self.world.law.mean[place] * days), 1)
            state.on_hand[place] = min(before - warehouse.room.free(place) + left, before)
            if self.merchant.judge.odds.of(place, None, None) >= ODDS_WANTED:
                self.world.erp.unplanned.add(place)
                warehouse.room.changed(place)
                return True
            state.on_hand[place] = before
        return False


T = TypeVar("T")


def _enough(candidates: list[T], count: int) -> list[T]:
    if not candidates:
        raise CannotInject("no subject fits this fault now")
    return candidates[:count]


def _some(rng: Random, candidates: list[T], count: int) -> list[T]:
    return rng.sample(candidates, len(_enough(candidates, count)))

"""The carrier: parcels and their scans."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.instants import DAY, HOUR, MINUTE
from sandbox.shapes import Parcel, Scan
from sandbox.stream import Stream

if TYPE_CHECKING:
    from sandbox.world import World

CARRIER_OF = {"web": "northpost", "marketplace": "swiftline", "wholesale": "palletways"}
EXCEPTION_RATE = 0.02
RETURN_RATE = 0.012  # of the lines of simulated orders


class Carrier:
    """Moves parcels from hand-over to the door."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.parcels = Stream("carrier", "parcels", Parcel)
        self.streams: dict[str, Stream[Any]] = {"parcels": self.parcels}

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Name what can happen here."""
        return {"scan": self.scan}

    def accept(self, tracking: str, carrier: str, order_id: str) -> None:
        """Take a parcel over."""
        self.world.add(self.parcels, Parcel(id=tracking, carrier=carrier, scans=[], delivered_at=None))
        self._later("picked_up", tracking, order_id, 20 * MINUTE, 2 * HOUR)

    def scan(self, tracking: str, code: str, order_id: str) -> None:
        """Read a parcel's label and send it on its way."""
        parcel = self.parcels[tracking]
        parcel.scans.append(Scan(self.world.written(), code))
        if code == "picked_up":
            self._later("in_transit", tracking, order_id, 4 * HOUR, 12 * HOUR)
        elif code == "in_transit" and self.world.rng.random() < EXCEPTION_RATE:
            self._later("exception", tracking, order_id, 6 * HOUR, DAY)
        elif code in {"in_transit", "exception"}:
            self._later("out_for_delivery", tracking, order_id, 10 * HOUR, 50 * HOUR)
        elif code == "out_for_delivery":
            self._later("delivered", tracking, order_id, HOUR, 8 * HOUR)
        else:
            parcel.delivered_at = self.world.written()
            self._maybe_return(order_id)
        self.world.touch(self.parcels, parcel)

    def _later(self, code: str, tracking: str, order_id: str, soonest: int, latest: int) -> None:
        minutes = self.world.rng.randint(soonest // MINUTE, latest // MINUTE)
        self.world.schedule(self.world.now + minutes * MINUTE, "scan", tracking, code, order_id)

    def _maybe_return(self, order_id: str) -> None:
        order = self.world.storefront.orders[order_id]
        if not order.simulated:
            return
        rng = self.world.rng
        back: list[int | str] = []
        for line in order.lines:
            if rng.random() < RETURN_RATE and line.quantity > line.cancelled_quantity:
                back += [line.id, rng.randint(1, line.quantity - line.cancelled_quantity)]
        if back:
            self.world.schedule(self.world.now + rng.randint(2 * 24, 12 * 24) * HOUR, "ask_return", order_id, *back)

"""The world: one queue of events in time, and the four systems that they move."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import TypeVar

from sandbox import instants
from sandbox.buyers import Buyers
from sandbox.carrier import Carrier
from sandbox.catalog import Catalog
from sandbox.erp import Erp
from sandbox.law import Law
from sandbox.shapes import Item
from sandbox.storefront import Storefront
from sandbox.stream import Stream
from sandbox.warehouse import Warehouse

Event = tuple[int, int, str, list[int | str]]
RngState = tuple[int, tuple[int, ...], float | None]
T = TypeVar("T", bound=Item)


class World:
    """Everything that is true, at one instant; time moves only through `run_until`."""

    def __init__(self, catalog: Catalog, law: Law, seed: int, now: int) -> None:
        self.catalog = catalog
        self.law = law
        self.rng = Random(seed)
        self.now = now
        self.shift = 0  #: what is added to an instant when it is written
        self.is_live = False
        self._written = (-1, "")
        self.queue: list[Event] = []
        self.sequence = 0
        self.listener: Callable[[str, str, str], None] | None = None
        self.storefront = Storefront(self)
        self.warehouse = Warehouse(self)
        self.erp = Erp(self)
        self.carrier = Carrier(self)
        self.buyers = Buyers(self)
        self.handlers: dict[str, Callable[..., None]] = {
            **self.storefront.handlers(),
            **self.warehouse.handlers(),
            **self.erp.handlers(),
            **self.carrier.handlers(),
            **self.buyers.handlers(),
        }

    @property
    def streams(self) -> dict[str, dict[str, Stream[Item]]]:
        """All streams by system and name."""
        return {
            "storefront": self.storefront.streams,
            "erp": self.erp.streams,
            "warehouse": self.warehouse.streams,
            "carrier": self.carrier.streams,
        }

    def written(self, instant: int | None = None) -> str:
        """Write an instant (now, when none is given) as the streams show it."""
        if instant is not None:
            return instants.text(instant + self.shift)
        if self._written[0] != self.now:
            self._written = (self.now, instants.text(self.now + self.shift))
        return self._written[1]

    def schedule(self, due: int, kind: str, *subject: int | str) -> None:
        """Let something happen later."""
        self.sequence += 1
        heappush(self.queue, (due, self.sequence, kind, list(subject)))

    def run_until(self, instant: int) -> None:
        """Let everything happen that is due, in order."""
        queue = self.queue
        while queue and queue[0][0] <= instant:
            due, _, kind, subject = heappop(queue)
            self.now = max(self.now, due)
            self.handlers[kind](*subject)
        self.now = max(self.now, instant)

    def tick(self) -> None:
        """Move on by a microsecond, so that a change from outside never shares its time with an earlier one."""
        self.run_until(self.now + 1)

    def add(self, stream: Stream[T], item: T) -> None:
        """Put a new item on a stream."""
        stream.live[item.id] = item
        self.touch(stream, item)

    def touch(self, stream: Stream[T], item: T) -> None:
        """Publish the change of an item."""
        stream.touch(item, self.now, self.written())
        if self.listener is not None:
            self.listener(stream.system, stream.name, item.id)

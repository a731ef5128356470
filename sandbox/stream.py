"""A stream of items: a read-only base from the cache, and above it what has changed since."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Container, Iterator
from typing import Generic, Protocol, TypeVar

import msgspec

from sandbox.shapes import Item

T = TypeVar("T", bound=Item)
Key = tuple[int, str]


class Base(Protocol):
    """Encoded items in the order of (time of change, id)."""

    stamps: list[int]
    ids: list[str]

    def find(self, item_id: str) -> int | None:
        """Find the place of an item."""

    def payload(self, place: int) -> bytes:
        """Encode the item at a place."""


class EmptyBase:
    """Nothing was there before."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.ids: list[str] = []

    def find(self, item_id: str) -> int | None:  # noqa: ARG002 - the shape of every base
        """Find nothing."""
        return None

    def payload(self, place: int) -> bytes:
        """Have nothing to encode."""
        raise IndexError(place)


class View:
    """One consistent sight of a stream, in the order of (time of change, id)."""

    def __init__(
        self,
        base: Base,
        changed: Container[str],
        log: list[Key],
        stamps: dict[str, int],
        encode: Callable[[str], bytes],
    ) -> None:
        self.base = base
        self.changed = changed
        self.log = log
        self.stamps = stamps
        self.encode = encode

    def payload(self, item_id: str) -> bytes | None:
        """Encode one item, None when there is none."""
        if item_id in self.stamps:
            return self.encode(item_id)
        place = self.base.find(item_id)
        return None if place is None else self.base.payload(place)

    def keys(self) -> list[str]:
        """List all ids, sorted."""
        return sorted({*self.base.ids, *self.stamps})

    def page(self, start: Key, limit: int) -> tuple[list[bytes], Key | None]:
        """Read items after a key; the second value is the key to go on from, None at the end."""
        found: list[bytes] = []
        last = start
        for key, payload in self._after(start):
            if len(found) == limit:
                return found, last
            found.append(payload())
            last = key
        return found, None

    def _after(self, start: Key) -> Iterator[tuple[Key, Callable[[], bytes]]]:
        for place in range(self._first_place(start), len(self.base.ids)):
            item_id = self.base.ids[place]
            if item_id not in self.changed:
                yield (self.base.stamps[place], item_id), lambda at=place: self.base.payload(at)  # type: ignore[misc]
        for position in range(bisect_right(self.log, start), len(self.log)):
            stamp, item_id = self.log[position]
            if self.stamps.get(item_id) == stamp:
                yield (stamp, item_id), lambda name=item_id: self.encode(name)  # type: ignore[misc]

    def _first_place(self, start: Key) -> int:
        stamp, item_id = start
        low = bisect_left(self.base.stamps, stamp)
        high = bisect_right(self.base.stamps, stamp, low)
        return bisect_right(self.base.ids, item_id, low, high)


class Stream(Generic[T]):
    """All items of one kind in one system; every change goes through `add` or `touch`."""

    def __init__(self, system: str, name: str, kind: type[T]) -> None:
        self.system = system
        self.name = name
        self.kind = kind
        self.base: Base = EmptyBase()
        self.live: dict[str, T] = {}
        self.stamps: dict[str, int] = {}
        self.log: list[Key] = []
        self.payloads: dict[str, bytes] = {}
        self.keeps_log = False
        self._decode = msgspec.json.Decoder(kind).decode
        self._encode = msgspec.json.Encoder().encode

    def add(self, item: T, instant: int, written: str) -> None:
        """Take in a new item."""
        self.live[item.id] = item
        self.touch(item, instant, written)

    def touch(self, item: T, instant: int, written: str) -> None:
        """Say that an item has changed at an instant."""
        item.version += 1
        item.updated_at = written
        was_changed_now = self.stamps.get(item.id) == instant
        self.stamps[item.id] = instant
        if self.keeps_log:
            self.payloads.pop(item.id, None)
            if not was_changed_now:
                insort(self.log, (instant, item.id))
            if len(self.log) > 4 * len(self.stamps) + 1000:
                self._compact()

    def get(self, item_id: str) -> T | None:
        """Fetch an item to read or change."""
        item = self.live.get(item_id)
        if item is not None:
            return item
        place = self.base.find(item_id)
        if place is None:
            return None
        item = self.live[item_id] = self._decode(self.base.payload(place))
        return item

    def __getitem__(self, item_id: str) -> T:
        """Fetch an item that must be there."""
        item = self.get(item_id)
        if item is None:
            raise KeyError(item_id)
        return item

    def encode(self, item_id: str) -> bytes:
        """Encode a changed item, once for each change."""
        payload = self.payloads.get(item_id)
        if payload is None:
            payload = self.payloads[item_id] = self._encode(self.live[item_id])
        return payload

    def view(self) -> View:
        """See the stream as it is, changing."""
        return View(self.base, self.stamps, self.log, self.stamps, self.encode)

    def snapshot(self) -> View:
        """See the stream as it is now, for ever."""
        payloads = {item_id: self.encode(item_id) for item_id in self.stamps}
        return View(self.base, payloads, list(self.log), dict(self.stamps), payloads.__getitem__)

    def _compact(self) -> None:
        self.log[:] = [key for key in self.log if self.stamps[key[1]] == key[0]]

"""The merchant as it is served: a world with its clock, feeds, faults and subscribers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

import msgspec

from sandbox.cache import Saved
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.instants import WEEK
from sandbox.real import ATTRIBUTION
from sandbox.stream import Key, View
from sandbox.transport import Transport
from sandbox.truth import Judge, Violation
from sandbox.webhooks import Webhooks
from sandbox.world import World


class CursorInvalid(Exception):  # noqa: N818 - it names what the client must hear
    """The cursor was not made here."""


class CursorExpired(Exception):  # noqa: N818 - it names what the client must hear
    """The cursor was made by an earlier run."""


class Stopped(msgspec.Struct):
    """What a stopped feed shows: the moment it stopped."""

    as_of: str
    views: dict[str, View]


class Answered(msgspec.Struct):
    """The first answer to an idempotency key."""

    digest: str
    status: int
    body: bytes


class Merchant:
    """Everything behind the routes."""

    def __init__(self, world: World, saved: Saved, transport: Transport, *, running: bool) -> None:
        self.world = world
        self.saved = saved
        self.run = secrets.token_hex(4)
        self.clock = Clock(world, running=running)
        self.transport = transport
        self.webhooks = Webhooks()
        self.judge = Judge(world)
        self.faults = Faults(self)
        self.stopped: dict[str, Stopped] = {}  #: by "system" or "system/stream"
        self.answered: dict[tuple[str, str], Answered] = {}
        world.listener = self._hear

    def about(self) -> dict[str, object]:
        """Say what this is made of."""
        return {
            "merchant": "Larkspur & Finch, gifts",
            "currency": "GBP",
            "orders_real": self.saved.orders,
            "unlinked_pct": self.saved.unlinked_pct,
            "shift_weeks": self.world.shift // WEEK,
            "real_until": self.world.written(self.saved.now),
            "attribution": ATTRIBUTION,
        }

    # Reading

    def view(self, system: str, stream: str) -> tuple[View, str]:
        """See a stream as clients see it, with the instant of its data."""
        for name in (f"{system}/{stream}", system):
            if name in self.stopped:
                return self.stopped[name].views[stream], self.stopped[name].as_of
        return self.world.streams[system][stream].view(), self.world.written()

    def cursor(self, system: str, stream: str, key: Key) -> str:
        """Write down where a list goes on."""
        plain = msgspec.json.encode([self.run, system, stream, *key])
        return base64.urlsafe_b64encode(plain).decode().rstrip("=")

    def read_cursor(self, system: str, stream: str, token: str) -> Key:
        """Read where a list goes on."""
        try:
            plain = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            run, of_system, of_stream, stamp, item_id = msgspec.json.decode(plain, type=tuple[str, str, str, int, str])
        except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise CursorInvalid from error
        if (of_system, of_stream) != (system, stream):
            raise CursorInvalid
        if run != self.run:
            raise CursorExpired
        return stamp, item_id

    # Feeds that stop

    def stop_feed(self, system: str, stream: str | None) -> str:
        """Freeze what a system, or one stream of it, shows."""
        name = f"{system}/{stream}" if stream else system
        streams = self.world.streams[system]
        chosen = {stream: streams[stream]} if stream else streams
        views = {key: one.snapshot() for key, one in chosen.items()}
        self.stopped.setdefault(name, Stopped(self.world.written(), views))
        return name

    def resume_feed(self, system: str, stream: str | None) -> list[str]:
        """Let a feed show the present again; without a stream, all feeds of the system."""
        names = [
            name
            for name in self.stopped
            if name == (f"{system}/{stream}" if stream else system) or (not stream and name.startswith(f"{system}/"))
        ]
        for name in names:
            del self.stopped[name]
        return names

    # Truth

    def violations(self) -> list[Violation]:
        """List all that is wrong now."""
        self.clock.catch_up()
        stopped = {name: feed.as_of for name, feed in self.stopped.items()}
        found = self.judge.violations(self.faults.injected(), stopped)
        self.faults.judge({(one.detector, one.subject) for one in found})
        return found

    # Idempotency

    def replay(self, system: str, key: str, request: bytes) -> Answered | None:
        """Find the first answer to a key; a differing request is answered with a mismatch."""
        known = self.answered.get((system, key))
        if known is not None and known.digest != hashlib.sha256(request).hexdigest():
            return Answered("", 422, msgspec.json.encode({"error": "idempotency_mismatch"}))
        return known

    def remember(self, system: str, key: str, request: bytes, status: int, body: bytes) -> None:
        """Keep the first answer to a key."""
        self.answered[system, key] = Answered(hashlib.sha256(request).hexdigest(), status, body)

    def _hear(self, system: str, stream: str, item_id: str) -> None:
        if system in self.stopped or f"{system}/{stream}" in self.stopped:
            return
        if self.webhooks.wanted(system, stream):
            payload = self.world.streams[system][stream].encode(item_id)
            self.webhooks.publish(system, stream, item_id, payload, self.world.written())

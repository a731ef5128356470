"""Webhooks that only name what changed: checked, gathered, and answered by a read of our own.

They carry no state, and where they carry no id and no time either there is no window against replay. So a body counts
once, an id is read once however often it is named within a moment, and no faster than a limit: who replays old hints
makes us read, and nothing more. What is not read in time is found by the next poll.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

import msgspec
import structlog

from data.clock import Clock
from data.errors import SourceError, StoreError
from data.log.append import source_id
from data.log.status import note_refusal
from data.store import Store
from ingest.adapter import Adapter, RawItem
from ingest.medusa import hooks as medusa
from ingest.replies import DOOR, LARGEST_BODY, Reply
from ingest.sync import take

log = structlog.get_logger()


class Form(Protocol):
    """What a system's hints look like and how that is read which they name."""

    def signed(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
        """Tell whether the body is signed by one of the secrets."""

    def names(self, body: bytes, learned: MutableMapping[str, str]) -> tuple[str, ...]:
        """Give the ids that a body names."""

    def named(
        self, adapter: Adapter, name: str, learned: MutableMapping[str, str], clock: Clock
    ) -> Iterable[tuple[str, RawItem]]:
        """Read what an id names, each with its stream."""


#: Systems whose webhooks are hints, with the module that knows their form.
HINTING: Mapping[str, Form] = {"medusa": medusa}

GATHER_SECONDS = 0.5  #: one press of a button names an order a dozen times
READS_PER_SECOND = 5.0
REMEMBERED = 4_096  #: bodies that were seen, and what was learned from them
WAITING = 1_000  #: ids that wait; more are left to the next poll


@dataclass
class Hints:
    """What one account named and what has yet to be read."""

    store: Store
    adapter: Adapter
    clock: Clock
    arrived: Callable[[str], None] | None = None
    sleep: Callable[[float], None] = time.sleep
    _seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict, init=False)
    _learned: OrderedDict[str, str] = field(default_factory=OrderedDict, init=False)
    _waiting: OrderedDict[str, None] = field(default_factory=OrderedDict, init=False)
    _reading: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def receive(self, headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str]) -> Reply:
        """Check a hint and note what it names; it is read a moment later."""
        form = HINTING[self.adapter.system]
        refusal: Reply | None = None
        if len(body) > LARGEST_BODY:
            refusal = Reply(413, {"error": "too_large", "detail": f"at most {LARGEST_BODY} bytes"})
        elif not form.signed(headers, body, secrets):
            refusal = Reply(401, {"error": "signature", "detail": "no signature matches"})
        else:
            try:
                with self._lock:
                    return Reply(202, {"outcome": self._note(body, form.names(body, self._learned))})
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                refusal = Reply(400, {"error": "not_json", "detail": "an object with name and data was expected"})
        try:
            with self.store.log.write() as conn:
                note_refusal(conn, source_id(conn, self.adapter.connection, DOOR))
        except StoreError as error:
            return Reply(503, {"error": "busy", "detail": str(error)})
        return refusal

    def listen(self) -> None:
        """Read what is named in a thread of its own, which ends when nothing waits."""
        with self._lock:
            if self._reading or not self._waiting:
                return
            self._reading = True
        threading.Thread(target=self._run, name=f"hints-{self.adapter.connection}", daemon=True).start()

    def read_next(self) -> bool:
        """Read what waits longest; False where nothing waits."""
        with self._lock:
            if not self._waiting:
                self._reading = False
                return False
            name, _ = self._waiting.popitem(last=False)
        try:
            found = tuple(HINTING[self.adapter.system].named(self.adapter, name, self._learned, self.clock))
            accepted = sum(
                take(self.store, self.adapter, stream, item, clock=self.clock)[1].accepted for stream, item in found
            )
        except (SourceError, StoreError) as error:
            log.warning("hint not read", connection=self.adapter.connection, named=name, error=str(error))
            return True
        if accepted and self.arrived is not None:
            self.arrived(self.adapter.connection)
        return True

    def _run(self) -> None:
        try:
            self.sleep(GATHER_SECONDS)
            while self.read_next():
                self.sleep(1 / READS_PER_SECOND)
        except Exception:
            log.exception("hints not read", connection=self.adapter.connection)
            with self._lock:
                self._reading = False  # the next hint begins again, with what still waits

    def _note(self, body: bytes, named: Sequence[str]) -> str:
        """Remember a body and what it names; a body that was seen counts once."""
        digest = blake2b(body, digest_size=16).digest()
        if digest in self._seen:
            return "duplicate"
        self._seen[digest] = None
        for memory in (self._seen, self._learned):
            while len(memory) > REMEMBERED:
                memory.popitem(last=False)
        if not named:
            return "ignored"
        for name in named:
            if len(self._waiting) < WAITING:
                self._waiting[name] = None
        return "noted"

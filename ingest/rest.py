"""Systems that list their items by time of change over HTTP: one reader for all of them.

A list is asked for with `updated_since` and followed by its `next` tokens. The cursor kept in the log is ours: it
holds the token in the middle of a list and, at its end, the moment from which the next list is asked for. That moment
lies an overlap before the source's own `as_of`, because a change may become visible a little after its time stamp.
A list whose token has expired is begun again where it stood, and the next one is still asked for from where the first
attempt began: what changed behind the reader meanwhile, in the very instant at which it stood, is found then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TypeVar
from urllib.parse import quote

import msgspec

from data.clock import Clock, from_micros, to_micros
from data.log.append import Received
from data.log.cards import mask_cards
from ingest.adapter import Page, RawItem, Stream, WriteRequest, WriteResult
from ingest.http import Http, Rejected, Unavailable
from ingest.parsing import parsed
from ingest.probe import Probe, looked_at
from ingest.shapes import Item, Parser

OVERLAP = timedelta(seconds=10)
PAGE_SIZE = 1_000
#: A list is begun again at most so often in one read before it is given up as failed.
RESTARTS = 3


T = TypeVar("T")


class _Listed(msgspec.Struct):
    """A page as it comes over the wire."""

    items: list[msgspec.Raw]
    next: str | None = None
    as_of: datetime | None = None


class _Keys(msgspec.Struct):
    keys: list[str]


class Position(msgspec.Struct, omit_defaults=True):
    """Where a reader stands; kept in the log as JSON. Times are microseconds."""

    since: int | None = None  #: the list in hand, or the next one, is asked for from here
    next: str | None = None  #: in the middle of a list
    floor: int | None = None  #: `as_of` of the list's first page
    high: int | None = None  #: newest time of change seen
    read: int | None = None  #: the same of the list in hand alone: what lies before it was read, or moved behind it


_page = msgspec.json.Decoder(_Listed)
_keys = msgspec.json.Decoder(_Keys)
_head = msgspec.json.Decoder(Item)
_position = msgspec.json.Decoder(Position)


@dataclass(frozen=True, kw_only=True)
class RestAdapter:
    """One account of a system that lists its items by time of change."""

    connection: str
    system: str
    http: Http
    streams: Mapping[str, Stream]
    parsers: Mapping[str, Parser]
    overlap: timedelta = OVERLAP
    page_size: int = PAGE_SIZE

    def changes(self, stream: str, cursor: str | None, *, clock: Clock) -> Iterator[Page]:
        """Read what changed since the cursor, page by page.

        Raises:
            Unavailable, Rejected: the source failed or refused; pages given before stay good.
        """
        at, restarts = _stand(cursor), 0
        while True:
            observed = to_micros(clock())
            try:
                listed = self._list(stream, at)
            except Rejected as error:
                if error.error_class != "cursor" or at.next is None or restarts == RESTARTS:
                    raise
                restarts += 1
                at = Position(since=self._before(at.read) or at.since, floor=at.floor, high=at.high, read=at.read)
                continue
            as_of = None if listed.as_of is None else to_micros(listed.as_of)
            items = tuple(raw_item(bytes(raw), observed) for raw in listed.items)
            reread = at.high
            at = self._move(at, listed.next, as_of, items)
            yield Page(items, msgspec.json.encode(at).decode(), as_of, reread, restarted=restarts > 0)
            if listed.next is None:
                return
            restarts = 0

    def cursor_at(self, at: datetime) -> str:
        """Give a cursor from which changes since a moment are read."""
        return msgspec.json.encode(Position(since=to_micros(at))).decode()

    def get(self, stream: str, key: str, *, clock: Clock) -> RawItem | None:
        """Read one item now; None where the source has none."""
        observed = to_micros(clock())
        body = self.http.read(f"/{self.system}/{stream}/{quote(key, safe='')}")
        return None if body is None else raw_item(body, observed)

    def keys(self, stream: str) -> list[str]:
        """List the keys of all items that exist now."""
        path = f"/{self.system}/{stream}/keys"
        return _decoded(_keys, self.http.read(path), path).keys

    def parse(self, stream: str, item: RawItem) -> Received:
        """Translate one item into events; a bad one comes back with its error."""
        return parsed(self.parsers[stream], item)

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Send a write once, under an idempotency key."""
        return self.http.send(request, key=key)

    def subscribe(self, url: str, secret: str, streams: Sequence[str]) -> str:
        """Ask for webhooks of these streams and give the subscription's id.

        Raises:
            Rejected: the source refuses, or does not say under which id it subscribed.
        """
        body: dict[str, object] = {"url": url, "secret": secret, "streams": list(streams)}
        result = self.http.send(WriteRequest("POST", f"/{self.system}/webhooks", body), key=_key(url, secret))
        if result.outcome == "applied" and result.remote_id is not None:
            return result.remote_id
        if result.outcome == "unknown" or result.retry_after is not None:
            raise Unavailable(
                f"{self.connection}: subscribing failed: {result.response}",
                error_class="server", retry_after_seconds=result.retry_after,
            )  # fmt: skip
        raise Rejected(
            f"{self.connection}: subscribing was refused: {result.response}",
            error_class="request", status=result.status or 0,
        )  # fmt: skip

    def probe(self) -> Probe:
        """Find out which lists this token may read; rights to write are only told when something is written.

        Raises:
            Unavailable, Rejected: the source does not answer, or refuses the token.
        """
        return Probe(
            about=(("system", self.system),),
            rights="not told: a token that may read a list may be refused a write, which the first write shows",
            streams=looked_at(self.streams, self._begins),
        )

    def close(self) -> None:
        """Give back the network connections."""
        self.http.close()

    def _begins(self, stream: str) -> None:
        self._list(stream, Position(), limit=1)

    def _list(self, stream: str, at: Position, *, limit: int | None = None) -> _Listed:
        path = f"/{self.system}/{stream}"
        params: dict[str, str | int] = {"limit": limit or self.page_size}
        if at.since is not None:
            params["updated_since"] = from_micros(at.since).isoformat()
        if at.next is not None:
            params["cursor"] = at.next
        return _decoded(_page, self.http.read(path, params), path)

    def _move(self, at: Position, following: str | None, as_of: int | None, items: Sequence[RawItem]) -> Position:
        floor = as_of if at.floor is None else at.floor
        newest = max((i.changed_at for i in items if i.changed_at is not None), default=None)
        high, read = _later(newest, at.high), _later(newest, at.read)
        if following is not None:
            return Position(since=at.since, next=following, floor=floor, high=high, read=read)
        return Position(since=self._before(high if floor is None else floor) or at.since, high=high)

    def _before(self, micros: int | None) -> int | None:
        return None if micros is None else micros - self.overlap // timedelta(microseconds=1)


def raw_item(body: bytes, observed: int, *, place: str | None = None) -> RawItem:
    """Mask card numbers and read an item's head; one without a proper head is keyed by its content."""
    raw = mask_cards(body)
    try:
        head = _head.decode(raw)
        changed = to_micros(head.updated_at.astimezone(UTC))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError):
        return RawItem(f"?{blake2b(raw, digest_size=8).hexdigest()}", raw, 0, observed, None, place)
    if not head.id.isprintable():
        return RawItem(f"?{blake2b(raw, digest_size=8).hexdigest()}", raw, 0, observed, None, place)
    return RawItem(head.id, raw, head.version, observed, changed, place)


def _stand(cursor: str | None) -> Position:
    """Read the kept cursor; one that cannot be read means that the list is begun again."""
    if cursor is None:
        return Position()
    try:
        return _position.decode(cursor)
    except msgspec.MsgspecError:
        return Position()


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes | None, path: str) -> T:
    if body is None:
        raise Rejected(f"{path}: HTTP 404; there is no such list", error_class="request", status=404)
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unavailable(f"{path}: the answer is no page: {error}", error_class="schema") from error


def _later(one: int | None, other: int | None) -> int | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _key(*parts: str) -> str:
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

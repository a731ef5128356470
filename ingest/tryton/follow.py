"""Following changes: a keyset on (last_modified_at, id) for each model that concerns a stream, with an overlap.

A stamp is the start of its transaction: rows appear behind a cursor for as long as the slowest transaction lasts. Each
list therefore begins an overlap before the newest stamp seen; what is found again unchanged is not received again.
A newest stamp that was seen an overlap ago is settled: whatever began before it has ended, and is not read again.

The first read walks the stream's own model only; the models of its parts are followed from what was newest then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from data.clock import Clock, system_clock, to_micros
from data.log.cards import mask_cards
from ingest.adapter import Page, RawItem
from ingest.http import Unavailable
from ingest.shapes import Id
from ingest.tryton.read import STAMP, Domain, Part, Source
from ingest.tryton.rpc import Rpc
from ingest.tryton.typed import Moment, newest, typed

Row = dict[str, msgspec.Raw]
#: Rows of parts are small: an id, a stamp and what they belong to.
PART_PAGE = 1_000

_rows = msgspec.json.Decoder(list[Row])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_row = msgspec.json.Decoder(Row)
_moment = msgspec.json.Decoder(Moment)
_id = msgspec.json.Decoder(int)


class _Head(msgspec.Struct):
    id: int | Id


_head = msgspec.json.Decoder(_Head)


class Walk(msgspec.Struct, omit_defaults=True, array_like=True):
    """Where the reader of one model stands. Times are microseconds."""

    since: int | None = None  #: the list in hand, or the next one, begins here
    at: int | None = None  #: in the middle of a list: the stamp read last, and its id
    id: int = 0
    high: int | None = None  #: newest stamp seen
    seen: int | None = None  #: when that was, in real time
    began: int | None = None  #: when the list in hand was begun, in real time


class Position(msgspec.Struct, omit_defaults=True):
    """Where a reader of a stream stands; kept in the log as JSON."""

    walks: list[Walk]  #: of the parts in their order, then of the stream's own model
    turn: int = 0  #: which of them is being read
    first: bool = False  #: the parts are not read this time


_position = msgspec.json.Decoder(Position)


#: Makes a stream's items of rows of its model, completing them where one call does not tell all: of the rows, the
#: start of the read and, where it is known, a moment after which something of each row changed (both microseconds).
Making = Callable[[Sequence[Row], int, int | None], list[RawItem]]


@dataclass(frozen=True)
class Follower:
    """Reads the changes of one stream."""

    rpc: Rpc
    source: Source
    make: Making
    overlap: timedelta
    domain: Domain  #: which records there are
    page_size: int | None = None  #: instead of the source's own
    real: Clock = system_clock  #: transactions last in real time, whatever the business clock says
    _told: dict[str, int] = field(default_factory=dict)  #: what parts led to in this read: key -> version

    def pages(self, cursor: str | None, clock: Clock) -> Iterator[Page]:
        """Read what changed since the cursor, page by page.

        Raises:
            Unavailable, Rejected: Tryton failed or refused; pages given before stay good.
        """
        at = self._stand(cursor)
        asked_again_until = max((walk.high for walk in at.walks if walk.high is not None), default=None)
        given = None
        while at.turn < len(at.walks):
            observed = to_micros(clock())
            part = self.source.parts[at.turn] if at.turn < len(self.source.parts) else None
            items = self._step(at, part, observed)
            last = at.turn == len(at.walks)
            if items or last:
                cursor = msgspec.json.encode(self._following(at) if last else at).decode()
                if items or given != cursor:
                    given = cursor
                    yield Page(tuple(items), cursor, observed, asked_again_until)

    def one(self, key: int, observed_at: int) -> list[RawItem]:
        """Read one record now; nothing where there is none."""
        return self.make(self._own([("id", "=", key)], 1)[0], observed_at, None)

    def ids(self) -> list[int]:
        """List the ids of all records that exist now."""
        found: list[int] = self.rpc.read(self.source.model, "search", [*self.domain], 0, None, [["id", "ASC"]])
        return found

    # -- one step of a walk -------------------------------------------------------------------------------------

    def _step(self, at: Position, part: Part | None, observed: int) -> list[RawItem]:
        """Read one page of the model whose turn it is, and move the walk; at its end the turn goes to the next."""
        walk = at.walks[at.turn]
        walk.began = walk.began or to_micros(self.real())
        if part is None:
            size = self.page_size or self.source.page
            rows, bad = self._own(_beyond(walk), size)
            self._moved(at, walk, rows, ended=len(rows) + len(bad) < size)
            found = [item for item in self.make(rows, observed, None) if self._told.get(item.key) != item.version]
            return found + [item_of_bytes(body, observed) for body in bad]
        if at.first:
            at.turn += 1
            return []
        if not part.model:
            return self._through(at, walk, part, observed)
        rows = self._list(part.model, [*part.domain, *_beyond(walk)], (STAMP, part.to), PART_PAGE)
        self._moved(at, walk, rows, ended=len(rows) < PART_PAGE)
        return self._owners(part, {owner for row in rows for owner in _leads_to(row, part.to)}, observed, walk.since)

    def _owners(self, part: Part, owners: set[int], observed: int, since: int | None) -> list[RawItem]:
        found: list[RawItem] = []
        wanted, size = sorted(owners), self.source.page
        for start in range(0, len(wanted), size):
            some: Domain = ((part.owner, "in", wanted[start : start + size]),)
            found.extend(self._note(self.make(self._own(some, None)[0], observed, since)))
        return found

    def _through(self, at: Position, walk: Walk, part: Part, observed: int) -> list[RawItem]:
        """Read owners by the stamps of parts that nobody may list: by id, as parts cannot be put in order."""
        size = self.page_size or self.source.page
        changed = () if walk.since is None else ((f"{part.to}.{STAMP}", ">=", typed(walk.since)),)
        rows = self._list(
            self.source.model, [*self.domain, *changed, ("id", ">", walk.id)], self.source.fields, size, by_id=True
        )
        if walk.at is None:  # what the first page shows was there when the walk began: it cannot lead too far
            self._reached(walk, _later(walk.high, *(newest(msgspec.json.encode(row)) for row in rows)))
            walk.at = walk.high
        if len(rows) < size:
            at.walks[at.turn] = self._next(walk)
            at.turn += 1
        else:
            walk.id = _id.decode(rows[-1]["id"])
        return self._note(self.make(rows, observed, None))

    def _moved(self, at: Position, walk: Walk, rows: Sequence[Row], *, ended: bool) -> None:
        if rows:
            last = rows[-1]
            walk.at, walk.id = to_micros(_moment.decode(last[STAMP]).at), _id.decode(last["id"])
            self._reached(walk, _later(walk.high, walk.at))
        if ended:
            at.walks[at.turn] = self._next(walk)
            at.turn += 1

    def _note(self, items: list[RawItem]) -> list[RawItem]:
        fresh = [item for item in items if self._told.get(item.key) != item.version]
        self._told.update((item.key, item.version) for item in fresh)
        return fresh

    # -- positions ----------------------------------------------------------------------------------------------

    def _stand(self, cursor: str | None) -> Position:
        """Read the kept cursor, or a bare moment; one that cannot be read means that everything is read anew."""
        known = len(self.source.parts) + 1
        if cursor is not None and cursor.isdecimal():
            return Position([Walk(since=int(cursor)) for _ in range(known)])
        if cursor is not None:
            try:
                found = _position.decode(cursor)
            except msgspec.MsgspecError:
                found = Position([])
            if len(found.walks) == known and found.turn < known:
                return found
        return Position([*(self._from_now_on(part) for part in self.source.parts), Walk()], first=True)

    def _from_now_on(self, part: Part) -> Walk:
        """Begin to follow a part: what is there already comes with its owner."""
        if part.model:
            rows = self._list(part.model, part.domain, (STAMP,), 1, newest_first=True)
        else:
            rows = self._list(self.source.model, self.domain, (STAMP,), 1, newest_first=True)
        high = to_micros(_moment.decode(rows[0][STAMP]).at) if rows else None
        return Walk(since=self._before(high), high=high, seen=to_micros(self.real()))

    def _following(self, at: Position) -> Position:
        return Position(at.walks)

    def _reached(self, walk: Walk, high: int | None) -> None:
        if high != walk.high:
            walk.high, walk.seen = high, to_micros(self.real())

    def _next(self, walk: Walk) -> Walk:
        """Say where the list after this one begins."""
        high, seen, began = walk.high, walk.seen, walk.began
        if high is not None and seen is not None and began is not None and began - seen >= self._overlap:
            return Walk(since=high + 1, high=high, seen=seen)
        return Walk(since=self._before(high), high=high, seen=seen)

    def _before(self, micros: int | None) -> int | None:
        return None if micros is None else micros - self._overlap

    @property
    def _overlap(self) -> int:
        return self.overlap // timedelta(microseconds=1)

    # -- calls --------------------------------------------------------------------------------------------------

    def _own(self, some: Sequence[object], limit: int | None) -> tuple[list[Row], list[bytes]]:
        """Give the stream's own records, and what came in the place of one."""
        order = [[STAMP, "ASC"], ["id", "ASC"]]
        domain = [*self.domain, *some]
        return _listed(self.rpc, self.source.model, domain, self.source.fields, limit=limit, order=order)

    def _list(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        limit: int | None,
        *,
        by_id: bool = False,
        newest_first: bool = False,
    ) -> list[Row]:
        way = "DESC" if newest_first else "ASC"
        order = [["id", way]] if by_id else [[STAMP, way], ["id", way]]
        return rows_of(self.rpc, model, domain, fields, limit=limit, order=order)


def rows_of(
    rpc: Rpc,
    model: str,
    domain: Sequence[object],
    fields: Sequence[str],
    *,
    limit: int | None = None,
    order: Sequence[Sequence[str]] | None = None,
    **context: object,
) -> list[Row]:
    """Give the records of a model that fit, each field as Tryton wrote it.

    Raises:
        Unavailable, Rejected: they could not be read, or what came are no records.
    """
    rows, bad = _listed(rpc, model, domain, fields, limit=limit, order=order, **context)
    if bad:
        raise Unavailable(f"{rpc.name}: {model}: {bad[0][:200]!r} is no record", error_class="schema")
    return rows


def _listed(
    rpc: Rpc,
    model: str,
    domain: Sequence[object],
    fields: Sequence[str],
    *,
    limit: int | None,
    order: Sequence[Sequence[str]] | None,
    **context: object,
) -> tuple[list[Row], list[bytes]]:
    """Give records, and beside them what is none: one bad row does not keep the others from being read."""
    told = rpc.ask(f"model.{model}.search_read", list(domain), 0, limit, order, list(fields), **context)
    try:
        return _rows.decode(told), []
    except msgspec.MsgspecError:
        raws = _raws.decode(told)
    rows: list[Row] = []
    bad: list[bytes] = []
    for raw in raws:
        try:
            row = _row.decode(raw)
            key_of(row), stamp_of(row)
        except (msgspec.MsgspecError, KeyError, ValueError):
            bad.append(bytes(raw))
        else:
            rows.append(row)
    if raws and not rows:
        raise Unavailable(f"{rpc.name}: {model}: {bad[0][:200]!r} is no record", error_class="schema")
    return rows, bad


def item_of_bytes(body: bytes, observed_at: int) -> RawItem:
    """Make an item of a record's bytes; what has no id is known by its content."""
    raw = mask_cards(body)
    try:
        key = _head.decode(raw).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return RawItem(f"?{blake2b(raw, digest_size=8).hexdigest()}", raw, 0, observed_at)
    stamp = newest(raw)
    return RawItem(str(key), raw, stamp or 0, observed_at, stamp)


def raw_item(key: str, row: Mapping[str, msgspec.Raw], observed_at: int, *, version: int | None = None) -> RawItem:
    """Make an item of what Tryton said; its version is the newest stamp in it."""
    raw = mask_cards(msgspec.json.encode(row))
    stamp = newest(raw) if version is None else version
    return RawItem(key, raw, stamp or 0, observed_at, stamp)


def plain_items(rows: Sequence[Row], observed_at: int, _since: int | None) -> list[RawItem]:
    """Make an item of each row; nothing else needs to be asked."""
    return [raw_item(str(_id.decode(row["id"])), row, observed_at) for row in rows]


def key_of(row: Row) -> int:
    """Give a row's id."""
    return _id.decode(row["id"])


def stamp_of(row: Row) -> int:
    """Give a row's own stamp in microseconds."""
    return to_micros(_moment.decode(row[STAMP]).at)


def _beyond(walk: Walk) -> list[object]:
    if walk.at is not None:
        at = typed(walk.at)
        return [["OR", (STAMP, ">", at), [(STAMP, "=", at), ("id", ">", walk.id)]]]
    return [] if walk.since is None else [(STAMP, ">=", typed(walk.since))]


def _leads_to(row: Row, path: str) -> Iterator[int]:
    """Follow a dotted field to the ids it leads to; a reference names its model before the id."""
    head, _, rest = path.partition(".")
    found: Any = msgspec.json.decode(row[f"{head}."] if rest else row[head])
    for value in found if isinstance(found, list) else [found]:
        leads = value.get(rest) if isinstance(value, dict) else value
        if isinstance(leads, str):
            leads = int(leads.rpartition(",")[2])
        if isinstance(leads, int) and leads >= 0:
            yield leads


def _later(*moments: int | None) -> int | None:
    return max((moment for moment in moments if moment is not None), default=None)

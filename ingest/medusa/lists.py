"""Medusa's lists, asked in the ways that miss nothing.

Offset paging over an order that has ties loses rows, and unknown filters are ignored without a word. Exact are: the
keyset `id[$gt]` (orders only); a window of time read in one page, halved until it fits (returns, payments); and offsets
over `order=id`, each page beginning with the last row of the one before it, which shows when rows moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from data.clock import from_micros, to_micros
from ingest.http import Http, Query, Rejected, Unavailable

#: No shop is older; a first read begins here.
DAWN = 1_420_070_400_000_000
MILLISECOND = 1_000  #: microseconds; JSON shows no finer time
#: A list whose rows move while it is read is begun again so often before it is given up as failed.
RESTARTS = 5
#: How many rows more than fit are still asked for at once where a millisecond holds more than a page.
EVERYTHING = 1_000_000


@dataclass(frozen=True)
class Listing:
    """One list of the Admin API: where it is, under which name its rows come, and which fields are asked for."""

    path: str
    name: str
    fields: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a list, and where the next ones begin."""

    rows: tuple[bytes, ...]
    offset: int = 0  #: 0: there are none


class _Head(msgspec.Struct):
    id: str


class _Stamp(msgspec.Struct):
    updated_at: datetime


_answer = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_head = msgspec.json.Decoder(_Head)
_stamp = msgspec.json.Decoder(_Stamp)


def ask(http: Http, listing: Listing, params: Query) -> tuple[bytes, ...]:
    """Ask for rows of a list.

    Raises:
        Unavailable, Rejected: the shop failed or refused, or is no Medusa that this adapter knows.
    """
    query: Query = {"fields": listing.fields, **params}
    body = http.read(listing.path, query)
    if body is None:
        raise Rejected(
            f"{http.name} {listing.path}: HTTP 404; there is no such list: is this Medusa 2 and its Admin API?",
            error_class="request", status=404,
        )  # fmt: skip
    try:
        return tuple(bytes(row) for row in _rows.decode(_answer.decode(body)[listing.name]))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError) as error:
        raise Unavailable(
            f"{http.name} {listing.path}: the answer holds no list of {listing.name}: {error}; "
            "is the server of another version?",
            error_class="schema",
        ) from error


def newest(http: Http, listing: Listing) -> int | None:
    """Give the newest time of change in a list, by the shop's own clock; None where it is empty."""
    rows = ask(http, Listing(listing.path, listing.name, "id,updated_at"), {"order": "-updated_at", "limit": 1})
    if not rows:
        return None
    try:
        return to_micros(_stamp.decode(rows[0]).updated_at)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise Unavailable(f"{http.name} {listing.path}: no time of change: {error}", error_class="schema") from error


def after(http: Http, listing: Listing, last: str | None, size: int, window: Query) -> Rows:
    """Read the rows of a window whose ids come after `last`; one more is asked for, to know whether there are any."""
    query: Query = {**window, "order": "id", "limit": size + 1, **({} if last is None else {"id[$gt]": last})}
    return _cut(ask(http, listing, query), size)


def windows(
    http: Http, listing: Listing, field: str, since: int, until: int, size: int
) -> Iterator[tuple[tuple[bytes, ...], int]]:
    """Read a window of time, whole milliseconds, in parts that fit a page; each comes with the end of its part."""
    waiting = [(since, until)]
    while waiting:
        start, end = waiting.pop()
        within = between(field, start, end)
        rows = ask(http, listing, {**within, "limit": size + 1})
        if len(rows) > size and end - start > MILLISECOND:
            middle = start + (end - start) // 2 // MILLISECOND * MILLISECOND
            waiting += [(middle, end), (start, middle)]
            continue
        if len(rows) > size:
            rows = ask(http, listing, {**within, "limit": EVERYTHING})
        yield rows, end


def scan(http: Http, listing: Listing, offset: int, last: str | None, size: int) -> Rows | None:
    """Read the rows from an offset; None where the row before them is not the one that was there: rows moved."""
    overlap = 1 if offset else 0
    query: Query = {"order": "id", "limit": size + 1 + overlap, "offset": offset - overlap}
    rows = ask(http, listing, query)
    if overlap and (not rows or row_id(rows[0]) != last):
        return None
    found = _cut(rows[overlap:], size)
    return Rows(found.rows, offset + found.offset if found.offset else 0)


def between(field: str, start: int, end: int) -> Query:
    """Ask for a window of time: from `start` on, before `end`; microseconds."""
    return {f"{field}[$gte]": written(start), f"{field}[$lt]": written(end)}


def written(micros: int) -> str:
    """Write a time as Medusa does."""
    return from_micros(micros).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def row_id(row: bytes) -> str | None:
    """Give a row's id; None where it has none."""
    try:
        return _head.decode(row).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def last_id(rows: Sequence[bytes]) -> str | None:
    """Give the id of the last row that has one."""
    return next((found for row in reversed(rows) if (found := row_id(row)) is not None), None)


def _cut(rows: tuple[bytes, ...], size: int) -> Rows:
    return Rows(rows[:size], size if len(rows) > size else 0)

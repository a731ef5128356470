"""A stored row read again: a dead letter that a person corrected, or any row by a corrected mapping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import msgspec
import polars as pl
import sqlalchemy as sa

from data.clock import from_micros
from data.errors import FillwellError, RecordInvalid, RequestError
from data.events import ReturnStated, decode
from data.log import tables as t
from data.log.append import Received
from data.log.records import Parse, ParseAll, Stored
from ingest.files.mapping import Mapping
from ingest.files.plan import plan_again
from ingest.files.read import FileTable
from ingest.files.statements import STATEMENTS, Statement

_Cells = dict[str, str | int | float | bool | list[str] | None]


#: Rows read together before their turn comes, by their number and their bytes.
Ahead = dict[tuple[int, bytes], Received]


def read_ahead(mapping: Mapping, formats: dict[str, str], records: Sequence[Stored], *, key: bytes) -> Ahead:
    """Read rows together, which costs a fraction of reading each; those that mean something only alone are left out."""
    found: Ahead = {}
    if mapping.link is not None:
        return found
    for version, group in groupby(sorted(records, key=_version), _version):
        rows = [(record, row) for record in group if (row := _row_or_none(record)) is not None]
        if not rows:
            continue
        chosen = [record for record, _ in rows]
        try:
            plan = plan_again(
                mapping, _table(chosen, [row for _, row in rows]), key=key, instant=from_micros(version),
                formats=formats,
            )  # fmt: skip
        except FillwellError:  # one row stops them all: each is read by itself and says why
            continue
        for record, item in zip(chosen, plan.received(0, len(chosen), observed_at=0), strict=True):
            if item.error is not None or item.key.rpartition("|")[2] in ("1", item.key):
                placed = replace(item, observed_at=record.observed_at, place=record.place)
                found[record.id, record.body] = placed
    return found


def _version(record: Stored) -> int:
    return record.version


def _row_or_none(record: Stored) -> dict[str, str | None] | None:
    try:
        return _row(record)
    except RecordInvalid:
        return None


def parse_again(
    conn: sa.Connection, mapping: Mapping, formats: dict[str, str], *, key: bytes, ahead: Ahead | None = None
) -> Parse:
    """Make what reads the stored rows of a file again; what cannot be taken stays a dead letter with its reason."""

    def parse(stored: Stored) -> Received:
        try:
            row = _row(stored)
            item = _read(conn, mapping, formats, key, stored, row, (ahead or {}).get((stored.id, stored.body)))
        except RecordInvalid as error:
            return _dead(stored, error)
        except FillwellError as error:  # what would stop a whole file stops this row only
            return _dead(stored, RecordInvalid(str(error), error_class="mapping"))
        return _dead(stored, item.error) if item.error else item

    return parse


def parse_imports(mapping: Mapping, formats: dict[str, str], *, key: bytes) -> ParseAll:
    """Make what reads all rows of a stream again, each import as one file: what repeats or links rows counts again.

    What it makes raises ConfigError where the mapping does not fit the stored rows at all.
    """

    def parse(records: Iterable[Stored]) -> Iterator[tuple[Stored, Received]]:
        for _, rows in groupby(records, lambda record: record.batch):
            yield from _import(mapping, formats, key, list(rows))

    return parse


def _import(
    mapping: Mapping, formats: dict[str, str], key: bytes, records: list[Stored]
) -> Iterator[tuple[Stored, Received]]:
    readable: dict[int, dict[str, str | None]] = {}
    for record in records:
        try:
            readable[record.id] = _row(record)
        except RecordInvalid as error:
            if record.outcome != "dead_letter":
                raise RequestError(f"record {record.id} is no row of a file: {error}") from error
    chosen = [record for record in records if record.id in readable]
    table = _table(chosen, list(readable.values()))
    items: dict[int, Received] = {}
    if chosen:
        plan = plan_again(mapping, table, key=key, instant=from_micros(chosen[0].version), formats=formats)
        made = plan.received(0, len(chosen), observed_at=0)
        items = {record.id: item for record, item in zip(chosen, made, strict=True)}
    for record in records:
        item = items.get(record.id)
        if item is None:  # unreadable as it came: no mapping changes that
            why = RecordInvalid(record.error or "unreadable", error_class=record.error_class or "row")
            yield record, _dead(record, why)
        else:
            yield record, replace(
                item, observed_at=record.observed_at, place=record.place,
                key=record.place or record.key if item.error else item.key,
            )  # fmt: skip


def _table(records: list[Stored], rows: list[dict[str, str | None]]) -> FileTable:
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame([pl.Series(name, [row.get(name) for row in rows], dtype=pl.String) for name in names])
    name = records[0].place.rpartition(":")[0] if records and records[0].place else "stored rows"
    return FileTable(name, frame, [_line(record) for record in records], [], {})


def _line(record: Stored) -> int:
    line = (record.place or "").rpartition(":")[2]
    return int(line) if line.isdigit() else 0


def _dead(stored: Stored, error: RecordInvalid) -> Received:
    return Received(
        key=stored.key, raw=stored.body, version=stored.version, observed_at=stored.observed_at, error=error,
        place=stored.place,
    )  # fmt: skip


def _row(stored: Stored) -> dict[str, str | None]:
    try:
        cells = msgspec.json.decode(stored.body, type=_Cells)
    except msgspec.MsgspecError as error:
        raise RecordInvalid(f"the row is no JSON object of cells: {error}", error_class="json") from error
    if odd := [name for name in cells if name.startswith("*")]:
        raise RecordInvalid(
            f"the row still holds {', '.join(odd)}: give each cell under the name of its column", error_class="cells"
        )
    return {name: None if cell is None else str(cell) for name, cell in cells.items()}


def _read(
    conn: sa.Connection,
    mapping: Mapping,
    formats: dict[str, str],
    key: bytes,
    stored: Stored,
    row: dict[str, str | None],
    ahead: Received | None,
) -> Received:
    def at(nth: int) -> Received:
        plan = plan_again(
            mapping, _table([stored], [row]), key=key, instant=from_micros(stored.version), formats=formats, nth=nth
        )
        [item] = plan.received(0, 1, observed_at=stored.observed_at)
        return replace(item, place=stored.place)

    item = ahead or at(1)
    if item.error is not None or not item.events:
        return item
    if any(s.document for s in _statements(mapping)) and (nth := _occurrence(conn, mapping, stored, item.key)) > 1:
        item = at(nth)
    return _linked_as_before(conn, stored, item)


def _statements(mapping: Mapping) -> list[Statement]:
    return [STATEMENTS[name] for name in mapping.identity]


def _occurrence(conn: sa.Connection, mapping: Mapping, stored: Stored, key: str) -> int:
    """Tell which occurrence of its identity a row is: the one that it was, else the next that is free."""
    prefix, _, last = key.rpartition("|")
    if last != "1":
        return 1
    if stored.outcome != "dead_letter":
        found = re.fullmatch(re.escape(prefix) + r"\|(\d+)", stored.key)
        return int(found[1]) if found else 1
    if mapping.repeats == "duplicates":
        return 1
    e, taken, size = t.event.c, 0, 16
    while True:
        names = {f"{prefix}|{nth}": nth for nth in range(taken + 1, taken + size + 1)}
        there = conn.execute(sa.select(e.key).where(e.source == stored.source, e.key.in_(names)).distinct()).scalars()
        highest = max((names[name] for name in there), default=None)
        if highest is None:
            return taken + 1
        taken, size = highest, size * 2


def _linked_as_before(conn: sa.Connection, stored: Stored, item: Received) -> Received:
    """Leave a return with the line that it was linked to: by itself it could find none."""
    [event] = item.events
    if not isinstance(event, ReturnStated):
        return item
    e = t.event.c
    body = conn.execute(
        sa.select(e.body).where(e.source == stored.source, e.key == stored.key, e.record == stored.id).limit(1)
    ).scalar()
    before = None if body is None else decode(bytes(body))
    if not isinstance(before, ReturnStated) or len(before.lines) != 1 or before.lines[0].sku != event.lines[0].sku:
        return item
    line = msgspec.structs.replace(event.lines[0], line=before.lines[0].line)
    return replace(item, events=(msgspec.structs.replace(event, order=before.order, lines=(line,)),))

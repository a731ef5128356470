"""A stored row read again: a dead letter that a person corrected, or any row by a corrected mapping."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import sqlalchemy as sa

from data.clock import from_micros
from data.errors import FillwellError, RecordInvalid
from data.events import ReturnStated, decode
from data.log import tables as t
from data.log.append import Received
from data.log.records import Parse, Stored
from ingest.files.mapping import Mapping
from ingest.files.plan import plan_row
from ingest.files.statements import STATEMENTS, Statement

_Cells = dict[str, str | int | float | bool | list[str] | None]


def parse_again(conn: sa.Connection, mapping: Mapping, formats: dict[str, str], *, key: bytes) -> Parse:
    """Make what reads the stored rows of a file again; what cannot be taken stays a dead letter with its reason."""

    def parse(stored: Stored) -> Received:
        try:
            row = _row(stored)
            item = _read(conn, mapping, formats, key, stored, row)
        except RecordInvalid as error:
            return _dead(stored, error)
        except FillwellError as error:  # what would stop a whole file stops this row only
            return _dead(stored, RecordInvalid(str(error), error_class="mapping"))
        return _dead(stored, item.error) if item.error else item

    return parse


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
) -> Received:
    def at(nth: int) -> Received:
        plan = plan_row(mapping, row, key=key, instant=from_micros(stored.version), formats=formats, nth=nth)
        [item] = plan.received(0, 1, observed_at=stored.observed_at)
        return replace(item, place=stored.place)

    item = at(1)
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
    e = t.event.c
    escaped = prefix.replace("/", "//").replace("%", "/%").replace("_", "/_")
    keys = conn.execute(
        sa.select(e.key).where(e.source == stored.source, e.key.like(f"{escaped}|%", escape="/")).distinct()
    ).scalars()
    taken = [int(tail) for name in keys if (tail := name[len(prefix) + 1 :]).isdigit()]
    return max(taken, default=0) + 1


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

"""Plain rows into tables, by the driver's own parameters: named ones, row by row, cost three times the insert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa

V = TypeVar("V")


def insert(conn: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows given in the order of the table's columns."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    statement, positional = _insert_statement(table, conn.dialect)
    if positional:
        conn.exec_driver_sql(statement, list(rows))
    else:
        conn.exec_driver_sql(statement, [dict(zip(names, row, strict=True)) for row in rows])


def next_id(conn: sa.Connection, table: sa.Table) -> int:
    """Give the number after the highest; writers are serialised, so nobody else takes it."""
    return int(conn.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0) + 1)).scalar_one())


def chunks(values: Sequence[V], size: int) -> Iterator[Sequence[V]]:
    """Cut values into parts that fit one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


@lru_cache(maxsize=64)
def _insert_statement(table: sa.Table, dialect: sa.Dialect) -> tuple[str, bool]:
    names = [column.name for column in table.columns]
    compiled = sa.insert(table).compile(dialect=dialect, column_keys=names)
    return str(compiled), compiled.positiontup is not None

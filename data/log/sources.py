"""Where readers stand."""

from __future__ import annotations

import sqlalchemy as sa

from data.log import tables as t


def read_cursor(conn: sa.Connection, source: int) -> str | None:
    """Give where the reader of a stream stands; None before its first page."""
    return conn.execute(sa.select(t.cursor.c.value).where(t.cursor.c.source == source)).scalar()

"""Rows as CSV that a spreadsheet opens without running anything that was hidden in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

#: A cell that begins with one of these is a formula to a spreadsheet.
_STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def neutral(value: object) -> object:
    """Put a quote before text that a spreadsheet would calculate; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTERS):
        return f"'{value}"
    return value


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV (RFC 4180), every text neutralised."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([neutral(c) for c in columns])
    writer.writerows([neutral(v) for v in row] for row in rows)
    return out.getvalue()

"""Tables: small ones in our own markup; a grid's key is made of its content, so that no selection outlives its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha1

from app.desk.components.text import esc


@dataclass(frozen=True)
class Column:
    """A column of a small table; `kind` is text, number or html (already escaped)."""

    title: str
    kind: str = "text"


def content_key(prefix: str, ids: Iterable[object]) -> str:
    """Name a grid after the rows that it shows: a selection made on other rows can then never reach these."""
    digest = sha1("\n".join(map(str, ids)).encode(), usedforsecurity=False).hexdigest()
    return f"{prefix}-{digest[:12]}"


ROW, HEAD = 32, 34  #: heights of a grid's row and its head, in pixels


def grid_height(rows: int, most: int) -> int:
    """Give the height that shows so many rows, at most so many pixels."""
    return min(most, HEAD + ROW * rows)


def table(columns: Sequence[Column], rows: Sequence[Sequence[object]], *, total: Sequence[object] | None = None) -> str:
    """Draw a small table; numbers stand right, a total row closes it.

    What is wider than its place scrolls, and the keyboard can scroll it because it takes the focus.
    """
    head = "".join(f'<th scope="col" class="{_css(c)}">{esc(c.title)}</th>' for c in columns)
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    foot = f'<tr class="sum">{_cells(columns, total)}</tr>' if total is not None else ""
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}{foot}</tbody>"
    place = f'<div class="fw-scroll" tabindex="0" role="group" aria-label="{", ".join(esc(c.title) for c in columns)}">'
    return f'{place}<table class="fw-table">{inner}</table></div>'


def _css(column: Column) -> str:
    return "n" if column.kind == "number" else ""


def _cells(columns: Sequence[Column], row: Sequence[object]) -> str:
    return "".join(
        f'<td class="{_css(column)}">{value if column.kind == "html" else esc(value)}</td>'
        for column, value in zip(columns, row, strict=True)
    )

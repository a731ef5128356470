"""Rows of a delimited text with the lines they stand on; a row that cannot be read is told, never swallowed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|", "^", "~")
#: A quoted cell over more lines than this is an opening quote that was never meant.
MAX_SPAN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A row's cells with the line (from 1) on which it begins; `text` instead of cells where it cannot be read."""

    number: int
    cells: list[str]
    span: int = 1
    broken: str | None = None  #: why it cannot be read
    text: str = ""


def physical_lines(text: str) -> list[str]:
    r"""Split at \n, \r\n and bare \r alike, and nowhere else."""
    return list(io.StringIO(text, newline=""))


def read_lines(lines: Sequence[str], delimiter: str, quote: str, *, start: int = 0, width: int = 0) -> Iterator[Line]:
    """Read rows; blank lines give no row.

    Where `width` is given, a row over several lines must have that many cells: otherwise its first line is reported
    as broken and reading goes on with the next one, so that one stray quote costs one row and not the rest.
    """
    position = start
    while position < len(lines):
        position = yield from _stretch(lines, delimiter, quote, position, width)


def _stretch(lines: Sequence[str], delimiter: str, quote: str, start: int, width: int) -> Generator[Line, None, int]:
    """Read until the end or the next broken row; give the position at which to go on."""
    position = start

    def feed() -> Iterator[str]:
        nonlocal position
        while position < len(lines):
            position += 1
            yield lines[position - 1]

    if quote:
        reader = csv.reader(feed(), delimiter=delimiter, quotechar=quote)
    else:
        reader = csv.reader(feed(), delimiter=delimiter, quoting=csv.QUOTE_NONE)
    while True:
        first = position
        try:
            cells = next(reader)
        except StopIteration:
            return position
        except csv.Error as error:
            yield Line(first + 1, [], broken=f"it cannot be read: {error}", text=lines[first])
            return first + 1
        span = position - first
        if span > 1 and (why := _swallowed(lines[first:position], cells, quote, width)):
            yield Line(first + 1, [], broken=why, text=lines[first])
            return first + 1
        if any(cell.strip() for cell in cells):
            yield Line(first + 1, cells, span)


def _swallowed(lines: Sequence[str], cells: Sequence[str], quote: str, width: int) -> str | None:
    if len(lines) > MAX_SPAN or sum(line.count(quote) for line in lines) % 2:
        return "a quote is opened and never closed"
    if width and len(cells) != width:
        return f"a quoted cell runs over {len(lines)} lines and the row then has {len(cells)} cells, not {width}"
    return None


def sniff_delimiter(lines: Sequence[str], quote: str, wanted: Collection[str]) -> str:
    """Find the delimiter: the one under which a line has most of the wanted columns, else the most even rows."""
    head = lines[:200]
    looked_for = {plain(name) for name in wanted}

    def score(delimiter: str) -> tuple[int, int, int]:
        rows = [line.cells for line in read_lines(head, delimiter, quote) if line.cells]
        found = max((len(looked_for & {plain(cell) for cell in cells}) for cells in rows[:60]), default=0)
        widths = Counter(len(cells) for cells in rows)
        width, times = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(0, 0))
        return found, times if width > 1 else 0, width

    return max(DELIMITERS, key=score)


def plain(name: str) -> str:
    """Give a column's name as people compare it: without case, marks and doubled blanks."""
    return " ".join(name.replace("\ufeff", "").split()).casefold()

"""A file to a table of text cells with line numbers. Rows read = rows in the file: what cannot be read is listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from data.errors import ConfigError
from data.log.cards import mask_cards
from ingest.files.delimited import Line, physical_lines, plain, read_lines, sniff_delimiter
from ingest.files.encoding import decode, is_undecodable, sniff_encoding, unpacked
from ingest.files.mapping import FileSpec

#: A header is looked for in this many lines.
HEADER_WITHIN = 60

_PARQUET = b"PAR1"
#: Cells worth a closer look for a card number.
_DIGITS = r"(?:\d[ \-\x{a0}]?){12}\d"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read."""

    line: int
    error_class: str
    message: str
    cells: dict[str, Any]  #: what was found, for the dead letter


@dataclass(frozen=True)
class FileTable:
    """All rows of a file as text; a missing cell is null."""

    name: str
    frame: pl.DataFrame  #: every column text
    lines: list[int]  #: the line on which each row begins
    bad: list[BadRow]
    about: dict[str, str]  #: what was found out: encoding, delimiter, header
    blank: int = 0

    @property
    def rows(self) -> int:
        """Count the rows of the file, readable or not."""
        return self.frame.height + len(self.bad)


def read_content(content: bytes, name: str, spec: FileSpec, wanted: Collection[str]) -> FileTable:
    """Read a file's bytes; `name` stands in messages.

    Raises:
        ConfigError: it is empty, or none of the wanted columns is in it.
    """
    if spec.format == "parquet" or (spec.format == "auto" and content[:4] == _PARQUET):
        table = _read_parquet(content, name)
    else:
        text = unpacked(content, name)
        if not text.strip():
            raise ConfigError(f"{name} is empty")
        encoding = spec.encoding or sniff_encoding(text)
        lines = physical_lines(decode(text, encoding, name))
        is_json = spec.format == "jsonl" or (spec.format == "auto" and lines[0].lstrip("\ufeff \t").startswith("{"))
        table = (_read_json if is_json else _read_delimited)(lines, name, spec, wanted)
        table.about["encoding"] = encoding
    return _masked(_filled(table, spec))


def _read_parquet(content: bytes, name: str) -> FileTable:
    try:
        frame = pl.read_parquet(content)
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"{name} begins as Parquet and cannot be read: {str(error).splitlines()[0]}") from error
    text = frame.select(_as_text(frame.schema[column], column) for column in frame.columns)
    return FileTable(name, text, list(range(1, frame.height + 1)), [], {"format": "parquet"})


def _as_text(kind: pl.DataType, column: str) -> pl.Expr:
    cell = pl.col(column)
    if isinstance(kind, pl.Struct):
        return cell.struct.json_encode()
    if isinstance(kind, pl.List | pl.Array):
        return cell.cast(pl.List(pl.String)).list.join(", ")
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        return cell.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")
    return cell.cast(pl.String)


def _read_json(lines: Sequence[str], name: str, _spec: FileSpec, _wanted: Collection[str]) -> FileTable:
    """Read one object a line; nested objects become columns such as `customer.id`, numbers keep their digits."""
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    blank = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            blank += 1
            continue
        try:
            if is_undecodable(line):
                raise ValueError("it has bytes that do not fit the file's encoding")  # noqa: TRY301 -- one way out
            rows.append(_flat(_object(line.lstrip("\ufeff"))))
            numbers.append(number)
        except (ValueError, RecursionError) as error:
            bad.append(BadRow(number, "json", f"line {number} is no JSON object: {error}", {"*line": _visible(line)}))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    frame = pl.DataFrame([pl.Series(c, [row.get(c) for row in rows], dtype=pl.String) for c in columns])
    return FileTable(name, frame, numbers, bad, {"format": "jsonl"}, blank)


def _object(line: str) -> dict[str, Any]:
    value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} was found, an object was expected")  # noqa: TRY004 -- bad data
    return value


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, str | None]:
    flat: dict[str, str | None] = {}
    for key, cell in value.items():
        match cell:
            case dict():
                flat.update(_flat(cell, f"{prefix}{key}."))
            case None:
                flat[prefix + key] = None
            case bool():
                flat[prefix + key] = "true" if cell else "false"
            case list():
                flat[prefix + key] = json.dumps(cell, ensure_ascii=False)
            case _:
                flat[prefix + key] = str(cell)
    return flat


def _read_delimited(lines: Sequence[str], name: str, spec: FileSpec, wanted: Collection[str]) -> FileTable:
    declared = lines[0].lstrip("\ufeff").strip().lower()
    start, told = (1, declared[4:]) if declared.startswith("sep=") else (0, "")
    told = "\t" if declared == "sep=" else told
    delimiter = spec.delimiter or told or sniff_delimiter(lines[start:], spec.quote, wanted)
    names, begin = _header(lines, start, delimiter, name, spec, wanted)
    cells: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    filled = begin
    for line in read_lines(lines, delimiter, spec.quote, start=begin, width=len(names)):
        filled += line.span
        fitted = _fitted(line, names, spec)
        if isinstance(fitted, BadRow):
            bad.append(fitted)
        else:
            cells.append(fitted)
            numbers.append(line.number)
    columns = zip(*cells, strict=True) if cells else ((),) * len(names)
    frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String) for n, c in zip(names, columns, strict=True)])
    about = {"format": "csv", "delimiter": delimiter, "header": "none" if spec.names else f"line {begin}"}
    return FileTable(name, frame, numbers, bad, about, len(lines) - filled)


def _header(
    lines: Sequence[str], start: int, delimiter: str, name: str, spec: FileSpec, wanted: Collection[str]
) -> tuple[list[str], int]:
    """Find the header below any title rows; give its names and the position of the first row."""
    if spec.names:
        return list(spec.names), start
    candidates = list(read_lines(lines[: start + 4 * HEADER_WITHIN], delimiter, spec.quote, start=start))
    if spec.header_row is not None:
        chosen = next((line for line in candidates if line.number == spec.header_row), None)
        if chosen is None or chosen.broken:
            raise ConfigError(f"{name} has no readable row on line {spec.header_row}, where its header was said to be")
    else:
        looked_for = {plain(column) for column in wanted}
        found = {line.number: len(looked_for & {plain(c) for c in line.cells}) for line in candidates[:HEADER_WITHIN]}
        chosen = max(candidates[:HEADER_WITHIN], key=lambda line: (found[line.number], -line.number), default=None)
        if chosen is None or not found[chosen.number]:
            first = candidates[0].cells if candidates else []
            raise ConfigError(
                f"{name}: none of the columns {', '.join(sorted(wanted))} stands in its first {HEADER_WITHIN} rows, "
                f"read with the delimiter {delimiter!r}; the first row reads {', '.join(first[:12])!r}; a file without "
                "a header needs [file] names"
            )
    return _named(chosen.cells), chosen.number - 1 + chosen.span


def _named(cells: Sequence[str]) -> list[str]:
    """Give every column a name of its own: `Name (2)` for a repeated one, `column 5` for an empty one."""
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.replace("\ufeff", "").split()) or f"column {place}"
        twin, n = name, 2
        while twin in names:
            twin, n = f"{name} ({n})", n + 1
        names.append(twin)
    return names


def _fitted(line: Line, names: Sequence[str], spec: FileSpec) -> list[str] | BadRow:
    """Bring a row to the header's width, or say why it has another."""
    cells, width = line.cells, len(names)
    if line.broken:
        return BadRow(line.number, "row", f"line {line.number}: {line.broken}", {"*line": _visible(line.text)})
    if len(cells) != width:
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        elif len(cells) < width and spec.short_rows == "fill":
            cells = [*cells, *[""] * (width - len(cells))]
        else:
            found: dict[str, Any] = dict(zip(names, map(_visible, cells), strict=False))
            if len(cells) > width:
                found["*extra"] = [_visible(cell) for cell in cells[width:]]
            message = f"line {line.number} has {len(cells)} cells, its header has {width}"
            return BadRow(line.number, "cells", message, found)
    if is_undecodable("".join(cells)):
        found = dict(zip(names, map(_visible, cells), strict=True))
        message = f"line {line.number} has bytes that do not fit the file's encoding"
        return BadRow(line.number, "encoding", message, found)
    return cells


def _visible(text: str) -> str:
    return text.rstrip("\r\n").encode("utf-8", "backslashreplace").decode()


def _filled(table: FileTable, spec: FileSpec) -> FileTable:
    """Give every row of an order what only its first row states."""
    if not spec.fill_by or spec.fill_by not in table.frame.columns:
        return table
    columns = [c for c in spec.fill_down if c in table.frame.columns]
    blank_as_null = (pl.when(pl.col(c).str.strip_chars() != "").then(pl.col(c)).alias(c) for c in columns)
    frame = table.frame.with_columns(blank_as_null).with_columns(
        pl.col(columns).forward_fill().over(spec.fill_by, order_by=None)
    )
    return _with(table, frame)


def _masked(table: FileTable) -> FileTable:
    """Mask payment card numbers before anything else sees the cells."""
    suspect = [c for c in table.frame.columns if table.frame[c].str.contains(_DIGITS).any()]
    if not suspect:
        return table
    return _with(table, table.frame.with_columns(_by_unique(table.frame[c], _mask) for c in suspect))


def _by_unique(cells: pl.Series, change: Callable[[str], str]) -> pl.Series:
    return cells.replace({cell: changed for cell in cells.unique() if cell and (changed := change(cell)) != cell})


def _mask(text: str) -> str:
    return mask_cards(text.encode()).decode()


def _with(table: FileTable, frame: pl.DataFrame) -> FileTable:
    return FileTable(table.name, frame, table.lines, table.bad, table.about, table.blank)

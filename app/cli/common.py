"""What every command needs: its store, its format, its way of printing."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from data.settings import Settings
    from data.store import Store


class Format(StrEnum):
    """How a command prints what it found."""

    table = "table"
    json = "json"
    csv = "csv"


FORMAT = Annotated[Format, typer.Option("--format", help="table for people, json or csv for programs.")]
WORKSPACE = Annotated[str, typer.Option("--workspace", help="mine (your own data) or demo.")]
AS_USER = Annotated[str, typer.Option("--as", metavar="USER", help="Who acts.")]

#: Names that are told at once where one is not known.
MOST_NAMED = 12

#: A cell that begins like this is run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def settings() -> Settings:
    """Read the settings from this process's environment."""
    from data.settings import read_settings

    return read_settings(os.environ)


def open_workspace(name: str, *, create: bool = False) -> Store:
    """Open a workspace of this user."""
    from data.store import open_store

    return open_store(settings(), name, create=create)


def emit(rows: Sequence[Mapping[str, Any]], chosen: Format) -> None:
    """Print rows on standard output: pure JSON, safe CSV, or a table."""
    printers: dict[Format, Callable[[Sequence[Mapping[str, Any]]], str]] = {
        Format.json: as_json,
        Format.csv: as_csv,
        Format.table: as_table,
    }
    typer.echo(printers[chosen](rows))


def as_json(value: object) -> str:
    """Write a value as JSON: times in ISO, decimals as strings."""
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=2)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as CSV in which no text can be run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if rows:
        writer.writerow(rows[0].keys())
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue().rstrip("\n")


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as an aligned table; numbers to the right."""
    if not rows:
        return "nothing found"
    names = list(rows[0])
    cells = [[_shown(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    right = [all(isinstance(row.get(name), int | float | Decimal | None) for row in rows) for name in names]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), line(["-" * w for w in widths]), *map(line, cells)])


def named(what: str, given: str | None, known: Collection[str]) -> str | None:
    """Find what is meant, in capitals or not: a word that nobody knows is no empty queue. None asks for all.

    Raises:
        RequestError: there is none of that name.
    """
    from data.errors import RequestError

    meant = next((name for name in known if given and name.casefold() == given.casefold()), None)
    if meant is None and given is not None:
        raise RequestError(f"there is no {what} {given!r}; there are: {', '.join(known)}")
    return meant


def tell_unknown(what: str, given: str | None, known: Collection[str]) -> None:
    """Say what there is, the likest first, where nothing is of what a filter names: a slip explains an empty list."""
    if given is None or given in known:
        return
    nearest = get_close_matches(given, known, n=MOST_NAMED, cutoff=0)
    there = "there are" if len(nearest) == len(known) else "there are, for example"
    note(f"nothing here is of {what} {given!r}; {there}: {', '.join(nearest) or 'none'}")


def note(text: str) -> None:
    """Tell a person something on standard error, so that standard output stays what was asked for."""
    typer.echo(text, err=True)


def progress(what: str, done: int, total: int) -> None:
    """Show how far long work is; one line on a terminal, a line now and then elsewhere."""
    text = f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
        if done >= total > 0:
            sys.stderr.write("\n")
        sys.stderr.flush()
    elif done == total or done % 10_000 == 0:
        note(text)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _cell(value: object) -> object:
    if isinstance(value, str) and value.lstrip(" \u00a0").startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json.dumps(value, default=_plain) if isinstance(value, list | dict) else value


def _shown(value: object) -> str:
    match value:
        case None:
            text = "—"
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = value.strftime("%Y-%m-%d %H:%M:%S%z").replace("+0000", "Z")
        case float():
            text = f"{value:,.4f}"
        case int():
            text = f"{value:,}"
        case list() | dict():
            text = json.dumps(value, default=_plain, ensure_ascii=False)
        case _:
            text = str(value).replace("\n", " ")
    return text

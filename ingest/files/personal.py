"""What is about people leaves a table before anything else sees it: columns are dropped, keys become keyed hashes."""

from __future__ import annotations

import re

import polars as pl

from ingest.files.cells import pattern, trimmed
from ingest.files.convert import find_column, pseudonym
from ingest.files.mapping import FieldSpec, Mapping, columns_of

#: Column names that say that the cells are about a person.
_LOOKS_PERSONAL = re.compile(
    r"(?:billing|shipping|customer|buyer|recipient|consignee|ship|bill)[ _.-]*(?:to[ _.-]*)?"
    r"(?:(?:first|last|full)[ _.-]*)?(?:name|address|street|phone|zip|postal|city|company)\w*(?:[ _.-]*\d)?"
    r"|.*\b(?:e-?mail|phone|telephone|mobile)\b.*|(?:first|last|full)[ _.-]*name|street\w*|address\w*",
    re.IGNORECASE,
)


def without_persons(frame: pl.DataFrame, mapping: Mapping, key: bytes) -> tuple[pl.DataFrame, list[str]]:
    """Drop what is personal and hash what names a customer; give the names of what was dropped as well."""
    hashed = {
        column: spec for spec in _specs(mapping) if spec.pseudonym
        for name in columns_of(spec) if (column := find_column(name, frame.columns))
    }  # fmt: skip
    used = {column for name in mapping.columns if (column := find_column(name, frame.columns))}
    kept = {column for name in mapping.personal.keep if (column := find_column(name, frame.columns))}
    told = {column for name in mapping.personal.drop if (column := find_column(name, frame.columns))}
    looks = {column for column in frame.columns if _LOOKS_PERSONAL.fullmatch(column.rpartition(".")[2])}
    dropped = [column for column in frame.columns if column in (told | (looks - kept)) - used]
    clean = frame.drop(dropped).with_columns(
        _hashed(frame[column], mapping, spec, key) for column, spec in hashed.items()
    )
    return clean, dropped


def _specs(mapping: Mapping) -> list[FieldSpec]:
    return [*mapping.fields.values(), *(spec for rule in mapping.rules for spec in rule.fields.values())]


def _hashed(cells: pl.Series, mapping: Mapping, spec: FieldSpec, key: bytes) -> pl.Series:
    nothing = pattern((*spec.missing, *mapping.file.missing))
    table: dict[str, str | None] = {}
    for raw in cells.drop_nulls().unique():
        cell = trimmed(raw, spec.trim)
        known = bool(cell) and not (nothing is not None and nothing.fullmatch(cell))
        table[raw] = pseudonym(cell, key) if known else None
    return cells.replace_strict(table, default=None, return_dtype=pl.String) if table else cells

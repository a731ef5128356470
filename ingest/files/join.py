"""Several files as one table: the columns of a second file looked up by key, never multiplying rows."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from data.errors import ConfigError
from ingest.files.convert import find_column
from ingest.files.mapping import JoinSpec
from ingest.files.read import FileTable

UNMATCHED = "*unmatched"  #: which required partner a row lacks


@dataclass(frozen=True)
class Joined:
    """The table with the columns of the second file as `name.column`, and what came of it."""

    frame: pl.DataFrame
    unmatched: int  #: rows without a partner
    unused: int  #: partners without a row


def join(frame: pl.DataFrame, other: FileTable, name: str, spec: JoinSpec, place: str) -> Joined:
    """Look up the columns of another file.

    Raises:
        ConfigError: a key column is missing, or the other file has several different rows for one key, which would
            multiply rows.
    """
    here = [_column(column, frame.columns, f"{place}: join.{name}.on") for column in spec.on]
    there = [_column(column, other.frame.columns, f"{place}: join.{name}.on") for column in spec.on.values()]
    partners = _single(other, there, name, spec, place)
    keys = [f"*key {n}" for n in range(len(here))]
    left = frame.with_columns(pl.col(c).str.strip_chars().alias(k) for c, k in zip(here, keys, strict=True))
    right = partners.select(
        *(pl.col(c).str.strip_chars().alias(k) for c, k in zip(there, keys, strict=True)),
        *(pl.col(c).alias(f"{name}.{c}") for c in partners.columns),
        pl.lit(value=True).alias("*found"),
    )
    done = left.join(right, on=keys, how="left", maintain_order="left")
    lacking = done["*found"].is_null()
    if spec.required:
        known = pl.col(UNMATCHED) if UNMATCHED in done.columns else pl.lit(None, pl.String)
        said = pl.concat_str(
            pl.lit(f"{other.name} has no row for "), *(pl.col(k).fill_null("") for k in keys), separator=""
        )
        done = done.with_columns(pl.coalesce(known, pl.when(pl.col("*found").is_null()).then(said)).alias(UNMATCHED))
    used = left.select(keys).unique().join(right.select(keys), on=keys, how="inner").height
    return Joined(done.drop(*keys, "*found"), int(lacking.sum()), right.height - used)


def _column(name: str, columns: list[str], where: str) -> str:
    found = find_column(name, columns)
    if found is None:
        raise ConfigError(f"{where}: there is no column {name!r}; there are {', '.join(columns)}")
    return found


def _single(other: FileTable, keys: list[str], name: str, spec: JoinSpec, place: str) -> pl.DataFrame:
    """Reduce the other file to one row a key; equal rows are one, different ones are refused unless told."""
    rows = other.frame.with_columns(pl.Series("*line", other.lines, dtype=pl.Int64))
    unique = rows.unique(subset=other.frame.columns, keep="first", maintain_order=True)
    twice = unique.filter(pl.struct(keys).is_duplicated())
    if twice.is_empty():
        return unique.drop("*line")
    if spec.duplicates == "refuse":
        first = twice.sort(*keys, "*line").head(2)
        key = ", ".join(str(first[column][0]) for column in keys)
        raise ConfigError(
            f"{place}: join.{name}: {other.name} has {twice.select(keys).unique().height:,} keys with several "
            f"different rows, such as {key!r} on lines {first['*line'][0]} and {first['*line'][1]}; joining would "
            "multiply rows; clean the file or say duplicates = 'first' or 'last'"
        )
    return unique.unique(subset=keys, keep=spec.duplicates, maintain_order=True).drop("*line")

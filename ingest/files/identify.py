"""Which row is which: the identity of each line, whatever the order of the rows.

Equal lines in one order are real (`repeats = "lines"`: the n-th occurrence is part of the identity) or the same row
twice (`repeats = "duplicates"`). Occurrences are counted in the order of the rows' content, so that a file with its
rows shuffled states the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ingest.files.convert import CLASS, ERROR, ROW
from ingest.files.statements import Statement

KEY, LINE, NTH = "*key", "*line id", "*n"


def identify(
    frame: pl.DataFrame, statement: Statement, identity: Sequence[str], repeats: str, *, first: int = 1
) -> pl.DataFrame:
    """Give every good row its key, and each row that belongs to a document the id of its line.

    `first` is the first occurrence's number: a single row that is read again may be a later one.
    """
    good = frame.filter(pl.col(ERROR).is_null())
    bad = frame.filter(pl.col(ERROR).is_not_null())
    content = list(statement.fields)
    numbered = _numbered(good, list(identity), content, repeats).with_columns(pl.col(NTH) + (first - 1))
    if statement.document is None:
        numbered = numbered.with_columns(pl.lit(1, pl.Int64).alias(NTH))
    key = _joined([*identity, NTH] if statement.document else list(identity))
    parts = [name for name in identity if name != statement.document]
    line = _joined([*parts, NTH])
    if parts == ["line"]:
        line = pl.when(pl.col(NTH) == 1).then(pl.col("line")).otherwise(line)
    numbered = numbered.with_columns(key.alias(KEY), line.alias(LINE))
    if statement.contradicts:
        numbered = _without_contradictions(numbered, content)
    nothing = pl.lit(None, pl.String)
    return pl.concat([numbered.drop(NTH), bad.with_columns(nothing.alias(KEY), nothing.alias(LINE))], how="vertical")


def _numbered(good: pl.DataFrame, identity: list[str], content: list[str], repeats: str) -> pl.DataFrame:
    repeated = pl.struct(identity).is_duplicated()
    single = good.filter(~repeated).with_columns(pl.lit(1, pl.Int64).alias(NTH))
    several = good.filter(repeated).sort(content, nulls_last=True, maintain_order=True)
    if repeats == "duplicates":
        first = pl.struct(content).ne_missing(pl.struct(content).shift()).cast(pl.Int64).cum_sum()
        rank = first.rank("dense").over(identity)
        several = several.with_columns(first.alias("*c")).with_columns(rank.cast(pl.Int64).alias(NTH)).drop("*c")
    else:
        several = several.with_columns(pl.int_range(1, pl.len() + 1).over(identity).cast(pl.Int64).alias(NTH))
    return pl.concat([single, several], how="vertical")


def _joined(names: Sequence[str]) -> pl.Expr:
    r"""Put parts together with `|`; a `|` within one is written `\|`, so that no two identities look alike."""
    parts = []
    for name in names:
        part = pl.col(name).cast(pl.String).fill_null("")
        parts.append(part.str.replace_all("\\", "\\\\", literal=True).str.replace_all("|", "\\|", literal=True))
    return pl.concat_str(parts, separator="|")


def _without_contradictions(numbered: pl.DataFrame, content: list[str]) -> pl.DataFrame:
    """Set aside every row whose identity the file states in two ways: nobody knows which one holds."""
    contents = pl.struct(content).n_unique().over(KEY)
    said = pl.concat_str(pl.lit("the file states "), pl.col(KEY), pl.lit(" in several ways, so that none can be taken"))
    against = contents > 1
    return numbered.with_columns(
        pl.when(against).then(said).otherwise(pl.col(ERROR)).alias(ERROR),
        pl.when(against).then(pl.lit("contradiction")).otherwise(pl.col(CLASS)).alias(CLASS),
    )


def in_file_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Bring rows back into the order of the file."""
    return frame.sort(ROW)

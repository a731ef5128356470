"""The fact tables on disk: Delta Lake, a compacted base plus a small append-only tail of retractions and assertions.

A changed row is appended to the tail as its old form (weight -1) and its new form (weight +1). Additive measures are
sums of weight times value over both; row lists are netted. Why not merge: docs/decisions/0004.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from data.errors import RequestError
from data.facts import ENTITY, TABLES, FactTable

WEIGHT = "weight"
_APP = "fillwell-fold"

Versions = dict[str, dict[str, int]]  #: table -> {"base": Delta version, "tail": Delta version}


@dataclass(frozen=True)
class Facts:
    """One publication of the facts: every table at the version that belongs with the others."""

    id: int
    position: int
    published_at: datetime
    frames: Mapping[str, tuple[pl.LazyFrame, pl.LazyFrame]]  #: table -> (base without weight, tail with weight)
    _memo: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, published_at: datetime, **tables: pl.DataFrame) -> Facts:
        """Make facts from frames in memory, for tests and what-ifs; tables not given are empty."""
        empty = {name: (_empty(t).lazy(), _empty_tail(t).lazy()) for name, t in TABLES.items()}
        given = {name: (frame.lazy(), _empty_tail(TABLES[name]).lazy()) for name, frame in tables.items()}
        return cls(0, 0, published_at, {**empty, **given})

    def weighted(self, table: str) -> pl.LazyFrame:
        """Give every row with its `weight`: sums of weight times value are right, a count is a sum of weights."""
        base, tail = self._frames(table)
        return pl.concat([base.with_columns(pl.lit(1, pl.Int8).alias(WEIGHT)), tail], how="vertical")

    def rows(self, table: str) -> pl.LazyFrame:
        """Give the rows as they stand: those that the tail touches are netted."""
        base, tail = self._frames(table)
        touched = self._tail(table)
        if touched.is_empty():
            return base
        entities = touched.select(ENTITY).unique()
        changed = pl.concat(
            [
                base.join(entities.lazy(), on=ENTITY, how="semi").with_columns(pl.lit(1, pl.Int8).alias(WEIGHT)),
                touched.lazy(),
            ],
            how="vertical",
        )
        return pl.concat(
            [base.join(entities.lazy(), on=ENTITY, how="anti"), net(changed, TABLES[table])], how="vertical"
        )

    def frame(self, table: str) -> pl.DataFrame:
        """Give the rows as they stand, collected; kept for the life of this publication."""
        if table not in self._memo:
            self._memo[table] = self.rows(table).collect()
        return self._memo[table]

    def has(self, table: str, where: pl.Expr | None = None) -> bool:
        """Tell whether any row of a table is known for which `where` holds: what needs it is armed only then."""
        name = f"{table}/has {where}"
        if name not in self._memo:
            rows = self.weighted(table)
            self._memo[name] = (rows if where is None else rows.filter(where)).select(WEIGHT).head(1).collect()
        return self._memo[name].height > 0

    def _tail(self, table: str) -> pl.DataFrame:
        name = f"{table}/tail"
        if name not in self._memo:
            self._memo[name] = self._frames(table)[1].collect()
        return self._memo[name]

    def _frames(self, table: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        if table not in self.frames:
            raise RequestError(f"there is no fact table {table!r}; there are: {', '.join(sorted(self.frames))}")
        return self.frames[table]


def net(weighted: pl.LazyFrame, table: FactTable) -> pl.LazyFrame:
    """Sum the weights of equal rows and keep those that stand; identical rows are kept as often as they stand."""
    columns = table.schema.names()
    counted = weighted.group_by(columns).agg(pl.col(WEIGHT).cast(pl.Int64).sum()).filter(pl.col(WEIGHT) > 0)
    return _repeat(counted, columns)


def _repeat(counted: pl.LazyFrame, columns: list[str]) -> pl.LazyFrame:
    once = counted.select(columns)
    again = (
        counted.filter(pl.col(WEIGHT) > 1)
        .with_columns(pl.int_ranges(1, WEIGHT).alias(WEIGHT))
        .explode(WEIGHT)
        .select(columns)
    )
    return pl.concat([once, again], how="vertical")


def difference(old: pl.DataFrame, new: pl.DataFrame, table: FactTable) -> pl.DataFrame:
    """Give the tail rows that turn `old` into `new`: retractions and assertions, nothing for what stays."""
    columns = table.schema.names()
    both = pl.concat([new.with_columns(pl.lit(1).alias(WEIGHT)), old.with_columns(pl.lit(-1).alias(WEIGHT))])
    changed = both.group_by(columns).agg(pl.col(WEIGHT).sum()).filter(pl.col(WEIGHT) != 0)
    return changed.with_columns(pl.col(WEIGHT).cast(pl.Int8))


@dataclass
class Lake:
    """The folder of fact tables; one process folds at a time, any number read."""

    folder: Path
    _open: dict[tuple[str, str], DeltaTable] = field(default_factory=dict)

    def frames(self, versions: Versions) -> dict[str, tuple[pl.LazyFrame, pl.LazyFrame]]:
        """Open the tables at a publication's versions; tables it does not name are empty."""
        return {
            name: (
                self._scan(table, "base", versions.get(name, {}).get("base"), _empty(table)),
                self._scan(table, "tail", versions.get(name, {}).get("tail"), _empty_tail(table)),
            )
            for name, table in TABLES.items()
        }

    def versions(self) -> Versions:
        """Tell the newest version of every table on disk."""
        found: Versions = {}
        for name in TABLES:
            for part in ("base", "tail"):
                if (handle := self._handle(name, part)) is not None:
                    found.setdefault(name, {})[part] = handle.version()
        return found

    def current(self, table: FactTable, entities: pl.DataFrame) -> pl.DataFrame:
        """Give the standing rows of some entities at the newest version, published or not."""
        parts = []
        for part, empty in (("base", _empty(table)), ("tail", _empty_tail(table))):
            handle = self._handle(table.name, part)
            rows = self._scan(table, part, None if handle is None else handle.version(), empty)
            chosen = rows.join(entities.lazy(), on=ENTITY, how="semi")
            parts.append(chosen if part == "tail" else chosen.with_columns(pl.lit(1, pl.Int8).alias(WEIGHT)))
        return net(pl.concat(parts, how="vertical"), table).collect()

    def append_tail(self, table: FactTable, changes: pl.DataFrame, position: int) -> None:
        """Append retractions and assertions up to a log position."""
        self._write(table.name, "tail", changes, "append", position)

    def write_base(self, table: FactTable, rows: pl.DataFrame, position: int) -> None:
        """Replace base and tail with these rows: a rebuild or a compaction."""
        self._write(table.name, "base", rows, "overwrite", position)
        if self._handle(table.name, "tail") is not None:
            self._write(table.name, "tail", _empty_tail(table), "overwrite", position)

    def tail_size(self, table: FactTable) -> tuple[int, int]:
        """Count the tail's rows and files."""
        handle = self._handle(table.name, "tail")
        if handle is None:
            return 0, 0
        return handle.count(), len(handle.file_uris())

    def _path(self, name: str, part: str) -> str:
        return str(self.folder / name / part)

    def _handle(self, name: str, part: str) -> DeltaTable | None:
        handle = self._open.get((name, part))
        if handle is None:
            try:
                handle = self._open[name, part] = DeltaTable(self._path(name, part))
            except TableNotFoundError:
                return None
        handle.update_incremental()
        return handle

    def _write(self, name: str, part: str, rows: pl.DataFrame, mode: str, position: int) -> None:
        handle = self._handle(name, part)
        write_deltalake(
            self._path(name, part) if handle is None else handle,
            rows,
            mode=mode,  # type: ignore[arg-type]
            commit_properties=CommitProperties(app_transactions=[Transaction(_APP, position)]),
        )

    def _scan(self, table: FactTable, part: str, version: int | None, empty: pl.DataFrame) -> pl.LazyFrame:
        if version is None:
            return empty.lazy()
        return pl.scan_delta(self._path(table.name, part), version=version).select(empty.columns)


def _empty(table: FactTable) -> pl.DataFrame:
    return pl.DataFrame(schema=table.schema)


def _empty_tail(table: FactTable) -> pl.DataFrame:
    return pl.DataFrame(schema={**table.schema, WEIGHT: pl.Int8})

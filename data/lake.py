"""The fact tables on disk: Delta Lake, a compacted base plus a small append-only tail of retractions and assertions.

A changed row is appended to the tail as its old form (weight -1) and its new form (weight +1). Additive measures are
sums of weight times value over both; row lists are netted. Why not merge: docs/decisions/0004.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from data.errors import RequestError, StoreError
from data.facts import ENTITY, TABLES, FactTable

WEIGHT = "weight"
_APP = "fillwell-fold"

#: Log files are cleaned by data/keep.py, which knows what is still named; a checkpoint keeps opening fast.
_PROPERTIES = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 2 days",
    "delta.checkpointInterval": "50",
}

Versions = dict[str, dict[str, int]]  #: table -> {"base": Delta version, "tail": Delta version}
Files = dict[str, dict[str, list[str]]]  #: table -> {"base": files, "tail": files}, relative to the folder
Frames = dict[str, tuple[pl.LazyFrame, pl.LazyFrame]]  #: table -> (base without weight, tail with weight)
_Mode = Literal["append", "overwrite"]


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
        base, _ = self._frames(table)
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
        """Tell whether any row of a table stands for which `where` holds: what needs it is armed only then."""
        self.learn([(table, where)])
        return bool(self._memo[_proof(table, where)].item())

    def learn(self, proofs: Iterable[tuple[str, pl.Expr | None]]) -> None:
        """Find out what `has` will be asked, with one pass a table; kept for the life of this publication."""
        unknown = {_proof(*proof): proof for proof in proofs if _proof(*proof) not in self._memo}
        passes = {
            table: [_weight(where).alias(name) for name, (of, where) in unknown.items() if of == table]
            for table, _ in unknown.values()
        }
        for found in pl.collect_all([self.weighted(table).select(sums) for table, sums in passes.items()]):
            self._memo.update({column.name: column.to_frame() for column in found})

    def _tail(self, table: str) -> pl.DataFrame:
        name = f"{table}/tail"
        if name not in self._memo:
            self._memo[name] = self._frames(table)[1].collect()
        return self._memo[name]

    def _frames(self, table: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        if table not in self.frames:
            raise RequestError(f"there is no fact table {table!r}; there are: {', '.join(sorted(self.frames))}")
        return self.frames[table]


def _proof(table: str, where: pl.Expr | None) -> str:
    return f"{table}/has {where}"


def _weight(where: pl.Expr | None) -> pl.Expr:
    weight = pl.col(WEIGHT).cast(pl.Int64)
    return (weight if where is None else weight.filter(where)).sum()


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
    """The folder of fact tables: one process writes at a time, any number read.

    A writer begins from the versions that the last publication names: what a crash left beyond them is taken back, so
    that doing the same work again gives the same tables.
    """

    folder: Path
    versions: Versions = field(default_factory=dict)  #: what the writer stands on
    _open: dict[tuple[str, str], DeltaTable] = field(default_factory=dict)
    _named: dict[tuple[str, str, int], list[str]] = field(default_factory=dict)

    def frames(self, versions: Versions, *, older: bool = False) -> Frames:
        """Open the tables at a publication's versions; tables it does not name are empty.

        `older`: an older program made them, so that columns may be missing: they are null until the next fold.
        """

        def scan(table: FactTable, part: str, empty: pl.DataFrame) -> pl.LazyFrame:
            version = versions.get(table.name, {}).get(part)
            return self._scan_older(table, part, version, empty) if older else self._scan(table, part, version, empty)

        return {
            name: (scan(table, "base", _empty(table)), scan(table, "tail", _empty_tail(table)))
            for name, table in TABLES.items()
        }

    def frames_of_files(self, files: Files) -> Frames:
        """Open the tables as the files of a kept publication hold them."""

        def scan(names: list[str], empty: pl.DataFrame) -> pl.LazyFrame:
            paths = [str(self.folder / name) for name in names]
            return pl.scan_parquet(paths).select(empty.columns) if paths else empty.lazy()

        return {
            name: (
                scan(files.get(name, {}).get("base", []), _empty(table)),
                scan(files.get(name, {}).get("tail", []), _empty_tail(table)),
            )
            for name, table in TABLES.items()
        }

    def files(self, versions: Versions) -> Files:
        """Name the files, relative to the folder, that hold the tables at these versions."""
        found: Files = {}
        for name, parts in versions.items():
            for part, version in parts.items():
                if (name, part, version) not in self._named:
                    uris = DeltaTable(self._path(name, part), version=version).file_uris()
                    self._named[name, part, version] = sorted(f"{name}/{part}/{Path(uri).name}" for uri in uris)
                found.setdefault(name, {})[part] = self._named[name, part, version]
        return found

    @contextmanager
    def writing(self, *, wait_seconds: float = 120.0) -> Iterator[None]:
        """Be the only writer; `versions` must then be set to what the last publication names.

        The lock is a database's own: it goes with the process, however that ends.

        Raises:
            StoreError: another program is publishing and does not end, or the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(self.folder / "writer.lock", timeout=wait_seconds, isolation_level=None)
        try:
            with _explained(self.folder):
                lock.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            lock.close()

    def current(self, table: FactTable, entities: pl.DataFrame) -> pl.DataFrame:
        """Give the standing rows of some entities as the writer sees them."""
        parts = []
        for part, empty in (("base", _empty(table)), ("tail", _empty_tail(table))):
            version = self.versions.get(table.name, {}).get(part)
            rows = self._scan(table, part, version, empty).filter(
                pl.col(ENTITY).is_between(
                    pl.lit(entities[ENTITY].min()), pl.lit(entities[ENTITY].max())
                )  # skips row groups
            )
            chosen = rows.join(entities.lazy(), on=ENTITY, how="semi")
            parts.append(chosen if part == "tail" else chosen.with_columns(pl.lit(1, pl.Int8).alias(WEIGHT)))
        return net(pl.concat(parts, how="vertical"), table).collect()

    def append_tail(self, table: FactTable, changes: pl.DataFrame, position: int) -> None:
        """Append retractions and assertions up to a log position."""
        self._write(table.name, "tail", changes.select(_empty_tail(table).columns), "append", position)

    def write_base(self, table: FactTable, rows: pl.DataFrame, position: int) -> None:
        """Replace base and tail with these rows: a rebuild or a compaction."""
        self._write(table.name, "base", rows, "overwrite", position)
        if self._standing(table.name, "tail") is not None:
            self._write(table.name, "tail", _empty_tail(table), "overwrite", position)

    def tail_size(self, table: FactTable) -> tuple[int, int]:
        """Count the tail's rows and files as the writer sees them."""
        handle = self._standing(table.name, "tail")
        return (0, 0) if handle is None else (handle.count(), len(handle.file_uris()))

    def _path(self, name: str, part: str) -> str:
        return str(self.folder / name / part)

    def _standing(self, name: str, part: str) -> DeltaTable | None:
        """Open the newest version of a table and take back what was never published."""
        handle = self._open.get((name, part))
        try:
            handle = DeltaTable(self._path(name, part)) if handle is None else handle
        except TableNotFoundError:
            return None
        self._open[name, part] = handle
        handle.update_incremental()
        expected = self.versions.get(name, {}).get(part)
        if handle.version() != expected:
            if expected is None:
                self._commit(handle, _empty_of(name, part), "overwrite", 0)
            else:
                handle.restore(expected)
                handle.update_incremental()
            self.versions.setdefault(name, {})[part] = handle.version()
        return handle

    def _write(self, name: str, part: str, rows: pl.DataFrame, mode: _Mode, position: int) -> None:
        with _explained(self.folder):
            handle = self._standing(name, part)
            self._commit(self._path(name, part) if handle is None else handle, rows, mode, position)
            if handle is None:
                handle = self._open[name, part] = DeltaTable(self._path(name, part))
        self.versions.setdefault(name, {})[part] = handle.version()

    def _commit(self, table: str | DeltaTable, rows: pl.DataFrame, mode: _Mode, position: int) -> None:
        """Write rows in one commit that carries the log position; another writer's makes it fail."""
        commit = CommitProperties(app_transactions=[Transaction(_APP, position)], max_commit_retries=0)
        if mode == "append":
            write_deltalake(table, rows, mode="append", configuration=_PROPERTIES, commit_properties=commit)
        else:
            write_deltalake(
                table, rows, mode="overwrite", schema_mode="overwrite", configuration=_PROPERTIES,
                commit_properties=commit,
            )  # fmt: skip
        if isinstance(table, DeltaTable):
            table.update_incremental()

    def _scan(self, table: FactTable, part: str, version: int | None, empty: pl.DataFrame) -> pl.LazyFrame:
        if version is None:
            return empty.lazy()
        return pl.scan_delta(self._path(table.name, part), version=version).select(empty.columns)

    def _scan_older(self, table: FactTable, part: str, version: int | None, empty: pl.DataFrame) -> pl.LazyFrame:
        if version is None:
            return empty.lazy()
        rows = pl.scan_delta(self._path(table.name, part), version=version)
        known = rows.collect_schema().names()
        missing = [pl.lit(None, kind).alias(name) for name, kind in empty.schema.items() if name not in known]
        return rows.with_columns(missing).select(empty.columns)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say in one sentence why the tables cannot be written."""
    try:
        yield
    except CommitFailedError as error:
        raise StoreError(f"another program publishes to {folder} at the same time; run it again") from error
    except (sqlite3.OperationalError, OSError, DeltaError) as error:
        cause = " ".join(str(error).split())
        remedy = next((text for key, text in _REMEDIES.items() if key in cause), None)
        if remedy is None:
            raise
        raise StoreError(f"the facts in {folder} cannot be written: {remedy}") from error


_REMEDIES = {
    "No space left": "the disk is full; free some space and start again, nothing that was acknowledged is lost",
    "disk is full": "the disk is full; free some space and start again, nothing that was acknowledged is lost",
    "Permission denied": "make the folder and what is in it writable",
    "Read-only file system": "its file system is read-only",
    "readonly": "make the folder and what is in it writable",
    "unable to open": "make the folder and what is in it writable",
    "locked": "another program is publishing; wait or stop the other one",
}


def _empty(table: FactTable) -> pl.DataFrame:
    return pl.DataFrame(schema=table.schema)


def _empty_tail(table: FactTable) -> pl.DataFrame:
    return pl.DataFrame(schema={**table.schema, WEIGHT: pl.Int8})


def _empty_of(name: str, part: str) -> pl.DataFrame:
    return _empty(TABLES[name]) if part == "base" else _empty_tail(TABLES[name])

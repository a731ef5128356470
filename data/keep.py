"""Housekeeping of publications: which are kept to look back at, and which files nobody names any more.

Kept are the newest ones, the last of each day for 35 days, and the last of each month. All but the very newest then
name their files themselves, so that the tables' own history may go; everything else is deleted.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from deltalake import DeltaTable

from data.lake import Files, Lake
from data.log import tables as t
from data.publish import Publication, publication_of
from data.store import Store

#: The newest so many are kept: readers may stand on them.
NEWEST = 20
DAYS = 35
#: A file younger than this may belong to a reader's or writer's work in hand; real time.
YOUNG_SECONDS = 3600.0


@dataclass(frozen=True)
class Kept:
    """What housekeeping did."""

    publications: int  #: kept
    deleted: int  #: publications that nobody can open any more
    files: int  #: deleted
    bytes: int  #: freed


def to_keep(publications: Sequence[Publication], now: datetime, *, newest: int = NEWEST) -> set[int]:
    """Choose the publications to keep: the newest, the last of each day for 35 days, the last of each month."""
    ordered = sorted(publications, key=lambda p: p.id)
    kept = {p.id for p in ordered[-newest:]}
    days: dict[str, int] = {}
    months: dict[str, int] = {}
    for p in ordered:
        if p.published_at >= now - timedelta(days=DAYS):
            days[p.published_at.strftime("%Y-%m-%d")] = p.id
        months[p.published_at.strftime("%Y-%m")] = p.id
    return kept | set(days.values()) | set(months.values())


def keep_house(
    store: Store, *, now: datetime, newest: int = NEWEST, young_seconds: float = YOUNG_SECONDS, lake: Lake | None = None
) -> Kept:
    """Delete publications that are not kept, and files that no kept one names."""
    lake = lake or Lake(store.facts)
    with lake.writing():
        with store.log.read() as conn:
            query = sa.select(t.publication).order_by(t.publication.c.id)
            publications = [publication_of(row) for row in conn.execute(query)]
        if not publications:
            return Kept(0, 0, 0, 0)
        kept = to_keep(publications, now, newest=newest)
        files = {p.id: p.files if p.files is not None else lake.files(p.tables) for p in publications if p.id in kept}
        with store.log.write() as conn:
            for p in publications:
                row = t.publication.c.id == p.id
                if p.id not in kept:
                    conn.execute(sa.delete(t.publication).where(row))
                elif p.id != publications[-1].id and p.files is None:
                    packed = zlib.compress(json.dumps(files[p.id]).encode())
                    conn.execute(sa.update(t.publication).where(row).values(files=packed))
        deleted, freed = _sweep(store.facts, files.values(), young_seconds)
        for name, parts in publications[-1].tables.items():
            for part in parts:
                table = DeltaTable(str(store.facts / name / part))
                table.create_checkpoint()
                table.cleanup_metadata()
    return Kept(len(kept), len(publications) - len(kept), deleted, freed)


def _sweep(folder: Path, named: Iterable[Files], young_seconds: float) -> tuple[int, int]:
    """Delete data files that no publication names and that are not young."""
    wanted = {name for files in named for parts in files.values() for names in parts.values() for name in names}
    deleted = freed = 0
    for file in folder.glob("*/*/*.parquet"):
        state = file.stat()
        if str(file.relative_to(folder)) in wanted or time.time() - state.st_mtime < young_seconds:
            continue
        file.unlink()
        deleted, freed = deleted + 1, freed + state.st_size
    return deleted, freed

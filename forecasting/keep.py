"""The projection kept beside the facts: one Parquet file, replaced in one step, with the publication it rests on."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data.clock import from_micros, to_micros
from forecasting.projection import SCHEMA

FILE = "projection.parquet"
#: Raised with every change of columns or meaning: a file of another program version is ignored, not guessed at.
VERSION = "3"


class Projection(NamedTuple):
    """A projection with the publication that it rests on and the business time for which it was made."""

    frame: pl.DataFrame
    publication: int
    published_at: datetime  #: what was read later is not in it
    at: datetime


def save_projection(folder: Path, made: Projection) -> None:
    """Keep a projection; a reader sees the old file or the new one, never a part of either."""
    written = folder / f".{FILE}.{os.getpid()}"
    times = {"published_at": str(to_micros(made.published_at)), "at": str(to_micros(made.at))}
    made.frame.write_parquet(written, metadata={"version": VERSION, "publication": str(made.publication), **times})
    written.replace(folder / FILE)


def load_projection(folder: Path) -> Projection | None:
    """Give the kept projection; None where there is none that this version of the program wrote."""
    file = folder / FILE
    try:
        body = file.read_bytes()
        metadata = pl.read_parquet_metadata(body)
        if metadata.get("version") != VERSION:
            return None
        frame = pl.read_parquet(body)
    except (FileNotFoundError, pl.exceptions.ComputeError):
        return None
    if frame.schema != SCHEMA:
        return None
    published_at, at = (from_micros(int(metadata[name])) for name in ("published_at", "at"))
    return Projection(frame, int(metadata["publication"]), published_at, at)

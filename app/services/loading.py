"""How far the first reading of a workspace is."""

from __future__ import annotations

from dataclasses import dataclass

from app.progress import read_progress
from data.store import Store


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Long work under way: what it is, and its share done where that is known."""

    what: str
    done: int
    share: float | None


def loading(store: Store) -> Loading | None:
    """Tell what is being read before the first figures are published; None where nothing is under way."""
    progress = read_progress(store.facts.parent)
    if progress is None or progress.ready:
        return None
    share = min(progress.done / progress.total, 1.0) if progress.total else None
    return Loading(what=progress.what, done=progress.done, share=share)

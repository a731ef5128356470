"""The business clock of a workspace: real time, or real time plus the lead that the demo's sandbox has."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from data.clock import system_clock
from data.errors import StoreError
from data.store import Store

CLOCK_FILE = "clock.json"  #: {"ahead_seconds": n}, beside the workspace's databases


def business_now(store: Store) -> datetime:
    """Tell the business time of a workspace: aware, UTC."""
    return system_clock() + lead(store.facts.parent)


def lead(folder: Path) -> timedelta:
    """Read how far the workspace's clock is ahead of real time; zero where nothing says so.

    Raises:
        StoreError: the clock file is not what it must be.
    """
    file = folder / CLOCK_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return timedelta()
    try:
        return timedelta(seconds=float(json.loads(text)["ahead_seconds"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f'{file} is damaged: {{"ahead_seconds": number}} was expected; delete it to use real time'
        ) from error

"""The engine's business clock: real time plus the lead that a demo's sandbox has, measured now and then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from app.progress import replace_json
from app.services.clock import CLOCK_FILE
from data.clock import system_clock


@dataclass
class BusinessClock:
    """Tells business time; `lead` is set by `follow`, or stepped by a check."""

    lead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        """Tell the business time: aware, UTC."""
        return system_clock() + self.lead


@dataclass
class SteppedClock:
    """Tells the time it was set to: a check steps it together with the sandbox and never sleeps."""

    now: datetime

    def __call__(self) -> datetime:
        """Tell the time as last set."""
        return self.now


def follow(clock: BusinessClock, sandbox_url: str, folder: Path) -> None:
    """Measure a sandbox's lead over real time and note it for the other processes; keep the old one if it is silent."""
    try:
        answer = httpx.get(f"{sandbox_url}/clock", timeout=5.0).raise_for_status().json()
    except httpx.HTTPError:
        return
    clock.lead = datetime.fromisoformat(answer["now"]) - system_clock()
    replace_json(folder / CLOCK_FILE, {"ahead_seconds": clock.lead.total_seconds()})

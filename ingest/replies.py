"""What a webhook's sender is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from data.log.append import Tally

LARGEST_BODY = 1024 * 1024
#: Refusals before a stream is known are counted here.
DOOR = "webhooks"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender is told: 2xx it arrived, 4xx it never will, 503 try again."""

    status: int
    body: dict[str, str]
    tally: Tally = field(default_factory=Tally)

"""The sandbox's side entrance: its clock, its faults and its truth. No part of the product proper may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from data.errors import SourceUnavailable

_TOKEN = {"Authorization": "Bearer judge-token"}


@dataclass(frozen=True)
class Judge:
    """The one who knows what is really so in the sandbox."""

    client: httpx.Client

    def now(self) -> datetime:
        """Tell the sandbox's time."""
        return datetime.fromisoformat(self._json("GET", "/clock")["now"])

    def advance(self, by: timedelta) -> datetime:
        """Let the sandbox live through some time at once."""
        answer = self._json("POST", "/clock/advance", {"seconds": by.total_seconds()})
        return datetime.fromisoformat(answer["now"])

    def run(self) -> None:
        """Let the sandbox's time run from now on, a second a second."""
        self._json("POST", "/clock", {"running": True})

    def inject(self, kind: str, **parameters: object) -> list[dict[str, Any]]:
        """Cause faults and give what was caused, with its detector and subject."""
        answer = self._json("POST", "/faults", {"kind": kind, **parameters})
        faults: list[dict[str, Any]] = answer["faults"] if isinstance(answer, dict) else answer
        return faults

    def violations(self) -> list[dict[str, Any]]:
        """Give all that is wrong in the sandbox's own state at this instant."""
        found: list[dict[str, Any]] = self._json("GET", "/truth")["violations"]
        return found

    def about(self) -> dict[str, Any]:
        """Give what the sandbox says of itself."""
        return dict(self._json("GET", "/about"))

    def state(self, system: str, stream: str, key: str) -> dict[str, Any]:
        """Give the true state of one item, past every fault of the feeds."""
        return dict(self._json("GET", f"/state/{system}/{stream}/{key}"))

    def _json(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 -- JSON
        try:
            answer = self.client.request(method, path, json=body, headers=_TOKEN)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise SourceUnavailable(f"the sandbox did not answer {method} {path}: {error}") from error
        return answer.json()


def judge_at(url: str) -> Judge:
    """Open the side entrance of a sandbox; advancing time may take a while."""
    # A connection that rested while time was spent elsewhere may be closed under us: each request opens its own.
    limits = httpx.Limits(max_keepalive_connections=0)
    return Judge(httpx.Client(base_url=url, timeout=120.0, limits=limits))
